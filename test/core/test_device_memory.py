"""A GPU without memory left: the frame is done again with less, the ids stay, and one warning says so."""

import numpy as np
import pytest
import torch

from autoseg3d_core import build, device_memory
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.device_memory import with_less_memory
from autoseg3d_core.models.network import Network
from autoseg3d_core.resources import resource_path
from autoseg3d_core.sparse import gather_backend
from autoseg3d_core.sparse.layers import SubmanifoldConv

FRAMES = 4


class Full:
    """Stands for something that finds the memory full at some of its calls."""

    def __init__(self, work, calls):
        self.work, self.calls, self.count = work, calls, 0

    def __call__(self, *arguments, **options):
        self.count += 1
        if self.count - 1 in self.calls:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.work(*arguments, **options)


@pytest.fixture(autouse=True)
def _not_yet_warned():
    device_memory._warn_once.cache_clear()


@pytest.fixture(scope="module")
def frames():
    recording = open_sequence(resource_path("demo/recording"))
    return [recording[index] for index in range(FRAMES)]


def segmenter():
    return build.online_segmenter(build.load(None, ("device=cpu", "model.network.backend=gather")))


def uses_gather(network: Network) -> list[bool]:
    convolutions = [module for module in network.modules() if isinstance(module, SubmanifoldConv)]
    return [module.backend.name == "gather" for module in convolutions]


def same_ids(first, second):
    assert first.tracks.ids.tolist() == second.tracks.ids.tolist()
    assert first.events == second.events
    assert np.array_equal(first.mask_ids, second.mask_ids)
    assert (first.label_image == second.label_image).mean() > 0.999  # backends differ in the last bits


@pytest.fixture(scope="module")
def plain(frames):
    online = segmenter()
    return [online.step(frame) for frame in frames]


def test_a_full_memory_in_the_network_changes_no_id_and_is_said_once(frames, plain, monkeypatch, caplog):
    online = segmenter()
    assert all(uses_gather(online.model.network))
    updates = [online.step(frames[0])]
    monkeypatch.setattr(gather_backend, "multiply_rows", Full(gather_backend.multiply_rows, {3, 4}))
    updates += [online.step(frame) for frame in frames[1:]]
    for pair in zip(updates, plain, strict=True):
        same_ids(*pair)
    assert not any(uses_gather(online.model.network))
    assert len(caplog.records) == 1
    assert "memory is full" in caplog.text


def test_a_full_memory_in_the_decoder_or_the_masks_changes_no_id(frames, plain, monkeypatch, caplog):
    online = segmenter()
    decoder = online.model.network.decoder
    monkeypatch.setattr(decoder, "decode", Full(decoder.decode, {1}))
    online.mask_maker = Full(online.mask_maker, {2})
    updates = [online.step(frame) for frame in frames]
    for pair in zip(updates, plain, strict=True):
        same_ids(*pair)
    assert len(caplog.records) == 1


def test_what_is_too_much_all_the_same_fails_one_frame_and_changes_no_track(frames, plain, monkeypatch):
    online = segmenter()
    online.step(frames[0])
    before = online.memory.tracks
    with monkeypatch.context() as patch:
        patch.setattr(Network, "encode", Full(Network.encode, {0, 1}))
        with pytest.raises(torch.cuda.OutOfMemoryError):
            online.step(frames[1])
    assert online.memory.tracks is before
    same_ids(online.step(frames[1]), plain[1])


def test_work_that_fits_is_done_once():
    done = []
    assert with_less_memory(lambda: done.append(1) or 7, lambda: done.append("spared")) == 7
    assert done == [1]


def test_other_errors_pass():
    def fail():
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        with_less_memory(fail, lambda: pytest.fail("nothing to be spared"))
