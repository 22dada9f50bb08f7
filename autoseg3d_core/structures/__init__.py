"""The nouns: every dataclass that crosses a file border.

NumPy at the edges (`Frame`, `MaskImage`, `SceneUpdate`), torch inside (everything else). Lengths
in metres, angles in radians, times in integer nanoseconds. Ids count from 1 and 0 is none; indices
count from 0 and -1 is none (`sentinels`). A box is `(xmin, ymin, zmin, xmax, ymax, zmax)`, in the world
unless its name says that it is in the scene frame. An oriented box is `(x, y, z, length, width, height,
qx, qy, qz, qw)`: its centre, its size along its own axes, and the rotation from these to the world; its
third axis is the vertical, and its first the longer level one.
"""

from autoseg3d_core.errors import InputError as InputError
from autoseg3d_core.structures.association import Assignment as Assignment
from autoseg3d_core.structures.association import Association as Association
from autoseg3d_core.structures.association import TogetherVotes as TogetherVotes
from autoseg3d_core.structures.clouds import EncodedCloud as EncodedCloud
from autoseg3d_core.structures.clouds import FragmentCloud as FragmentCloud
from autoseg3d_core.structures.clouds import LabelledCloud as LabelledCloud
from autoseg3d_core.structures.edits import Edits as Edits
from autoseg3d_core.structures.frames import CameraIntrinsics as CameraIntrinsics
from autoseg3d_core.structures.frames import Frame as Frame
from autoseg3d_core.structures.frames import ImageView as ImageView
from autoseg3d_core.structures.frames import MaskImage as MaskImage
from autoseg3d_core.structures.frames import TimedMasks as TimedMasks
from autoseg3d_core.structures.held_voxels import HeldVoxels as HeldVoxels
from autoseg3d_core.structures.instances import FrameInstances as FrameInstances
from autoseg3d_core.structures.instances import Prediction as Prediction
from autoseg3d_core.structures.keyframes import Keyframes as Keyframes
from autoseg3d_core.structures.keyframes import LastPose as LastPose
from autoseg3d_core.structures.keyframes import Moves as Moves
from autoseg3d_core.structures.keyframes import PoseHistory as PoseHistory
from autoseg3d_core.structures.memory import Memory as Memory
from autoseg3d_core.structures.memory import SceneOrigin as SceneOrigin
from autoseg3d_core.structures.objects import UNNAMED as UNNAMED
from autoseg3d_core.structures.objects import SceneObject as SceneObject
from autoseg3d_core.structures.rows import Rows as Rows
from autoseg3d_core.structures.sentinels import ABSENT as ABSENT
from autoseg3d_core.structures.sentinels import NO_ID as NO_ID
from autoseg3d_core.structures.sentinels import NO_VOTE as NO_VOTE
from autoseg3d_core.structures.sentinels import NOBODY as NOBODY
from autoseg3d_core.structures.sentinels import THE_MAP as THE_MAP
from autoseg3d_core.structures.sentinels import UNLABELLED as UNLABELLED
from autoseg3d_core.structures.sentinels import UNNUMBERED as UNNUMBERED
from autoseg3d_core.structures.snapshot import MadeBy as MadeBy
from autoseg3d_core.structures.snapshot import MapBlocks as MapBlocks
from autoseg3d_core.structures.snapshot import MapContent as MapContent
from autoseg3d_core.structures.snapshot import MapVoxels as MapVoxels
from autoseg3d_core.structures.snapshot import Snapshot as Snapshot
from autoseg3d_core.structures.tracks import EXTENT_BINS as EXTENT_BINS
from autoseg3d_core.structures.tracks import EXTENT_DIRECTIONS as EXTENT_DIRECTIONS
from autoseg3d_core.structures.tracks import MapChange as MapChange
from autoseg3d_core.structures.tracks import NoRows as NoRows
from autoseg3d_core.structures.tracks import Sightings as Sightings
from autoseg3d_core.structures.tracks import TrackRows as TrackRows
from autoseg3d_core.structures.tracks import Tracks as Tracks
from autoseg3d_core.structures.truth import FrameTruth as FrameTruth
from autoseg3d_core.structures.truth import SceneTruth as SceneTruth
from autoseg3d_core.structures.updates import Event as Event
from autoseg3d_core.structures.updates import EventKind as EventKind
from autoseg3d_core.structures.updates import Presence as Presence
from autoseg3d_core.structures.updates import SceneUpdate as SceneUpdate
from autoseg3d_core.structures.updates import TrackTable as TrackTable
