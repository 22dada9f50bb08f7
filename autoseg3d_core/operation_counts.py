"""What the stages of a frame ask of a device: operations, those that wait for it, and bytes copied.

Counted on any device, so that a CPU tells what a GPU would be asked. An operation is one launch there; one
whose result says how large it is, or what the host does next, is a wait.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

WAITING_TAGS = {torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output}
"""What torch itself says of operations such as `nonzero`, `unique`, `bincount` and `item`."""
FREE = {torch.ops.aten._unsafe_view}
"""Views that are not declared as such."""
INDEXING = {torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_}
"""Operations that wait if an index is a mask."""
READS = {Tensor.cpu, Tensor.tolist}
"""Ways to the host; each waits, on a CPU nothing is done for them."""
WRITES = {Tensor.to, Tensor.cuda, torch.tensor, torch.as_tensor}
"""Ways to the device, if one is named."""


CORE = Path(__file__).resolve().parent
HELPERS = ("operation_counts.py", "packed_copy.py", "structures/rows.py", "geometry/", "sparse/keys.py")
"""Files of the core that work for others: whoever calls them is named instead."""


@dataclass(frozen=True)
class Counts:
    """What was asked of a device: operations that are not views, those that wait for it, bytes copied.

    Bytes copied go between host and device; on a CPU they are those that would, at most.
    """

    operations: float = 0
    waits: float = 0
    copied_bytes: float = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.operations + other.operations,
            self.waits + other.waits,
            self.copied_bytes + other.copied_bytes,
        )

    def __truediv__(self, frames: int) -> Counts:
        return Counts(self.operations / frames, self.waits / frames, self.copied_bytes / frames)


class OperationTimer:
    """A `timing.Timer` that counts what each stage asks for, and takes no time.

    `waits` has how often a stage waited where in the core: (stage, file and function).
    """

    def __init__(self) -> None:
        self.stages: defaultdict[str, Counts] = defaultdict(Counts)
        self.waits: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what the body of a `with` block asks for under this name."""
        self.stages[name] += Counts()

        def count(counts: Counts) -> None:
            self.stages[name] += counts
            if counts.waits:
                self.waits[name, _place()] += int(counts.waits)

        with _Calls(count), _Operations(count):
            yield

    def milliseconds(self) -> dict[str, float]:
        """Return nothing: counting takes longer than what is counted."""
        return {}


class _Operations(TorchDispatchMode):
    """Counts what reaches a device, with composite operations taken apart."""

    def __init__(self, count: Callable[[Counts], None]) -> None:
        super().__init__()
        self._count = count

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        with self:  # in inference mode composite operations come here whole
            parts = func.decompose(*args, **(kwargs or {}))
        if parts is not NotImplemented:
            return parts
        if not (func.is_view or func.overloadpacket in FREE):
            self._count(Counts(operations=1, waits=int(_waits(func, args))))
        return func(*args, **(kwargs or {}))


class _Calls(TorchFunctionMode):
    """Counts the calls that carry a tensor between host and device, which a CPU need not carry out."""

    def __init__(self, count: Callable[[Counts], None]) -> None:
        super().__init__()
        self._count = count

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in READS:
            self._count(Counts(waits=1, copied_bytes=args[0].nbytes))
        elif func in WRITES and _names_device(args, kwargs or {}) and _moved(args[0], result):
            self._count(Counts(copied_bytes=result.nbytes))
        return result


def _place() -> str:
    """Return the file and the function of the core that asks now, helpers left out."""
    frame = sys._getframe(1)
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if CORE in file.parents and not file.relative_to(CORE).as_posix().startswith(HELPERS):
            return f"{file.relative_to(CORE).as_posix()} {frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]
    return "elsewhere"


def _waits(func: Any, args: Sequence[Any]) -> bool:
    if func.overloadpacket in INDEXING:
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    return bool(WAITING_TAGS & set(func.tags))


def _names_device(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    given = [*args[1:], *kwargs.values()]
    return any(isinstance(value, torch.device) or (isinstance(value, str) and value != "") for value in given)


def _moved(before: Any, after: Tensor) -> bool:
    return not isinstance(before, Tensor) or before.device != after.device or after.device.type == "cpu"
