"""Configuration: frozen dataclasses whose fields describe themselves, filled from YAML and overrides.

Sections of the config are sections of the YAML file and namespaces of the ROS parameters. A
component owns its dataclass and declares each field with `setting`; `build.Config` puts the sections
together. An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from autoseg3d_core.errors import ConfigError as ConfigError

ConfigT = TypeVar("ConfigT")
Scalar = bool | int | float | str
ROS_PARAMETERS = "ros__parameters"
RENAMED = {
    "segmenter": "masks",
    "assignment.min_affinity": "model.overlap.min_affinity",
    "assignment.min_learned_affinity": "model.autoseg3d.min_affinity",
    "assignment": "model.autoseg3d",
    "tracks.mature_hits": "tracks.maturity.hits",
    "tracks.merge_votes": "tracks.join_votes",
    "tracks.merge_share": "tracks.join_share",
}
"""Keys and sections of earlier versions, and what they are called now."""


@dataclass(frozen=True)
class Setting:
    """The description of a config field: meaning, unit, range, choices, whether it may change live."""

    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False


def setting(default: Any, description: str, **about: Any) -> Any:
    """Declare a config field with its default; `about` takes the other fields of `Setting`."""
    return dataclasses.field(default=default, metadata={"setting": Setting(description, **about)})


def section(config_class: type[ConfigT], **defaults: Any) -> Any:
    """Declare a config field that is a section of its own; `defaults` are other than its class has."""
    return dataclasses.field(default_factory=lambda: config_class(**defaults))


@dataclass(frozen=True)
class Entry:
    """One scalar setting of a config: its dotted key, its type, its value and its description."""

    key: str
    kind: type
    value: Scalar
    about: Setting


def entries(config: Any, prefix: str = "") -> Iterator[Entry]:
    """Walk every scalar setting of a config dataclass instance, depth first, in order."""
    kinds = typing.get_type_hints(type(config))
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            yield from entries(value, f"{prefix}{item.name}.")
        else:
            yield Entry(prefix + item.name, kinds[item.name], value, item.metadata["setting"])


def load_config(
    config_class: type[ConfigT], path: str | Path | None = None, overrides: tuple[str, ...] = ()
) -> ConfigT:
    """Read a config: defaults, then the YAML file, then `section.key=value` overrides.

    A parameter file of ROS serves too: the sections that are the node's alone are passed over.
    Raises `ConfigError` for a file that cannot be read, an unknown key, or a value out of range.
    """
    if isinstance(overrides, str):
        raise ConfigError(f"overrides: give a tuple, e.g. ({overrides!r},)")
    values = read_yaml(path) if path is not None else {}
    sections = set(typing.get_type_hints(config_class))
    config = from_mapping(config_class, _without_the_node(values, sections), where=str(path or "config"))
    pairs = dict(_split_override(text) for text in overrides)
    return with_values(config, pairs)


def _without_the_node(values: Mapping[str, Any], sections: set[str]) -> Mapping[str, Any]:
    """Return the sections of ours in a ROS parameter file, anything else as it is."""
    parameters = [node.get(ROS_PARAMETERS) for node in values.values() if isinstance(node, dict)]
    if len(values) != 1 or not parameters or not isinstance(parameters[0], dict):
        return values
    return {name: value for name, value in parameters[0].items() if name in sections or name in RENAMED}


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping from a file; raises `ConfigError` when it is not one."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the config file {path}: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected sections with keys, found {type(values).__name__}")
    return values


def from_mapping(config_class: type[ConfigT], values: Mapping[str, Any], where: str = "config") -> ConfigT:
    """Build a config dataclass from nested mappings over its defaults."""
    return _replaced(config_class(), values, where, prefix="")


def with_values(config: ConfigT, values: Mapping[str, Any]) -> ConfigT:
    """Return the config with dotted keys replaced, e.g. `{"lifting.points": 10000}`."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        here = nested
        for part in sections:
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                raise ConfigError(f"{key}: {part} is given both as a value and as a section")
        here[name] = value
    return _replaced(config, nested, "config", prefix="")


def _split_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"override {text!r}: write it as section.key=value")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {text!r}: its value is not YAML; quote it") from error


def _replaced(config: Any, values: Mapping[str, Any], where: str, prefix: str) -> Any:
    fields = {item.name: item for item in dataclasses.fields(config)}
    kinds = typing.get_type_hints(type(config))
    changes = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if name not in fields:
            old = _first_key(key, value) if new_name(key) else key
            raise ConfigError(f"{where}: unknown key {old!r}{_hint(old, fields)}")
        old = getattr(config, name)
        if not dataclasses.is_dataclass(old):
            changes[name] = checked(key, value, kinds[name], fields[name].metadata["setting"])
        elif isinstance(value, Mapping):
            changes[name] = _replaced(old, value, where, f"{key}.")
        else:
            raise ConfigError(f"{where}: {key} is a section: give it keys instead of {value!r}")
    try:
        return dataclasses.replace(config, **changes)
    except ValueError as error:
        raise ConfigError(f"{where}: {prefix or 'config'}: {error}") from error


def new_name(key: str) -> str:
    """Return what a key of an earlier version is called now, nothing for a key that never was."""
    for old, new in RENAMED.items():
        if key == old or key.startswith(f"{old}."):
            return new + key[len(old) :]
    return ""


def _first_key(key: str, value: Any) -> str:
    """Return the first key of a section, or the key itself where it is no section."""
    while isinstance(value, Mapping) and value:
        name, value = next(iter(value.items()))
        key = f"{key}.{name}"
    return key


def _hint(key: str, known: Mapping[str, Any]) -> str:
    if new_name(key):
        return f": it is called {new_name(key)!r} now"
    close = difflib.get_close_matches(key.rpartition(".")[2], known, n=1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return f"{guess} (known here: {', '.join(sorted(known))})"


def checked(key: str, value: Any, kind: type[Any], about: Setting) -> Scalar:
    """Return the value in the setting's type; raises `ConfigError` for a wrong type, choice or range."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ConfigError(f"{key}: expected {kind.__name__}, got {value!r}")
    if about.choices and value not in about.choices:
        raise ConfigError(f"{key}: {value!r} is not one of {', '.join(about.choices)}")
    below = about.low is not None and not value >= about.low
    above = about.high is not None and not value <= about.high
    if below or above:
        raise ConfigError(f"{key}: {value} is outside [{about.low}, {about.high}] {about.unit}".rstrip())
    return value
