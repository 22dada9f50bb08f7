import pytest

from autoseg3d_core.resources import resource_path
from autoseg3d_core.structures import InputError


def test_a_bundled_file_is_found():
    assert resource_path("msg/Instance.msg").read_text().startswith("#")


def test_a_workspace_on_the_prefix_path_is_searched(tmp_path, monkeypatch):
    (tmp_path / "share" / "autoseg3d").mkdir(parents=True)
    (tmp_path / "share" / "autoseg3d" / "only_here.txt").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert resource_path("only_here.txt").exists()


def test_a_missing_file_is_an_error_that_says_where_it_was_sought():
    with pytest.raises(InputError, match=r"no_such\.file is missing \(looked in"):
        resource_path("no_such.file")
