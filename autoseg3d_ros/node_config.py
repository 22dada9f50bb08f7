"""The settings of the node itself: the sections of its parameters beside those of the core."""

from __future__ import annotations

from dataclasses import dataclass

from autoseg3d_core.config import section, setting


@dataclass(frozen=True)
class TopicsConfig:
    """Where the camera speaks; relative names follow the node's namespace and remappings."""

    color: str = setting("rgb/image", "colour image, without the transport's suffix")
    depth: str = setting("depth/image", "depth image registered to the colour image, without suffix")
    camera_info: str = setting("rgb/camera_info", "calibration of the colour camera")
    depth_camera_info: str = setting(
        "",
        "calibration of the depth camera, for depth.registration; empty: camera_info beside the depth image",
    )
    masks: str = setting(
        "", "label images with the stamps of the colour images, for the precomputed mask maker"
    )


@dataclass(frozen=True)
class InputConfig:
    """How images are received and which of them are worked on."""

    color_transport: str = setting("raw", "message type of the colour topic", choices=("raw", "compressed"))
    depth_transport: str = setting(
        "raw", "message type of the depth topic", choices=("raw", "compressedDepth")
    )
    policy: str = setting(
        "latest",
        "frames that arrive while another is processed: keep only the latest one, or queue every one",
        choices=("latest", "every"),
    )
    every_limit: int = setting(300, "maximum length of the queue under policy every", unit="frames", low=1)
    masks_ahead: bool = setting(
        True,
        "make the 2D masks of the next frame while this one is processed further: more frames per second, "
        "with the same results; the results of a frame are a little older",
    )
    depth_scale: float = setting(
        0.0,
        "metres per unit of depth images; 0 means millimetres for integers and metres for floats (REP 118)",
        unit="m",
        low=0.0,
    )
    pose_topic: str = setting(
        "",
        "topic with poses to use instead of TF: nav_msgs/Odometry, geometry_msgs/PoseStamped or "
        "PoseWithCovarianceStamped; empty uses TF",
    )
    pose_frame: str = setting(
        "",
        "frame whose pose is on input.pose_topic; empty: the child_frame_id of an Odometry, otherwise the "
        "optical frame of the colour camera",
    )
    on_time_jump: str = setting(
        "reset", "tracks and map when stamps go backwards, as in a looped bag", choices=("reset", "keep")
    )
    time_jump_s: float = setting(
        1.0,
        "backward steps of stamps smaller than this are ignored: poses, tracks and map stay",
        unit="s",
        low=0.1,
        live=True,
    )
    clock_warning_s: float = setting(
        10.0, "warn if a stamp differs by more than this from the node's clock", unit="s", low=0.0, live=True
    )


@dataclass(frozen=True)
class DepthConfig:
    """What is done to depth before it is used."""

    registration: str = setting(
        "auto",
        "depth whose frame_id or size differs from the colour image's: reproject it with TF and its own "
        "camera_info (auto), or take it as registered (none)",
        choices=("auto", "none"),
    )


@dataclass(frozen=True)
class SyncConfig:
    """How colour and depth are put together by their stamps."""

    slop_s: float = setting(0.02, "maximum stamp difference of matched images", unit="s", low=1e-6, high=5.0)
    queue_size: int = setting(
        10, "messages kept per topic while waiting for matching ones", unit="messages", low=1, high=1000
    )


@dataclass(frozen=True)
class TfConfig:
    """How the pose at the image stamp is found."""

    timeout_s: float = setting(
        0.2,
        "how long a frame waits for its pose; also how long the first frames wait for a calibration",
        unit="s",
        low=0.0,
        high=60.0,
    )
    max_jump_m: float = setting(
        1.0, "warn if the camera moves further than this between two frames", unit="m", low=0.0, live=True
    )
    odometry_frame: str = setting(
        "odom",
        "frame of the odometry; when it jumps in target_frame the map is corrected (closure.on_jump); "
        "empty ignores jumps",
    )
    cache_s: float = setting(10.0, "length of the TF buffer", unit="s", low=0.1, high=600.0)
    recheck_ms: float = setting(5.0, "how often waiting frames look up their pose", unit="ms", low=1.0)
    unknown_frame_s: float = setting(
        5.0, "report an error if TF does not know the target frame for this long", unit="s", low=0.1
    )


@dataclass(frozen=True)
class PublishConfig:
    """What the outputs contain."""

    include_occluded: bool = setting(
        True, "also publish tracks that are in memory but not seen in this frame", live=True
    )
    cloud_color: str = setting(
        "rgb", "content of the clouds' rgb field", choices=("rgb", "instance", "class"), live=True
    )
    label_image: str = setting(
        "track_id",
        "pixels of ~/label_image: the track id, or the label in the upper and the id in the lower "
        "16 bits (hydra_packed)",
        choices=("track_id", "hydra_packed"),
        live=True,
    )
    label_names: str = setting(
        "",
        "YAML file with class names to show: a list, or a name per class number; empty: the model's names, "
        "or 'object' for all (model.class_names)",
    )
    collision_objects: bool = setting(
        False,
        "send confirmed objects to MoveIt, a box each, on ~/collision_objects; needs moveit_msgs",
    )
    scene_graph: bool = setting(
        False, "send confirmed objects as a scene graph for spark_dsg, as JSON on ~/scene_graph"
    )
    map_rate_hz: float = setting(
        1.0, "maximum rate of ~/map_points and ~/scene_graph", unit="Hz", low=0.01, high=30.0, live=True
    )


@dataclass(frozen=True)
class MarkersConfig:
    """How tracks look in RViz and Foxglove."""

    style: str = setting("lines", "boxes as lines or transparent cubes", choices=("lines", "cube"), live=True)
    labels: bool = setting(True, "show a text above each box", live=True)
    include_tentative: bool = setting(False, "also show tracks that are not yet confirmed", live=True)
    line_width_m: float = setting(0.02, "width of the box lines", unit="m", low=1e-3, high=1.0, live=True)
    text_height_m: float = setting(0.12, "height of capital letters", unit="m", low=1e-3, high=5.0, live=True)
    lifetime_s: float = setting(
        0.0, "markers disappear after this long without an update; 0 keeps them", unit="s", low=0.0, live=True
    )
    resend_s: float = setting(
        1.0, "how often all markers are sent again, for late viewers", unit="s", low=0.1
    )


@dataclass(frozen=True)
class DebugConfig:
    """The picture for people."""

    max_rate_hz: float = setting(
        5.0, "maximum rate of ~/debug_image", unit="Hz", low=0.1, high=60.0, live=True
    )
    opacity: float = setting(0.5, "opacity of masks over the colour image", low=0.0, high=1.0, live=True)


@dataclass(frozen=True)
class DiagnosticsConfig:
    """When the node complains."""

    silence_s: float = setting(5.0, "log why no frames arrive, after this long", unit="s", low=0.5)
    repeat_s: float = setting(10.0, "log the same problem at most this often", unit="s", low=0.5)
    age_warning_s: float = setting(
        0.5, "diagnostics warn if outputs are older than this when published", unit="s", low=0.0, live=True
    )
    age_error_s: float = setting(
        2.0, "diagnostics report an error if they are older than this", unit="s", low=0.0, live=True
    )
    failures_in_a_row: int = setting(
        10, "deactivate the node after this many failed frames in a row", unit="frames", low=1
    )


@dataclass(frozen=True)
class SnapshotConfig:
    """When the node itself saves and loads map, tracks and ids."""

    file: str = setting("", "snapshot file for map, tracks and ids; its folder has to exist")
    load: bool = setting(False, "load the file at the start; if that fails, start empty")
    align: str = setting(
        "none",
        "a loaded map lies where it lay when it was saved (none), or waits until its place is found by the "
        "objects that are seen again, for a robot that starts elsewhere (objects)",
        choices=("none", "objects"),
    )
    every_s: float = setting(
        0.0, "save to the file this often while frames arrive; 0 never saves", unit="s", low=0.0, live=True
    )
    at_shutdown: bool = setting(False, "save to the file when the node is cleaned up or shut down", live=True)

    def __post_init__(self) -> None:
        if not self.file and (self.load or self.every_s > 0 or self.at_shutdown):
            raise ValueError("name the file to save to and load from: snapshot.file")


@dataclass(frozen=True)
class NodeConfig:
    """All settings of the node itself, without those of the core."""

    target_frame: str = setting("odom", "world frame of all outputs; TF must connect the camera to it")
    camera_frame: str = setting(
        "", "optical frame of the colour camera; empty uses the frame_id of the colour image"
    )
    autostart: bool = setting(True, "configure and activate the node at start, without a lifecycle manager")
    topics: TopicsConfig = section(TopicsConfig)
    input: InputConfig = section(InputConfig)
    depth: DepthConfig = section(DepthConfig)
    sync: SyncConfig = section(SyncConfig)
    tf: TfConfig = section(TfConfig)
    publish: PublishConfig = section(PublishConfig)
    markers: MarkersConfig = section(MarkersConfig)
    debug: DebugConfig = section(DebugConfig)
    diagnostics: DiagnosticsConfig = section(DiagnosticsConfig)
    snapshot: SnapshotConfig = section(SnapshotConfig)

    @property
    def world(self) -> str:
        """The target frame as TF calls it: without the slash that ROS 1 put before it."""
        return self.target_frame.lstrip("/")
