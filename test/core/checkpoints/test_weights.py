import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from autoseg3d_core.checkpoints import weights
from autoseg3d_core.cli.__main__ import main
from autoseg3d_core.structures import InputError


class Shelf(SimpleHTTPRequestHandler):
    """Serves one file, whole or cut off, and counts how often it was asked."""

    content, cut, asked = b"weights", False, 0

    def do_GET(self):
        Shelf.asked += 1
        if self.path != "/thing.pt":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content) + 5 * Shelf.cut))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *words):
        pass


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Publish one file on this machine, with a cache of its own."""
    monkeypatch.setattr(Shelf, "asked", 0)
    monkeypatch.setattr(Shelf, "cut", False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        entries = {
            name: weights.PublishedWeights(url + f"{name}.pt", "a licence", "a thing")
            for name in ("thing", "gone")
        }
        monkeypatch.setattr(weights, "PUBLISHED", entries)
        monkeypatch.setenv("AUTOSEG3D_WEIGHTS", str(tmp_path / "cache"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield tmp_path
        server.shutdown()


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


def test_what_was_fetched_before_is_not_fetched_again(published):
    digest = hashlib.sha256(b"weights").hexdigest()
    for sha256 in ("", digest, ""):
        assert weights.fetch("thing", sha256) == (published / "cache" / "thing.pt", digest)
    assert Shelf.asked == 1


def test_what_cannot_be_reached_says_where_to_put_the_file(published):
    with pytest.raises(InputError, match=r"404.*put it into"):
        weights.fetch("gone")
    assert list((published / "cache").iterdir()) == []


def test_a_connection_that_ends_early_leaves_nothing(published, monkeypatch):
    monkeypatch.setattr(Shelf, "cut", True)
    with pytest.raises(InputError, match="cannot be fetched"):
        weights.fetch("thing")
    assert list((published / "cache").iterdir()) == []


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
