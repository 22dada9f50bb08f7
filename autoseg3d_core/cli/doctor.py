"""`autoseg3d doctor`: a table of what is installed, and for each thing missing the command that mends it."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence

from autoseg3d_core.cli.probes import Finding, all_findings
from autoseg3d_core.visualization.report import text_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the findings; returns 1 when something required is missing or broken."""
    findings = all_findings()
    print(as_json(findings) if args.json else as_text(findings))
    return int(any(finding.stops for finding in findings))


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON list."""
    return json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2)


def as_text(findings: Sequence[Finding]) -> str:
    """Return a table of the findings, the commands that mend them, and a verdict."""
    table = text_table(
        ("part", "state", "needed", "detail"),
        [(f.name, f.state, "yes" if f.required else "", f.detail) for f in findings],
    )
    mends = [f"  {f.name}: {f.mend}" for f in findings if f.mend]
    stops = [f.name for f in findings if f.stops]
    verdict = f"needed but not usable: {', '.join(stops)}" if stops else "everything needed is installed"
    return "\n".join([table, "", *(["to fix:", *mends, ""] if mends else []), verdict])
