import hashlib

import pytest

from autoseg3d_core.checkpoints import weights
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.structures import InputError


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Publish one file on this machine, with a cache of its own."""
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "thing.pt").write_bytes(b"weights")
    entry = weights.PublishedWeights((tmp_path / "shelf" / "thing.pt").as_uri(), "a licence", "a thing")
    monkeypatch.setattr(weights, "PUBLISHED", {"thing": entry})
    monkeypatch.setenv("AUTOSEG3D_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path


def test_fetched_weights_are_found_by_name(published, capsys):
    with pytest.raises(InputError, match="autoseg3d weights thing"):
        weights.weights_path("thing")
    assert main(["weights", "thing"]) == 0
    said = capsys.readouterr().out
    assert hashlib.sha256(b"weights").hexdigest() in said
    assert "a licence" in said
    assert weights.weights_path("thing").read_bytes() == b"weights"


def test_a_wrong_sha256_is_refused_and_nothing_is_kept(published, capsys):
    assert main(["weights", "thing", "--sha256", "0" * 64]) == 2
    assert "do not trust" in capsys.readouterr().err
    assert list((published / "cache").iterdir()) == []


def test_the_right_sha256_is_taken_in_any_case(published):
    weights.fetch("thing", hashlib.sha256(b"weights").hexdigest().upper())


def test_what_cannot_be_reached_says_where_to_put_the_file(published):
    (published / "shelf" / "thing.pt").unlink()
    with pytest.raises(InputError, match="put it into"):
        weights.fetch("thing")


def test_weights_are_listed_with_their_licences(published, capsys):
    assert main(["weights"]) == 0
    assert "a licence" in capsys.readouterr().out


def test_a_path_is_taken_as_it_is(tmp_path):
    (tmp_path / "own.safetensors").touch()
    assert weights.weights_path(str(tmp_path / "own.safetensors")) == tmp_path / "own.safetensors"


@pytest.mark.parametrize("name", ["missing.pt", "nonsense", ""])
def test_unknown_weights_say_what_there_is(name):
    with pytest.raises(InputError, match=r"check the path|no weights are called"):
        weights.weights_path(name)
    with pytest.raises(InputError, match="to fetch"):
        weights.fetch(name)
