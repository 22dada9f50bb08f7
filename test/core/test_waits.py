"""Where a frame of the default model still makes a GPU wait: each place is known, and none comes back."""

import pytest

from autoseg3d_core import build
from autoseg3d_core.datasets.open_sequence import open_sequence
from autoseg3d_core.operation_counts import OperationTimer
from autoseg3d_core.resources import resource_path
from autoseg3d_core.timing import CORE_STAGES

HOW_MANY = {
    "lifting.py lift": 3,  # pixels in range, of these those that may be strays, and those that are none
    "pipeline.py step": 1,  # voxels of the map
    "models/leftovers.py drop_empty": 2,
    "models/leftovers.py add_leftovers": 2,
    "sparse/tensor.py of_points": 1,  # voxels of all levels at once
    "modules/voxel_store.py of": 6,  # tiles before and after, at three strides
    "modules/voxel_store.py _maximum": 3,
    "modules/voxel_store.py _near": 3,
    "modules/voxel_store.py within": 3,
    "modules/assembly_decoder.py of": 1,
    "modules/fragment_edges.py fragment_edges": 1,
    "models/selection.py select_instances": 1,
    "models/selection.py _separate": 2,
    "models/perception.py _boxes_of": 1,
    "models/samosaic3d.py compare": 1,
    "models/evidence.py together_or_apart": 1,
    "tracking/lifecycle.py advance": 2,
    "tracking/lifecycle.py _end": 2,
    "tracking/joining.py add_votes": 2,
    "tracking/joining.py find_joins": 2,
    "tracking/joining.py _first_of_each": 1,
    "tracking/extent.py count_voxels": 1,
    "tracking/boxes.py measure_boxes": 1,
    "carving.py cubes_in_view": 1,
    "carving.py _is_free": 1,
    "structures/held_voxels.py cells_of": 1,
    "scene_map/blocks.py places_of": 2,
    "scene_map/votes.py owned_in": 1,
    "scene_map/votes.py integrate": 1,
    "scene_map/votes.py take_votes": 2,
    "scene_map/votes.py _make_room": 1,
    "scene_map/relocation.py blocks_of": 1,
    "scene_map/places.py <genexpr>": 4,
}
"""Rows are counted out, because the next tensors are as large as there are rows."""
ON_THE_HOST = {
    "modules/pair_assembly.py grouped_on_average": 1,  # average linkage: each step depends on the one before
    "tracking/assignment.py __call__": 11,  # the solver; only two of them are of a device
    "tracking/lifecycle.py _events": 2,
    "tracking/maturity.py weigh": 1,
    "report.py report_frame": 1,
}
"""The host works with the numbers themselves."""
WHAT_NEXT = {
    "tracking/keyframes.py follow": 1,  # whether odometry was known
    "tracking/extent.py of": 1,  # which of the world's axes is vertical
    "upkeep.py _settle": 1,  # whether any track is gone
}
"""The host decides what to do next."""
KNOWN = {**HOW_MANY, **ON_THE_HOST, **WHAT_NEXT}


@pytest.fixture(scope="module")
def counted():
    recording = open_sequence(resource_path("demo/recording"))
    online = build.online_segmenter(build.load(None, ("device=cpu", "model.network.backend=gather")))
    for index in range(0, 12, 3):
        online.step(recording[index])
    timer = OperationTimer()
    online.make_timer = lambda: timer
    online.step(recording[12])
    return timer


def test_a_gpu_is_waited_for_in_known_places_only(counted):
    found = {place: times for (stage, place), times in counted.waits.items() if stage in CORE_STAGES}
    assert {place: times for place, times in found.items() if times > KNOWN.get(place, 0)} == {}
    assert {place for place in KNOWN if place not in found} <= {"tracking/lifecycle.py _end"}


def test_every_wait_has_its_place(counted):
    assert sum(counted.waits.values()) == sum(stage.waits for stage in counted.stages.values())
    assert not [place for _, place in counted.waits if place == "elsewhere"]


def test_the_report_is_brought_back_at_once(counted):
    assert counted.stages["report"].waits == 1
