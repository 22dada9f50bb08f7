"""Freed memory is kept: an array that is made again is not mapped anew."""

import subprocess
import sys

import pytest

from autoseg3d_core.freed_memory import keep_freed_memory

MAKE_AND_DROP = """
import resource
import numpy as np
from autoseg3d_core.freed_memory import keep_freed_memory
if {keep}:
    keep_freed_memory()
def make():
    return [np.ones(n * 1_000_000, np.uint8) for n in range(1, 20)]
make()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    make()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep):
    words = [sys.executable, "-c", MAKE_AND_DROP.format(keep=keep)]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def test_arrays_made_again_and_again_are_not_mapped_again():
    if not keep_freed_memory():
        pytest.skip("the C library has no mallopt")
    assert faults(keep=True) < faults(keep=False) / 10
