"""Config dataclasses <-> declared ROS parameters, by walking them, never by hand.

The node's own sections are in `node_config`; the core's come from `autoseg3d_core.build.Config`. Both share
one namespace: `section.key` is a key of the YAML file and the name of the ROS parameter.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from autoseg3d_core.config import (
    ConfigError,
    ConfigT,
    Entry,
    Scalar,
    checked,
    entries,
    new_name,
    with_values,
)
from autoseg3d_ros.node_config import NodeConfig

LARGEST_INTEGER = 2**31 - 1
FOREIGN_PREFIXES = ("qos_overrides.", "use_sim_time", "start_type_description_service", "diagnostic_updater.")


@dataclass(frozen=True)
class Settings:
    """The node's and the core's configuration under one roof."""

    node: NodeConfig
    core: Any

    def entries(self) -> Iterator[Entry]:
        """Walk every setting, the node's first."""
        yield from entries(self.node)
        yield from entries(self.core)

    def with_values(self, values: Mapping[str, Any]) -> Settings:
        """Return the settings with dotted keys replaced; raises `ConfigError`."""
        own = {item.name for item in dataclasses.fields(self.node)}
        mine = {key: value for key, value in values.items() if key.split(".")[0] in own}
        rest = {key: value for key, value in values.items() if key not in mine}
        return Settings(with_values(self.node, mine), with_values(self.core, rest))


def default_settings() -> Settings:
    """Return every default; a robot's frames have z up (REP 103), so nothing is guessed about that."""
    from autoseg3d_core import build

    return Settings(NodeConfig(), build.load(None, ("origin.up=z",)))


def describe(entry: Entry) -> Any:
    """Return the ParameterDescriptor of one setting: its text with unit, its range, read-only unless live."""
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    about = entry.about
    text = about.description + (f" [{about.unit}]" if about.unit else "")
    choices = f"One of: {', '.join(about.choices)}" if about.choices else ""
    result = ParameterDescriptor(description=text, additional_constraints=choices)
    result.read_only = not about.live
    if about.low is None and about.high is None:
        pass
    elif entry.kind is int:
        low = -LARGEST_INTEGER if about.low is None else int(about.low)
        high = LARGEST_INTEGER if about.high is None else int(about.high)
        result.integer_range = [IntegerRange(from_value=low, to_value=high, step=0)]
    elif entry.kind is float:
        least = -math.inf if about.low is None else float(about.low)
        most = math.inf if about.high is None else float(about.high)
        result.floating_point_range = [FloatingPointRange(from_value=least, to_value=most, step=0.0)]
    # `timeout_s: 1` in a YAML file is an integer to ROS; `checked` turns it into the float that is meant.
    result.dynamic_typing = entry.kind is float
    return result


def declare(node: Any, settings: Settings) -> Settings:
    """Declare every setting on the node and return the settings as overridden there.

    Raises `ConfigError` naming the parameter when an override has the wrong type or range.
    """
    return settings.with_values(_declared(node, settings.entries()))


def declare_all(node: Any, config: ConfigT) -> ConfigT:
    """Declare every setting of one config dataclass; as `declare`."""
    return with_values(config, _declared(node, entries(config)))


def _declared(node: Any, all_entries: Iterable[Entry]) -> dict[str, Any]:
    from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

    values = {}
    for entry in all_entries:
        try:
            values[entry.key] = node.declare_parameter(entry.key, entry.value, describe(entry)).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ConfigError(f"parameter {entry.key}: {error}") from error
    return values


def unknown_overrides(given: Iterable[str], settings: Settings) -> list[str]:
    """Return one line per given parameter that nobody declares, with the nearest name that exists."""
    known = [entry.key for entry in settings.entries()]
    lines = []
    for key in given:
        if key in known or key.startswith(FOREIGN_PREFIXES):
            continue
        close = difflib.get_close_matches(key, known, n=1)
        guess = f"; did you mean {close[0]!r}?" if close else ""
        guess = f"; it is called {new_name(key)!r} now" if new_name(key) else guess
        lines.append(f"parameter {key!r} is not one of this node's and has no effect{guess}")
    return lines


def changed_live(settings: Settings, values: Mapping[str, Scalar]) -> Settings:
    """Return the settings with live parameters replaced; keys of others are passed over.

    Raises `ConfigError` for a value out of range and for a setting that is read only once.
    """
    known = {entry.key: entry for entry in settings.entries()}
    changes = {}
    for key, value in values.items():
        entry = known.get(key)
        if entry is None:
            continue
        if not entry.about.live:
            raise ConfigError(f"{key} is read when the node starts: set it in the YAML file and start again")
        changes[key] = checked(key, value, entry.kind, entry.about)
    return settings.with_values(changes)
