import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from functools import partial
from pathlib import Path

import pytest

import autoseg3d_core
from autoseg3d_core import build
from autoseg3d_core.cli import doctor
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.cli.commands import COMMANDS
from autoseg3d_core.errors import ConfigError, InputError

ROOT = Path(__file__).resolve().parents[3]
RECORDING = str(ROOT / "demo" / "recording")
HEAVY = ("torch", "numpy", "scipy", "cv2", "mujoco", "rosbags", "spconv", "rclpy")
LOADED = "import sys; print(sorted(set(sys.modules) & set({heavy!r})))"


def run(*arguments, then=""):
    code = f"from autoseg3d_core.cli.__main__ import main\ntry:\n    main({list(arguments)!r})\n"
    code += f"except SystemExit as end:\n    assert not end.code, end.code\n{then}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_help_names_every_command_without_importing_anything_heavy():
    text = run("--help", then=LOADED.format(heavy=HEAVY))
    assert all(name in text for name in COMMANDS)
    assert text.endswith("[]\n")


def test_help_of_doctor_imports_nothing_heavy():
    assert run("doctor", "--help", then=LOADED.format(heavy=HEAVY)).endswith("[]\n")


@pytest.mark.parametrize("command", ["demo", "replay", "bench", "doctor"])
def test_each_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"autoseg3d {command}" in capsys.readouterr().out


def test_an_unknown_command_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as end:
        main(["segment"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "segment" in said
    assert all(name in said for name in COMMANDS)


def test_no_command_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no/such/recording", "no/such/recording"),
        ("simulation:five", "whole number"),
        (f"{RECORDING} --simulation frames=3", "--simulation is for simulation:SEED"),
        (f"{RECORDING} --depth-scale 0.001", "units per metre, e.g. 1000"),
        (f"{RECORDING} --depth-scale 1000 --depth-unit mm", "give one of them"),
        (f"{RECORDING} --topics colour=/a", "no such input; use one of color, depth"),
        (f"{RECORDING} --topics color=/a", "no messages on /a; it has"),
        ("simulation:5000 --swap-colors", "needs no corrections, so --swap-colors has no effect"),
    ],
)
def test_a_source_that_cannot_be_read_is_exit_code_2_with_a_message(source, said, tmp_path, capsys):
    assert main(["replay", *source.split(), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("autoseg3d replay: ")
    assert said in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("topic: no image"), 2, "topic: no image"),
        (ConfigError("lifting.pionts: unknown"), 2, "lifting.pionts: unknown"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_ends_a_command_early_is_told_by_its_exit_code(error, code, said, monkeypatch, capsys):
    def fail():
        raise error

    monkeypatch.setattr(doctor, "all_findings", fail)
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == f"autoseg3d doctor: {said}\n"


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_a_reader_that_goes_away_ends_a_command_without_a_word(words, tmp_path):
    words = [sys.executable, "-m", "autoseg3d_core.cli", *words]
    with (tmp_path / "err").open("w+") as errors:
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors)
        child.stdout.close()
        assert child.wait() == 0
        errors.seek(0)
        assert errors.read() == ""


def test_a_pipe_that_breaks_elsewhere_is_an_error_and_not_taken_for_the_reader(monkeypatch):
    def fail():
        raise BrokenPipeError("a worker")

    monkeypatch.setattr(doctor, "all_findings", fail)
    monkeypatch.setattr("autoseg3d_core.cli.__main__._reader_is_gone", lambda: False)
    with pytest.raises(BrokenPipeError, match="a worker"):
        main(["doctor"])


SLOW_IMPORT = """
import sys, types
class Slow:
    def find_spec(self, name, *_):
        if name == "torch":
            import time
            print("importing", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
from autoseg3d_core.cli.__main__ import main
sys.exit(main(["replay", "nowhere", "--out", "nowhere"]))
"""


def test_ctrl_c_while_libraries_are_loaded_ends_without_a_traceback(tmp_path):
    words = [sys.executable, "-c", SLOW_IMPORT]
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # not so in a shell's background
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, preexec_fn=listening, **pipes) as child:
        assert child.stdout.readline() == "importing\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == -signal.SIGINT  # a shell says 130
        assert child.stderr.read() == ""


def test_other_errors_are_not_hidden(monkeypatch):
    monkeypatch.setattr(doctor, "all_findings", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_the_network_s_bench_measures_each_pair_and_its_memory_is_bounded(tmp_path, capsys):
    pytest.importorskip("mujoco")
    figures = tmp_path / "network.json"
    words = "--frames 4 --points 500 --unet edge --backend torch --max-voxels 1000 --device cpu --json"
    small = ["--simulation", "width=64", "height=48"]
    assert main(["bench-network", *words.split(), str(figures), *small]) == 0
    [row] = json.loads(figures.read_text())
    assert (row["unet"], row["backend"], row["frames"]) == ("edge", "torch", 2)
    assert set(row["stages_ms"]) == {"voxels", "stem", "encode", "memory", "decode", "queries"}
    assert row["whole_ms"] > 0
    assert "edge" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    written = ElementTree.parse(ROOT / "package.xml").findtext("version")
    assert capsys.readouterr().out == f"autoseg3d {written}\n"
    assert autoseg3d_core.__version__ == written


def test_settings_are_shown_as_a_file_that_config_takes(tmp_path, capsys):
    assert main(["config", "show", "lifting.points=5000"]) == 0
    (tmp_path / "mine.yaml").write_text(capsys.readouterr().out)
    assert build.load(tmp_path / "mine.yaml") == build.load(None, ("lifting.points=5000",))
    words = ["tracks.dormant_after_frames=5", "--config", str(tmp_path / "mine.yaml"), "--changed"]
    assert main(["config", "show", *words]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if "#" not in line]
    assert shown == ["lifting:", "  points: 5000", "tracks:", "  dormant_after_frames: 5"]


def test_one_section_of_the_settings_is_shown_alone_and_one_that_is_not_there_is_told(capsys):
    assert main(["config", "show", "masks.edge"]) == 0
    assert capsys.readouterr().out.startswith("masks:\n  edge:\n    # ")
    assert main(["config", "show", "mask"]) == 2
    assert "known: device, masks, lifting" in capsys.readouterr().err
    assert main(["config", "show", "lifting.pionts=3"]) == 2
    assert "did you mean 'points'" in capsys.readouterr().err


def test_the_shell_completes_commands_options_and_files(tmp_path):
    pytest.importorskip("shtab")
    script = run("completion", "bash")
    (tmp_path / "completion.bash").write_text(script)
    (tmp_path / "kitchen.bag").touch()
    ask = """
    . ./completion.bash
    complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_autoseg3d; echo "${COMPREPLY[@]}"; }
    complete_words autoseg3d rep
    complete_words autoseg3d replay --pose-con
    complete_words autoseg3d replay --pose-convention ros
    complete_words autoseg3d replay kit
    """
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split("\n") == ["replay", "--pose-convention", "ros-body", "kitchen.bag", ""], (
        done.stderr
    )
