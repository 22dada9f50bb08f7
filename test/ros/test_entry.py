"""The executable says in one sentence which package is missing or unusable, and ends when told to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TIMEOUT_S = 60


def start(folder=None, *arguments):
    """Start the executable with a folder of modules that hide the real ones."""
    path = os.pathsep.join(filter(None, [str(folder or ""), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "autoseg3d_ros.entry", "--ros-args", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "RCUTILS_LOGGING_BUFFERED_STREAM": "0"},
        start_new_session=True,
    )


HIDE = """
import sys
class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(name, name=name)
import importlib.util
original = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {hidden!r} else original(name, package)
sys.meta_path.insert(0, Hiding())
"""


@pytest.mark.parametrize("hidden", [["torch"], ["jaxtyping", "safetensors"]])
def test_a_missing_package_is_told_at_configure(tmp_path, hidden):
    (tmp_path / "sitecustomize.py").write_text(HIDE.format(hidden=hidden))
    process = start(tmp_path)
    said, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1, said
    [line] = [line for line in said.splitlines() if "cannot configure" in line]
    assert f"{', '.join(hidden)} {'is' if len(hidden) == 1 else 'are'} not installed" in line
    assert "On a robot" in line
    assert "Traceback" not in said


def test_an_opencv_built_for_another_numpy_is_told_at_configure(tmp_path):
    failure = "raise ImportError('numpy.core.multiarray failed to import')"
    (tmp_path / "cv2.py").write_text(failure)
    process = start(tmp_path)
    said, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert "cv2 cannot be used with NumPy" in said
    assert "multiarray failed" in said
    assert "Traceback" not in said


def test_under_a_manager_an_unusable_node_waits_to_be_asked(tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('wrong build')")
    process = start(tmp_path, "-p", "autostart:=false")
    while not catches(process, signal.SIGTERM):
        time.sleep(0.005)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def catches(process, number):
    """Tell whether a process has a handler of its own for a signal (Python has none for SIGTERM)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(mask >> (number - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the handlers from Linux's /proc")
@pytest.mark.parametrize("after_s", [0.0, 1.0])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_loading_ends_the_node_with_code_0(sent, after_s):
    process = start()
    while not catches(process, signal.SIGTERM):
        time.sleep(0.005)
    time.sleep(after_s)
    process.send_signal(sent)
    said, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, said
    assert "Traceback" not in said
