"""Which files are mutated, and which tests are to notice: those of the file itself first, then its users'."""

from __future__ import annotations

MUTATED = (
    "autoseg3d_core/pipeline.py",
    "autoseg3d_core/lifting.py",
    "autoseg3d_core/carving.py",
    "autoseg3d_core/scene_map/*.py",
    "autoseg3d_core/closure.py",
    "autoseg3d_core/upkeep.py",
    "autoseg3d_core/tracking/*.py",
    "autoseg3d_core/modules/*.py",
    "autoseg3d_core/models/*.py",
    "autoseg3d_core/training/matching.py",
    "autoseg3d_core/training/losses.py",
    "autoseg3d_core/training/objective.py",
    "autoseg3d_core/evaluation/*.py",
)
ROAD = ("models/test_golden_path", "models/test_network")
SETTINGS = "ros/test_ros_parameters"
"""Holds what is generated of all settings against what is documented."""
LEARNED = ("models/test_esam", "models/test_autoseg3d")
TESTS: dict[str, tuple[str, ...]] = {
    "pipeline": ("test_pipeline", "test_report"),
    "lifting": ("test_lifting", "test_pipeline", SETTINGS),
    "carving": ("test_carving", SETTINGS),
    "closure": ("test_closure",),
    "upkeep": ("test_carving", "test_pipeline"),
    "scene_map/blocks": ("test_scene_map", "test_snapshot"),
    "scene_map/config": ("test_scene_map", SETTINGS),
    "scene_map/places": ("test_scene_map", "tracking/test_extent"),
    "scene_map/relocation": ("test_scene_map", "test_closure"),
    "scene_map/votes": ("test_scene_map", "tracking/test_extent", "test_pipeline"),
    "tracking/assignment": ("tracking/test_assignment", *LEARNED),
    "tracking/boxes": ("tracking/test_extent",),
    "tracking/extent": ("tracking/test_extent", "test_pipeline"),
    "tracking/joining": ("tracking/test_lifecycle", "models/test_overlap", "test_pipeline"),
    "tracking/keyframes": ("test_closure", SETTINGS),
    "tracking/moved": ("tracking/test_moved", SETTINGS),
    "tracking/relocation": ("test_closure",),
    "tracking/lifecycle": ("tracking/test_lifecycle", "test_pipeline", "models/test_esam", SETTINGS),
    "modules/assembly_decoder": ("modules/test_fragment_assembly", "training/test_assembly_training"),
    "modules/attention": ("modules/test_golden_queries", "modules/test_recent_queries", *ROAD),
    "modules/blocks": ("modules/test_golden_queries", "modules/test_golden_voxels", *ROAD),
    "modules/decoder_layer": ("modules/test_golden_queries", "modules/test_query_decoder"),
    "modules/embedding_head": ("modules/test_golden_queries", "models/test_esam"),
    "modules/fragment_assembly": ("modules/test_fragment_assembly", "training/test_assembly_training"),
    "modules/fragment_edges": ("modules/test_fragment_edges", "modules/test_fragment_assembly"),
    "modules/fragment_merging": ("modules/test_fragment_merging", *ROAD),
    "modules/fragment_pooling": (
        "modules/test_fragment_pooling",
        "modules/test_golden_queries",
        "modules/test_fragment_assembly",
        *ROAD,
    ),
    "modules/image_features": ("modules/test_image_features", "models/test_network"),
    "modules/linear_layers": ("modules/test_golden_queries", *ROAD, "training/test_network_training"),
    "modules/pair_assembly": ("modules/test_fragment_assembly", "training/test_assembly_training"),
    "modules/pair_geometry": ("modules/test_track_association", "modules/test_fragment_merging"),
    "modules/part": ("models/test_network_shape",),
    "modules/placement": ("modules/test_placement", "modules/test_golden_queries", *ROAD),
    "modules/query_decoder": (
        "modules/test_query_decoder",
        "modules/test_golden_queries",
        *ROAD,
        "training/test_objective",
    ),
    "modules/recent_queries": ("modules/test_recent_queries", *ROAD),
    "modules/scene_matching": ("modules/test_scene_matching", "models/test_samosaic3d"),
    "modules/sparse_unet": ("modules/test_sparse_unet", "modules/test_golden_voxels", *ROAD),
    "modules/track_association": ("modules/test_track_association", "models/test_autoseg3d"),
    "modules/voxel_memory": ("modules/test_voxel_memory", "modules/test_golden_voxels", *ROAD),
    "modules/voxel_store": ("modules/test_voxel_memory", "modules/test_golden_voxels"),
    "modules/wholeness": ("models/test_network", "training/test_network_training"),
    "models/autoseg3d": ("models/test_autoseg3d", SETTINGS),
    "models/esam": ("models/test_esam", "models/test_golden_path", SETTINGS),
    "models/evidence": ("models/test_overlap", "models/test_autoseg3d"),
    "models/interface": ("models/test_overlap", "test_pipeline"),
    "models/leftovers": ("models/test_leftovers", "models/test_autoseg3d"),
    "models/map_evidence": ("models/test_overlap", "models/test_autoseg3d"),
    "models/network": (*ROAD, "models/test_perception", "training/test_network_training"),
    "models/network_shape": ("models/test_network_shape", "models/test_network"),
    "models/overlap": ("models/test_overlap", "test_pipeline", SETTINGS),
    "models/perception": ("models/test_perception", *LEARNED, SETTINGS),
    "models/samosaic3d": ("models/test_samosaic3d", SETTINGS),
    "models/selection": (
        "models/test_selection",
        "models/test_golden_path",
        "models/test_esam",
        SETTINGS,
    ),
    "models/whole_fragments": ("models/test_whole_fragments", "models/test_selection"),
    "training/matching": ("training/test_losses", "training/test_objective"),
    "training/losses": ("training/test_losses", "training/test_objective"),
    "training/objective": ("training/test_objective", "training/test_network_training"),
    "evaluation/average_precision": ("evaluation/test_average_precision", "evaluation/test_protocol"),
    "evaluation/scene_match": ("evaluation/test_average_precision", "evaluation/test_protocol"),
    "evaluation/scene_labels": ("evaluation/test_protocol",),
    "evaluation/scene_scores": ("evaluation/test_evaluation", "evaluation/test_protocol"),
    "evaluation/boundaries": ("evaluation/test_boundaries", "evaluation/test_evaluation"),
    "evaluation/box_quality": ("evaluation/test_box_quality", "evaluation/test_evaluation"),
    "evaluation/hota": ("evaluation/test_identity",),
    "evaluation/identity": ("evaluation/test_identity",),
    "evaluation/label_overlaps": ("evaluation/test_identity",),
    "evaluation/frame_quality": ("training/test_network_training",),
    "evaluation/scoring": ("test_running", "evaluation/test_evaluation"),
    "evaluation/mask_quality": ("evaluation/test_mask_quality",),
    "evaluation/map_quality": ("evaluation/test_map_quality", "evaluation/test_evaluation"),
}
REST = (
    "evaluation/test_evaluation",
    "evaluation/test_map_quality",
    "evaluation/test_box_quality",
    "test_running",
)


def tests_of(path: str) -> list[str]:
    """Return the test files that are to notice a mutant of a file; every one is there."""
    name = path.removeprefix("autoseg3d_core/").removesuffix(".py")
    tests = TESTS.get(name, REST if name.startswith("evaluation/") else ROAD)
    return [f"test/{test if test == SETTINGS else f'core/{test}'}.py" for test in tests]
