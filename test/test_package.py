"""What the package says of itself agrees: versions, interfaces, and no path of a developer's machine."""

import hashlib
import re
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).resolve().parent.parent
VERSION = ElementTree.parse(ROOT / "package.xml").findtext("version")
INTERFACES = sorted(path for kind in ("msg", "srv") for path in (ROOT / kind).iterdir())
MACHINE_PATH = re.compile(r"(?<![\w.}>*])/(?:home|root|work|Users|workspace|mnt|data)/[\w.-]+")
WRITTEN = ("*.py", "*.md", "*.rst", "*.yaml", "*.toml", "*.xml", "*.msg", "*.srv")
FOLDERS = ("autoseg3d_core", "autoseg3d_ros", "docs", "config", "launch", "msg", "srv", "scripts")


@pytest.fixture
def setup_arguments(monkeypatch):
    told = {}
    monkeypatch.setattr(setuptools, "setup", told.update)
    runpy.run_path(str(ROOT / "setup.py"))
    return told


def test_setup_py_has_the_version_of_package_xml(setup_arguments):
    assert setup_arguments["version"] == VERSION


def test_the_changelog_knows_the_version():
    titles = re.findall(r"^(\S+)(?: \(.*\))?\n-+$", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE)
    assert titles[0] in ("Forthcoming", VERSION)
    assert VERSION in titles


@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.name)
def test_cmake_generates_every_interface(path):
    assert f"  {path.parent.name}/{path.name}\n" in (ROOT / "CMakeLists.txt").read_text()


@pytest.mark.parametrize("folder", ["msg", "srv", "launch", "config", "weights"])
def test_pip_installs_the_bundled_files(setup_arguments, folder):
    files = dict(setup_arguments["data_files"])[f"share/autoseg3d/{folder}"]
    assert sorted(files) == sorted(f"{folder}/{p.name}" for p in (ROOT / folder).iterdir() if p.is_file())


@pytest.mark.parametrize("file", sorted((ROOT / "weights").glob("*.safetensors")), ids=lambda file: file.name)
def test_bundled_weights_have_a_card_that_names_their_bytes(file):
    cards = (ROOT / "docs" / "models").glob("*.md")
    card = next(text for text in (path.read_text() for path in cards) if f"{file.name}" in text)
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card
    assert "autoseg3d train" in card


def test_the_licence_is_the_one_declared(setup_arguments):
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert setup_arguments["license"] == ElementTree.parse(ROOT / "package.xml").findtext("license")


def test_nothing_names_a_path_of_a_developers_machine():
    files = [path for folder in FOLDERS for kind in WRITTEN for path in (ROOT / folder).rglob(kind)]
    files += [path for kind in WRITTEN for path in ROOT.glob(kind)]
    found = {
        f"{path.relative_to(ROOT)}: {hit}"
        for path in files
        for hit in MACHINE_PATH.findall(path.read_text(encoding="utf-8"))
    }
    assert not found
