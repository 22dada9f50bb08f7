"""Where frames come from: a bag, a folder of posed images, or `simulation:SEED`."""

from __future__ import annotations

import argparse

from autoseg3d_core.cli.arguments import add_settings
from autoseg3d_core.config import load_config
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.datasets.sequence import RgbdSequence
from autoseg3d_core.structures import InputError

SIMULATION = "simulation:"


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE` and `--set section.key=value`."""
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings")
    add_settings(parser, "--set", "settings, e.g. lifting.points=10000")


def open_source(source: str, simulation: tuple[str, ...] = (), masks: str | None = None) -> RgbdSequence:
    """Return the frames of a source.

    `simulation` holds overrides of a simulated scene's settings, `masks` a bag's topic of label images.
    """
    if not source.startswith(SIMULATION):
        return open_sequence(source, **({"mask_topic": masks} if masks else {}))
    seed = source[len(SIMULATION) :]
    if not seed.isdigit():
        raise InputError(f"{source}: write the seed as a whole number, e.g. simulation:5000")
    from autoseg3d_core.simulation.sequence import SimulatedSequence, SimulationConfig  # needs MuJoCo

    return SimulatedSequence(int(seed), load_config(SimulationConfig, None, simulation))


def expanded(sources: list[str]) -> list[str]:
    """Return simulation:FIRST-LAST as one source per seed."""
    found = []
    for source in sources:
        name, _, seeds = source.partition(":")
        first, dash, last = seeds.partition("-")
        if name == "simulation" and dash and first.isdigit() and last.isdigit():
            found += [f"simulation:{seed}" for seed in range(int(first), int(last) + 1)]
        else:
            found.append(source)
    return found
