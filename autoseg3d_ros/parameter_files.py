"""Writes config/autoseg3d.yaml and docs/parameters.md from the config dataclasses.

python -m autoseg3d_ros.parameter_files --write    # or --check, which exits with 1 when one is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from autoseg3d_core.config_text import limits, yaml_lines, yaml_value
from autoseg3d_ros.parameters import Settings, default_settings

YAML_OPENING = """\
# Every parameter of the node with its default. Written by `python -m autoseg3d_ros.parameter_files --write`.
# Those marked (live) can be changed while the node runs: ros2 param set /autoseg3d NAME VALUE
/**:
  ros__parameters:
"""
MARKDOWN_OPENING = """\
# Parameters

Written by `python -m autoseg3d_ros.parameter_files --write` from the config dataclasses; do not edit.
Each name is a key in `config/autoseg3d.yaml`, a ROS parameter, and a setting of the command line
(`--set NAME=VALUE`, or `--config FILE`, which ignores the parameters of the node alone).
*Live* parameters can be changed while the node runs (`ros2 param set /autoseg3d NAME VALUE`) and take
effect on the next frame. The others are read when the node starts, and `ros2 param set` refuses them.
"""


def yaml_text(settings: Settings) -> str:
    """Return the parameter file: every setting with its default, description, unit and range."""
    return YAML_OPENING + "\n".join(yaml_lines(settings.entries(), depth=2)) + "\n"


def markdown_text(settings: Settings) -> str:
    """Return the table of parameters, a heading per section."""
    lines: list[str] = []
    heading = None
    for entry in settings.entries():
        section = entry.key.rpartition(".")[0] or "node"
        if section != heading:
            heading = section
            lines += ["", f"## {section}", "", "| name | default | unit | range | live | meaning |"]
            lines += ["|---|---|---|---|---|---|"]
        about = entry.about
        cells = [f"`{entry.key}`", f"`{yaml_value(entry.value)}`", about.unit, limits(entry)]
        cells += ["yes" if about.live else "", about.description.replace("|", "\\|")]
        lines.append("| " + " | ".join(cells) + " |")
    return MARKDOWN_OPENING + "\n".join(lines) + "\n"


def generated_files(settings: Settings) -> dict[str, str]:
    """Return the text per path, relative to the root of the repository."""
    return {"config/autoseg3d.yaml": yaml_text(settings), "docs/parameters.md": markdown_text(settings)}


def stale_files(root: Path, settings: Settings) -> list[str]:
    """Return the generated files that differ from what the dataclasses say."""

    def differs(name: str, text: str) -> bool:
        path = root / name
        return not path.is_file() or path.read_text(encoding="utf-8") != text

    return [name for name, text in generated_files(settings).items() if differs(name, text)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the generated files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write the files")
    action.add_argument("--check", action="store_true", help="exit with 1 when a file is stale")
    options = parser.parse_args(arguments)
    settings = default_settings()
    stale = stale_files(options.root, settings)
    for name in stale:
        if options.write:
            (options.root / name).write_text(generated_files(settings)[name], encoding="utf-8")
        print(f"{name}: {'written' if options.write else 'stale'}")
    return int(bool(stale) and options.check)


if __name__ == "__main__":
    sys.exit(main())
