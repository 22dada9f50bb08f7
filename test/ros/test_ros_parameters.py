"""Declared parameters mirror the config dataclasses, and only live ones change."""

from pathlib import Path

import pytest
from rclpy.parameter import Parameter

from autoseg3d_core.config import ConfigError
from autoseg3d_ros.parameter_files import markdown_text, stale_files, yaml_text
from autoseg3d_ros.parameters import changed_live, declare, default_settings, describe, unknown_overrides

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_has_a_name_of_its_own():
    keys = [entry.key for entry in default_settings().entries()]
    assert len(keys) == len(set(keys))


def test_every_setting_is_described():
    assert all(len(entry.about.description) > 5 for entry in default_settings().entries())


def test_the_generated_files_are_up_to_date():
    stale = stale_files(ROOT, default_settings())
    assert not stale, "run: python -m autoseg3d_ros.parameter_files --write"


def test_the_yaml_file_gives_back_the_defaults():
    import yaml

    values = yaml.safe_load(yaml_text(default_settings()))["/**"]["ros__parameters"]

    def flat(tree, prefix=""):
        for name, value in tree.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{name}.")
            else:
                yield prefix + name, value

    assert dict(flat(values)) == {e.key: e.value for e in default_settings().entries()}


def test_the_table_names_every_setting():
    table = markdown_text(default_settings())
    assert all(f"`{entry.key}`" in table for entry in default_settings().entries())


def test_only_live_settings_are_not_read_only():
    for entry in default_settings().entries():
        assert describe(entry).read_only != entry.about.live


def test_declaring_takes_overrides(ros):
    node = ros.create_node(
        "overrides",
        parameter_overrides=[Parameter("tf.timeout_s", value=0.5), Parameter("target_frame", value="map")],
    )
    settings = declare(node, default_settings())
    assert settings.node.tf.timeout_s == 0.5
    assert settings.node.target_frame == "map"
    node.destroy_node()


def test_a_whole_number_is_a_fine_float(ros):
    node = ros.create_node("whole", parameter_overrides=[Parameter("tf.timeout_s", value=1)])
    assert declare(node, default_settings()).node.tf.timeout_s == 1.0
    node.destroy_node()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sync.queue_size", "ten"),
        ("sync.queue_size", 0),
        ("tf.timeout_s", -1.0),
        ("tf.timeout_s", "soon"),
        ("input.policy", "random"),
        ("autostart", "yes"),
    ],
)
def test_a_bad_override_is_refused_by_name(ros, key, value):
    node = ros.create_node("bad", parameter_overrides=[Parameter(key, value=value)])
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        declare(node, default_settings())
    node.destroy_node()


def test_an_unknown_override_is_named_with_the_nearest_one():
    [line] = unknown_overrides(["tf.timout_s", "use_sim_time", "tf.timeout_s"], default_settings())
    assert "tf.timout_s" in line
    assert "tf.timeout_s" in line.split("did you mean")[1]


def test_an_override_of_an_earlier_version_is_named_with_its_new_name():
    [line] = unknown_overrides(["segmenter.name"], default_settings())
    assert "'masks.name'" in line


def test_a_live_setting_changes_and_the_others_stay():
    settings = changed_live(default_settings(), {"markers.style": "cube", "use_sim_time": True})
    assert settings.node.markers.style == "cube"
    assert settings.node.tf == default_settings().node.tf


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("target_frame", "map", "start again"),
        ("debug.opacity", 2.0, "outside"),
        ("markers.style", "sphere", "lines"),
    ],
)
def test_other_changes_are_refused_with_a_reason(key, value, words):
    with pytest.raises(ConfigError, match=words):
        changed_live(default_settings(), {key: value})


def test_a_core_setting_that_is_live_changes():
    live = next(e for e in default_settings().entries() if e.key == "model.overlap.min_affinity")
    settings = changed_live(default_settings(), {live.key: 0.9})
    assert settings.core.model.overlap.min_affinity == 0.9
