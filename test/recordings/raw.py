"""Writes a sequence in the formats of public data sets, byte for byte as their downloads are."""

import json
import struct
import zlib

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
IDENTITY = " ".join(str(float(v)) for v in np.eye(4).ravel())


def frames_of(sequence):
    return [sequence[i] for i in range(len(sequence))]


def put(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def png(file, image):
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), image)


def color(file, rgb):
    png(file, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def units(frame, per_metre=1000):
    return np.round(frame.depth.astype(np.float64) * per_metre).astype(np.uint16)


def matrix(camera, size=4):
    k = np.eye(size)
    k[0, 0], k[1, 1], k[0, 2], k[1, 2] = camera.fx, camera.fy, camera.cx, camera.cy
    return k


def row(values):
    return " ".join(f"{v:.12g}" for v in np.ravel(values))


def lines(values):
    return "\n".join(row(v) for v in values) + "\n"


def write_tum(path, sequence):
    """Images by time, poses at other times between them, comments and scientific trifles as TUM has them."""
    listed = {"rgb": ["# color images"], "depth": ["# depth maps"]}
    truth = ["# ground truth trajectory", "# timestamp tx ty tz qx qy qz qw"]
    for frame in frames_of(sequence):
        second = 1305031102 + frame.stamp_ns / 1e9
        color(path / "rgb" / f"{second:.6f}.png", frame.rgb)
        png(path / "depth" / f"{second + 0.011:.6f}.png", units(frame, 5000))
        listed["rgb"].append(f"{second:.6f} rgb/{second:.6f}.png")
        listed["depth"].append(f"{second + 0.011:.6f} depth/{second + 0.011:.6f}.png")
        pose = frame.world_from_camera
        turn = Rotation.from_matrix(pose[:3, :3]).as_quat()
        truth.append(f"{second:.4f} {row(pose[:3, 3])} {row(turn)}")
    put(path / "rgb.txt", "\n".join(listed["rgb"]) + "\n")
    put(path / "depth.txt", "\n".join(listed["depth"]) + "\n")
    put(path / "groundtruth.txt", "\n".join(truth) + "\n")
    put(path / "intrinsic.txt", lines(matrix(sequence[0].camera, 3)))


def write_replica(path, sequence):
    camera = sequence[0].camera
    for i, frame in enumerate(frames_of(sequence)):
        color(path / "results" / f"frame{i:06d}.png", frame.rgb)
        png(path / "results" / f"depth{i:06d}.png", units(frame, 6553.5))
    put(path / "traj.txt", "\n".join(row(f.world_from_camera) for f in frames_of(sequence)) + "\n")
    said = {"w": camera.width, "h": camera.height, "fx": camera.fx, "fy": camera.fy}
    said |= {"cx": camera.cx, "cy": camera.cy, "scale": 6553.5}
    put(path.parent / "cam_params.json", json.dumps({"camera": said}))


def write_nerfstudio(path, sequence):
    camera = sequence[0].camera
    said = {"fl_x": camera.fx, "fl_y": camera.fy, "cx": camera.cx + 0.5, "cy": camera.cy + 0.5}
    said |= {"w": camera.width, "h": camera.height, "camera_model": "OPENCV", "k1": 0, "frames": []}
    for i, frame in enumerate(frames_of(sequence)):
        names = {
            "file_path": f"images/frame_{i + 1:05d}.png",
            "depth_file_path": f"depth/frame_{i + 1:05d}.png",
        }
        color(path / names["file_path"], frame.rgb)
        png(path / names["depth_file_path"], units(frame))
        pose = (frame.world_from_camera @ OPENGL).tolist()
        said["frames"].insert(0, {**names, "transform_matrix": pose})  # in no order, as exporters write them
    put(path / "transforms.json", json.dumps(said))


def info(sequence, depth_camera=None, color_from_depth=None):
    camera = sequence[0].camera
    depth = depth_camera or camera
    apart = np.eye(4) if color_from_depth is None else color_from_depth
    return "\n".join(
        [
            "m_versionNumber = 4",
            "m_sensorName = StructureSensor",
            f"m_colorWidth = {camera.width}",
            f"m_colorHeight = {camera.height}",
            f"m_depthWidth = {depth.width}",
            f"m_depthHeight = {depth.height}",
            "m_depthShift = 1000",
            f"m_calibrationColorIntrinsic = {row(matrix(camera))} ",
            f"m_calibrationColorExtrinsic = {IDENTITY} ",
            f"m_calibrationDepthIntrinsic = {row(matrix(depth))} ",
            f"m_calibrationDepthExtrinsic = {row(apart)} ",
            f"m_frames.size = {len(sequence)}",
        ]
    )


def pgm(file, values):
    """16-bit grey, big endian, as the format says."""
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width = values.shape
    file.write_bytes(f"P5\n{width} {height}\n65535\n".encode() + values.astype(">u2").tobytes())


def write_rescan(path, sequence):
    for i, frame in enumerate(frames_of(sequence)):
        stem = path / "sequence" / f"frame-{i:06d}"
        color(stem.with_name(stem.name + ".color.png"), frame.rgb)
        pgm(stem.with_name(stem.name + ".depth.pgm"), units(frame))
        put(stem.with_name(stem.name + ".pose.txt"), lines(frame.world_from_camera))
    put(path / "sequence" / "_info.txt", info(sequence))


def write_scenenn(path, sequence):
    for i, frame in enumerate(frames_of(sequence)):
        number = 1 + 40 * i
        color(path / "image" / f"image{number:05d}.png", frame.rgb)
        png(path / "depth" / f"depth{number:05d}.png", units(frame))
        (path / "pose").mkdir(exist_ok=True)
        np.save(path / "pose" / f"{number:05d}.npy", frame.world_from_camera)


def write_scenenn_log(path, sequence):
    write_scenenn(path, sequence)
    for file in (path / "pose").iterdir():
        file.unlink()
    text = [f"{i} {i} {i + 1}\n{lines(f.world_from_camera)}" for i, f in enumerate(frames_of(sequence))]
    put(path / "trajectory.log", "".join(text))


def write_scannet_export(path, sequence):
    camera = sequence[0].camera
    for i, frame in enumerate(frames_of(sequence)):
        color(path / "color" / f"{20 * i}.png", frame.rgb)
        png(path / "depth" / f"{20 * i}.png", units(frame))
        put(path / "pose" / f"{20 * i}.txt", lines(frame.world_from_camera))
    for part in ("color", "depth"):
        put(path / "intrinsic" / f"intrinsic_{part}.txt", lines(matrix(camera)))
        put(path / "intrinsic" / f"extrinsic_{part}.txt", lines(np.eye(4)))


def write_padded(path, sequence):
    for i, frame in enumerate(frames_of(sequence)):
        color(path / "rgb" / f"frame_{i:05d}.png", frame.rgb)
        (path / "depth").mkdir(exist_ok=True)
        np.save(path / "depth" / f"{i:05d}.npy", frame.depth)
        put(path / "poses" / f"{i}.txt", lines(frame.world_from_camera))
    put(path / "intrinsics.txt", lines(matrix(sequence[0].camera, 3)))


def sens_bytes(sequence, depth_camera=None, color_kind=2, depth_kind=1):
    """The file of ScanNet, version 4: header, then per frame pose, stamps, sizes and both images."""
    camera = sequence[0].camera
    depth_camera = depth_camera or camera
    sensor = b"StructureSensor"
    head = struct.pack("<IQ", 4, len(sensor)) + sensor
    for values in (matrix(camera), np.eye(4), matrix(depth_camera), np.eye(4)):
        head += values.astype("<f4").tobytes()
    head += struct.pack("<ii", color_kind, depth_kind)
    head += struct.pack("<IIII", camera.width, camera.height, depth_camera.width, depth_camera.height)
    parts = [head + struct.pack("<fQ", 1000.0, len(sequence))]
    for frame in frames_of(sequence):
        bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
        image = frame.rgb.tobytes() if color_kind == 0 else cv2.imencode(".jpg", bgr)[1].tobytes()
        values = units(frame).astype("<u2").tobytes()
        depth = zlib.compress(values) if depth_kind == 1 else values
        parts.append(frame.world_from_camera.astype("<f4").tobytes())
        parts.append(struct.pack("<4Q", 33_000 + frame.stamp_ns // 1000, 0, len(image), len(depth)))
        parts += [image, depth]
    return b"".join(parts)


def write_sens(path, sequence):
    path.mkdir(parents=True, exist_ok=True)
    (path / "scene0000_00.sens").write_bytes(sens_bytes(sequence))


WRITERS = {
    "TUM RGB-D": write_tum,
    "Replica (NICE-SLAM)": write_replica,
    "nerfstudio": write_nerfstudio,
    "3RScan": write_rescan,
    "SceneNN": write_scenenn,
    "ScanNet, exported": write_scannet_export,
    "ScanNet .sens": write_sens,
    "posed images": write_padded,
}
