import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from autoseg3d_core.checkpoints.format import Checkpoint, load
from autoseg3d_core.training.batches import NumberedBatches, loaded
from autoseg3d_core.training.loop import Loop, LoopConfig

CPU = torch.device("cpu")


class Line:
    """Learns a line; a batch is a tensor of places."""

    def __init__(self):
        torch.manual_seed(0)
        self.module = nn.Linear(2, 1)

    def losses(self, batch):
        error = self.module(batch) - batch @ torch.tensor([[2.0], [-1.0]])
        return {"square": error.square().mean()}

    def checkpoint(self, module, step):
        return Checkpoint(module.state_dict(), {"line": True}, f"step {step}")


def places(number):
    return torch.randn(8, 2, generator=torch.Generator().manual_seed(number))


def run(out, steps, **settings):
    trainee = Line()
    loop = Loop(
        trainee, LoopConfig(steps=steps, warmup=5, save_every=5, learning_rate=0.1, **settings), out, CPU
    )
    accumulate = loop.config.accumulate
    loop.run(loaded(NumberedBatches(places, loop.step * accumulate), 0))
    return trainee, loop


def test_it_learns_logs_and_writes_the_averaged_weights(tmp_path):
    _, loop = run(tmp_path, 200)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["square"] < 0.01 * rows[0]["square"]
    assert (tmp_path / "curves.png").stat().st_size > 1000
    weights = load(tmp_path / "weights.safetensors")
    assert weights.source == "step 200"
    assert torch.equal(weights.tensors["weight"], loop.averaged.weight)


def test_training_goes_on_where_it_was_left(tmp_path):
    straight, _ = run(tmp_path / "straight", 20)
    trainee = Line()
    broken_off = Loop(trainee, LoopConfig(steps=20, warmup=5, learning_rate=0.1), tmp_path / "parts", CPU)
    for number in range(10):
        broken_off.train([places(number)])
    torch.save(broken_off._everything(), tmp_path / "parts" / "state.pt")
    resumed, loop = run(tmp_path / "parts", 20)
    assert loop.step == 20
    assert torch.equal(straight.module.weight, resumed.module.weight)


def test_the_learning_rate_rises_then_falls_to_nothing(tmp_path):
    loop = Loop(Line(), LoopConfig(steps=100, warmup=10, learning_rate=1.0), tmp_path, CPU)
    rates = [loop.learning_rate(step) for step in range(101)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.5**0.9)
    assert rates[-1] == 0


def test_batches_that_are_accumulated_count_as_one(tmp_path):
    whole, halves = (Loop(Line(), LoopConfig(warmup=0), tmp_path / name, CPU) for name in ("whole", "halves"))
    batch = places(3)
    whole.train([batch])
    halves.train([batch[:4], batch[4:]])
    torch.testing.assert_close(whole.trainee.module.weight, halves.trainee.module.weight)


def test_a_step_without_a_number_changes_nothing(tmp_path):
    loop = Loop(Line(), LoopConfig(warmup=0), tmp_path, CPU)
    before = loop.trainee.module.weight.clone()
    loop.train([torch.full((4, 2), float("nan"))])
    assert torch.equal(loop.trainee.module.weight, before)
    loop.train([places(0)])
    assert not torch.equal(loop.trainee.module.weight, before)


def test_the_best_validated_weights_are_kept(tmp_path):
    scores = iter([0.2, 0.5, 0.3, 0.4])
    loop = Loop(Line(), LoopConfig(steps=40, validate_every=10, warmup=0), tmp_path, CPU)
    loop.run(loaded(NumberedBatches(places), 0), lambda module: {"ap": next(scores)})
    assert json.loads((tmp_path / "best.json").read_text()) == {"ap": 0.5, "step": 20}
    assert load(tmp_path / "best.safetensors").source == "step 20"


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_come_in_order_however_many_make_them(workers):
    batches = loaded(NumberedBatches(places, first=3, every=2), workers)
    for number in (3, 5, 7, 9, 11):
        assert torch.equal(next(batches), places(number))


PROCESS = """
import sys, torch
from torch import distributed, nn
from autoseg3d_core.training.loop import average_gradients
distributed.init_process_group("gloo")
rank = distributed.get_rank()
torch.manual_seed(0)
module = nn.Linear(3, 1)
data = torch.arange(12.0).view(4, 3)
module(data[2 * rank : 2 * rank + 2]).square().mean().backward()
average_gradients(module)
whole = nn.Linear(3, 1)
whole.load_state_dict(module.state_dict())
whole(data).square().mean().backward()
for ours, expected in zip(module.parameters(), whole.parameters()):
    torch.testing.assert_close(ours.grad, expected.grad)
distributed.destroy_process_group()
"""


def test_two_processes_take_the_step_of_one_with_both_batches():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, "--no-python", sys.executable, "-c", PROCESS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
