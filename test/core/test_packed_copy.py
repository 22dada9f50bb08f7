"""Many tensors in one copy: the same values, types and shapes."""

import numpy as np
import pytest
import torch

from autoseg3d_core.operation_counts import OperationTimer
from autoseg3d_core.packed_copy import to_host

TENSORS = {
    "whole": torch.arange(7),
    "real": torch.rand(5, 3),
    "turned": torch.rand(4, 3).T,
    "few": torch.tensor([True, False, True]),
    "bytes": torch.arange(6, dtype=torch.uint8).view(2, 3),
    "short": torch.tensor([-1, 300], dtype=torch.int16),
    "double": torch.rand(1, 2, dtype=torch.float64),
    "nothing": torch.zeros(0, 6),
    "one": torch.tensor(3.5),
}


def test_what_arrives_is_what_was_sent():
    arrays = to_host(TENSORS)
    assert list(arrays) == list(TENSORS)
    for name, tensor in TENSORS.items():
        assert arrays[name].dtype == tensor.numpy().dtype, name
        assert arrays[name].shape == tuple(tensor.shape), name
        np.testing.assert_array_equal(arrays[name], tensor.numpy())


def test_a_device_is_waited_for_once_for_all_of_them():
    timer = OperationTimer()
    with torch.inference_mode(), timer.stage("copy"):
        to_host(TENSORS)
    assert timer.stages["copy"].waits == 1


def test_what_arrives_is_no_window_into_the_tensors():
    tensor = torch.zeros(3)
    array = to_host({"a": tensor})["a"]
    tensor += 1
    assert array.tolist() == [0, 0, 0]


@pytest.mark.parametrize("tensors", [{}, {"none": torch.zeros(0)}])
def test_nothing_arrives_as_nothing(tensors):
    assert {name: len(array) for name, array in to_host(tensors).items()} == dict.fromkeys(tensors, 0)
