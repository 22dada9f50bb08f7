from dataclasses import dataclass

import pytest

from autoseg3d_core import build
from autoseg3d_core import config as c


@dataclass(frozen=True)
class Inner:
    size: float = c.setting(1.0, "a size", unit="m", low=0.5, high=2.0)
    kind: str = c.setting("round", "a kind", choices=("round", "square"), live=True)


@dataclass(frozen=True)
class Root:
    count: int = c.setting(3, "a count", low=1)
    on: bool = c.setting(True, "a switch")
    inner: Inner = c.section(Inner)

    def __post_init__(self):
        if self.count == 13:
            raise ValueError("13 brings bad luck")


def test_defaults_file_and_overrides_apply_in_that_order(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("count: 5\ninner:\n  size: 1.5\n")
    assert c.load_config(Root, path, ("inner.size=2", "on=false")) == Root(5, False, Inner(2.0, "round"))


def test_a_parameter_file_of_ros_serves_without_the_sections_of_the_node(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n    target_frame: map\n    count: 5\n    inner:\n      size: 1.5\n"
    )
    assert c.load_config(Root, path) == c.load_config(Root, None, ("count=5", "inner.size=1.5"))
    path.write_text("/**:\n  ros__parameters:\n    inner:\n      sizes: 1.5\n")
    with pytest.raises(c.ConfigError, match=r"inner\.sizes"):
        c.load_config(Root, path)


def test_an_empty_file_means_the_defaults(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("")
    assert c.load_config(Root, path) == Root()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("inner.sizes=1", r"unknown key 'inner.sizes'; did you mean 'size'"),
        ("iner.size=1", r"unknown key 'iner'; did you mean 'inner'"),
        ("inner.size=3", r"inner.size: 3.0 is outside \[0.5, 2.0\] m"),
        ("inner.size=.nan", r"inner.size: nan is outside"),
        ("inner.size=big", r"inner.size: expected float, got 'big'"),
        ("count=1.5", r"count: expected int, got 1.5"),
        ("count=true", r"count: expected int, got True"),
        ("on=1", r"on: expected bool, got 1"),
        ("count=0", r"count: 0 is outside"),
        ("inner.kind=flat", r"inner.kind: 'flat' is not one of round, square"),
        ("inner=3", r"inner is a section"),
        ("count", r"write it as section.key=value"),
        ("count=13", r"13 brings bad luck"),
    ],
)
def test_a_bad_override_is_an_error_that_names_the_key(override, message):
    with pytest.raises(c.ConfigError, match=message):
        c.load_config(Root, None, (override,))


@pytest.mark.parametrize(
    ("override", "now"),
    [
        ("segmenter.name=fastsam", "'masks.name'"),
        ("tracks.merge_votes=4", "'tracks.join_votes'"),
        ("assignment.min_affinity=0.4", "'model.overlap.min_affinity'"),
        ("assignment.min_learned_affinity=0.4", "'model.autoseg3d.min_affinity'"),
        ("assignment.recall=false", "'model.autoseg3d.recall'"),
    ],
)
def test_a_key_of_an_earlier_version_is_an_error_that_says_what_it_is_called_now(tmp_path, override, now):
    with pytest.raises(c.ConfigError, match=now):
        c.load_config(build.Config, None, (override,))
    key, value = override.split("=")
    section, name = key.split(".")
    path = tmp_path / "node.yaml"
    path.write_text(f"/**:\n  ros__parameters:\n    {section}:\n      {name}: {value}\n")
    with pytest.raises(c.ConfigError, match=now):
        c.load_config(build.Config, path)


def test_every_new_name_is_a_key_or_a_section():
    known = [entry.key for entry in c.entries(build.Config())]
    for new in c.RENAMED.values():
        assert any(key == new or key.startswith(f"{new}.") for key in known), new


@pytest.mark.parametrize(
    ("text", "message"),
    [("- 1\n- 2\n", "expected sections"), ("a: [1", "cannot read"), ("contr: 2\n", "unknown key 'contr'")],
)
def test_a_bad_file_is_an_error_that_names_it(tmp_path, text, message):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(c.ConfigError, match=message) as caught:
        c.load_config(Root, path)
    assert "broken.yaml" in str(caught.value)


def test_a_missing_file_is_an_error_that_names_it():
    with pytest.raises(c.ConfigError, match=r"nowhere\.yaml"):
        c.load_config(Root, "nowhere.yaml")


def test_entries_walk_every_setting_with_its_type_and_meaning():
    found = {e.key: (e.kind, e.value, e.about.live) for e in c.entries(Root())}
    assert found == {
        "count": (int, 3, False),
        "on": (bool, True, False),
        "inner.size": (float, 1.0, False),
        "inner.kind": (str, "round", True),
    }


@pytest.mark.parametrize("entry", list(c.entries(build.Config())), ids=lambda entry: entry.key)
def test_every_setting_says_what_it_means_in_a_sentence_and_numbers_have_a_unit_and_a_range(entry):
    about = entry.about
    assert 10 < len(about.description) < 200
    assert not about.description.endswith(".")
    if entry.kind in (int, float):
        assert about.low is not None
        assert about.high is not None
    if entry.kind is int and entry.key != "masks.precomputed.void":  # a value of pixels
        assert about.unit, "a whole number counts something"
