"""Importing us leaves everything else in the process as it was."""

import subprocess
import sys

SCRIPT = """
import importlib, locale, logging, os, pkgutil, random, signal, sys, threading, warnings
import cv2, numpy as np, scipy, torch

def state():
    return {
        "print options": np.get_printoptions(),
        "errors of numpy": np.geterr(),
        "random of numpy": np.random.get_state()[1].tolist(),
        "random": random.getstate(),
        "random of torch": torch.get_rng_state().tolist(),
        "threads of torch": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch": (torch.get_default_dtype(), torch.is_grad_enabled(), torch.backends.cudnn.benchmark),
        "print options of torch": vars(torch._tensor_str.PRINT_OPTS).copy(),
        "precision": (torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled()),
        "OpenCV": (cv2.getNumThreads(), cv2.useOptimized(), cv2.ocl.useOpenCL()),
        "signals": {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)},
        "logging": (logging.getLogger().level, list(logging.getLogger().handlers)),
        "warnings": [str(f) for f in warnings.filters],
        "warnings": [str(f) for f in warnings.filters],
        "hooks": (sys.excepthook, threading.excepthook, warnings.showwarning, sys.getrecursionlimit()),
        "environment": dict(os.environ),
        "place": (os.getcwd(), locale.setlocale(locale.LC_ALL)),
        "threads": threading.active_count(),
    }

import motmetrics, jaxtyping, pooch, tqdm, yaml, rosbags.rosbag2, scipy.special  # what they change is theirs
before = state()
import autoseg3d_core
for module in pkgutil.walk_packages(autoseg3d_core.__path__, "autoseg3d_core."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        assert error.name == "triton", error  # the one library that is needed at the top of a module
after = state()
print([name for name in before if before[name] != after[name]])
"""


def test_importing_every_module_changes_nothing_that_is_global():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"
