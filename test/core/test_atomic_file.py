"""What takes the place of a file is whole; whatever goes wrong before, the old file stays as it was."""

import os
import resource
import stat
import subprocess
import sys

import pytest

from autoseg3d_core.atomic_file import replacing

STALLS = """
import sys, time
from autoseg3d_core.atomic_file import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"new" * 100_000)
    file.flush()
    print("half", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "map.bin"
    path.write_bytes(b"old")
    return path


def only_the_old_one_is_there(path):
    return path.read_bytes() == b"old" and os.listdir(path.parent) == [path.name]


def test_a_whole_file_takes_the_place_of_the_old_one(old):
    with replacing(old) as file:
        file.write(b"new")
        assert old.read_bytes() == b"old"
    assert old.read_bytes() == b"new"
    assert os.listdir(old.parent) == [old.name]


def test_a_process_that_is_killed_leaves_the_old_file(old):
    child = subprocess.Popen([sys.executable, "-c", STALLS, str(old)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "half\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert old.read_bytes() == b"old"


def test_a_disk_that_is_full_leaves_the_old_file(old):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"), replacing(old) as file:
            file.write(b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert only_the_old_one_is_there(old)


def test_a_block_that_fails_leaves_the_old_file(old):
    with pytest.raises(TypeError), replacing(old) as file:
        file.write("text")
    assert only_the_old_one_is_there(old)


def test_a_file_is_readable_by_whom_the_umask_lets_read(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "a") as file:
            file.write(b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path, old):
    link = tmp_path / "link"
    link.symlink_to(old)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert old.read_bytes() == b"new"


@pytest.mark.parametrize("place", ["nowhere/map.bin", "map.bin/map.bin", "folder", "pipe"])
def test_a_place_that_cannot_be_written_is_an_error(tmp_path, old, place):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(OSError), replacing(tmp_path / place) as file:  # noqa: PT011 (any of its kinds)
        file.write(b"new")
    assert sorted(os.listdir(tmp_path)) == before


def test_what_a_killed_writer_left_is_removed_by_the_next_and_nothing_else(old):
    names = [f".{old.name}.0123abcd.part", f".{old.name}.89abcdef.part"]
    others = [
        ".other.bin.0123abcd.part",
        f".{old.name}.0123abc.part",
        f".{old.name}.mine.part",
        f"{old.name}.part",
    ]
    for name in (*names, *others):
        (old.parent / name).write_bytes(b"half")
        os.utime(old.parent / name, (1.0, 1.0))
    os.utime(old.parent / names[1])  # somebody may be writing to it at this moment
    with replacing(old) as file:
        file.write(b"new")
    assert sorted(os.listdir(old.parent)) == sorted([old.name, names[1], *others])
    assert old.read_bytes() == b"new"
