"""The assembly of fragments learns on a U-Net that stays as it is."""

import pytest
import torch

from autoseg3d_core.checkpoints.format import load, save
from autoseg3d_core.checkpoints.network_weights import network_of
from autoseg3d_core.checkpoints.weights import weights_path
from autoseg3d_core.datasets.clips import prepared_scenes
from autoseg3d_core.structures import InputError
from autoseg3d_core.training.assembly_trainee import (
    UNET_PARTS,
    AssemblyTrainee,
    AssemblyTrainingConfig,
    KeptBatches,
)

START = weights_path("autoseg3d-edge")
CPU = torch.device("cpu")


@pytest.mark.parametrize("by", ["centers", "pairs"])
def test_the_decoder_learns_and_the_u_net_stays(prepared, tmp_path, by):
    config = AssemblyTrainingConfig(
        start=str(START),
        by=by,
        masks="truth-parts",
        again=1,
        renew=2,
        points=1000,
        kept=str(tmp_path / "kept"),
    )
    torch.manual_seed(0)
    trainee = AssemblyTrainee(config, ("chair", "table"), CPU)
    batches = KeptBatches(config, trainee.network, prepared_scenes(prepared), seed=0)
    optimizer = torch.optim.AdamW(trainee.network.decoder.parameters(), lr=1e-3)
    sums = []
    for _ in range(8):
        total = torch.stack(list(trainee.losses(batches(0)).values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        sums.append(total.item())
    assert sums[-1] < 0.9 * sums[0]
    save(tmp_path / "weights.safetensors", trainee.checkpoint(trainee.network, 8))
    learned = network_of(load(tmp_path / "weights.safetensors"), "weights")
    assert learned.shape.decoder.by == by
    before, after = load(START).tensors, learned.state_dict()
    same = [name for name in before if name.split(".")[0] in UNET_PARTS]
    assert same
    assert all(torch.equal(before[name].float(), after[name].float()) for name in same)


@pytest.mark.parametrize(
    ("by", "labels", "goes_on"),
    [("pairs", None, True), ("pairs", ("chair", "table"), False), ("centers", None, False)],
)
def test_training_goes_on_from_a_decoder_of_the_same_kind_and_labels(by, labels, goes_on):
    start = weights_path("samosaic3d-edge")
    stored = load(start)
    trainee = AssemblyTrainee(
        AssemblyTrainingConfig(start=str(start), by=by), labels or stored.config["labels"], CPU
    )
    after = trainee.network.state_dict()
    shared = [n for n in stored.tensors if n.startswith("decoder.layers.") and n.endswith("weight")]
    assert shared
    assert all(torch.equal(stored.tensors[n].float(), after[n]) for n in shared) == goes_on


def test_without_weights_to_start_from_it_says_what_to_give():
    with pytest.raises(InputError, match=r"assembly\.start"):
        AssemblyTrainee(AssemblyTrainingConfig(), ("chair",), CPU)
