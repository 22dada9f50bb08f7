"""What is counted of a stage: operations, waits and bytes, with composite operations taken apart."""

import pytest
import torch

from autoseg3d_core.operation_counts import Counts, OperationTimer

VALUES = torch.arange(12, dtype=torch.float32)
MASK = VALUES > 5


def counted(work, inference=True) -> Counts:
    timer = OperationTimer()
    with torch.inference_mode(inference), timer.stage("work"):
        work()
    return timer.stages["work"]


@pytest.mark.parametrize("inference", [True, False])
@pytest.mark.parametrize(
    ("work", "operations"),
    [
        (lambda: VALUES + 1, 1),
        (lambda: VALUES.view(3, 4).T[:, 1:].unsqueeze(0), 0),
        (lambda: torch.zeros(3), 1),
        (lambda: torch.matmul(VALUES.view(1, 3, 4), VALUES.view(4, 3)), 1),
        (lambda: VALUES.double(), 1),
        (lambda: VALUES.float(), 0),
        (lambda: VALUES.clone().add_(1), 2),
    ],
)
def test_operations_are_counted_and_views_are_not(work, operations, inference):
    found = counted(work, inference)
    assert found.operations == operations
    assert found.waits == 0


@pytest.mark.parametrize(
    "work",
    [
        lambda: VALUES[MASK],
        lambda: VALUES.clone().__setitem__(MASK, torch.ones(6)),
        lambda: MASK.nonzero(),
        lambda: torch.unique(VALUES),
        lambda: torch.bincount(VALUES.long()),
        lambda: VALUES[0].item(),
        lambda: bool(MASK.any()),
        lambda: torch.equal(VALUES, VALUES + 1),
        lambda: torch.masked_select(VALUES, MASK),
        lambda: torch.repeat_interleave(VALUES, torch.ones(12, dtype=torch.int64)),
        lambda: VALUES.cpu(),
        lambda: VALUES.tolist(),
    ],
)
def test_what_the_host_has_to_wait_for_is_a_wait(work):
    assert counted(work).waits == 1


@pytest.mark.parametrize(
    "work",
    [
        lambda: VALUES[torch.tensor([1, 2])],
        lambda: torch.where(MASK, VALUES, 0.0),
        lambda: VALUES.clone().masked_fill_(MASK, 0.0),
        lambda: VALUES.sort(),
        lambda: torch.zeros(4).index_add_(0, torch.tensor([1]), torch.ones(1)),
    ],
)
def test_what_stays_on_the_device_is_none(work):
    assert counted(work).waits == 0


@pytest.mark.parametrize(
    ("work", "copied"),
    [
        (lambda: VALUES.to("cpu"), 48),
        (lambda: VALUES.to(torch.device("cpu")), 48),
        (lambda: VALUES.cpu(), 48),
        (lambda: torch.tensor([1, 2], device="cpu"), 16),
        (lambda: VALUES.to(torch.float64), 0),
        (lambda: VALUES.clone(), 0),
    ],
)
def test_bytes_that_go_between_host_and_device_are_counted(work, copied):
    assert counted(work).copied_bytes == copied


def test_stages_of_one_name_add_up_and_what_is_between_stages_is_not_counted():
    timer = OperationTimer()
    for _ in range(2):
        with timer.stage("lift"):
            VALUES + 1
        VALUES + 1
    assert timer.stages == {"lift": Counts(operations=2)}
    assert timer.stages["lift"] / 2 == Counts(operations=1)
    assert timer.milliseconds() == {}


def test_a_stage_that_fails_is_counted_no_further():
    timer = OperationTimer()
    with pytest.raises(RuntimeError), timer.stage("lift"):
        VALUES @ VALUES[:3]
    VALUES + 1
    assert timer.stages["lift"].operations <= 1
