"""What the documentation names is there: links and their headings, files, and names of the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ROOTS = (ROOT, ROOT / "autoseg3d_core", ROOT / "autoseg3d_ros", ROOT / "config", ROOT / "test")
"""Pages name files from one of these on."""
OF_THE_CODE = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / f"{n}.md" for n in ("architecture", "glossary"))]
"""Pages whose names in backticks are the code's; others also name files and fields of others."""
CODE = ("autoseg3d_core", "autoseg3d_ros", "config", "launch", "msg", "scripts", "srv", "test")
WRITTEN = (".py", ".yaml", ".msg", ".srv", ".xml")
WITHOUT = {"structures.py"}
"""What the tables of before and now say was there before."""
OF_OTHERS = {"plyfile"}


def page_name(path: Path) -> str:
    """Return a page's path in the tree, as the test's id."""
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Return what links call the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_to_a_file_and_to_a_heading_in_it(page):
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, heading = link.partition("#")
        to = page.parent / name if name else page
        if not name.startswith("http") and not (
            to.exists() and (not heading or to.suffix != ".md" or heading in anchors(to))
        ):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_files_of_the_code_that_are_named_are_there(page):
    named = re.findall(
        r"`([\w./-]+\.py|(?:config|msg|srv|launch)/[\w./-]+)`", page.read_text(encoding="utf-8")
    )
    asked = {name for name in named if "NAME" not in name} - WITHOUT
    assert not {name for name in asked if not any((root / name).exists() for root in ROOTS)}


def test_names_of_the_code_are_in_the_code():
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*") if path.suffix in WRITTEN]
    files += [path for path in ROOT.iterdir() if path.suffix in WRITTEN or path.name == "Makefile"]
    words = {word for path in files for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    words |= {path.stem for path in files} | OF_OTHERS
    dead = set()
    for page in OF_THE_CODE:
        for name in re.findall(r"`([A-Za-z_]\w*(?:\.\w+)*)(?:\([^`]*\))?`", page.read_text(encoding="utf-8")):
            dead |= {f"{page.name}: {name}" for word in name.split(".") if word not in words}
    assert not dead
