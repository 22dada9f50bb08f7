"""FastSAM (Zhao et al., Fast Segment Anything, 2023): masks of everything from one pass of a YOLO network.

The network is ultralytics', the suppression gives what theirs gives; all between the image and the finished
mask image stays on the device, and one transfer brings it back.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from autoseg3d_core.config import setting
from autoseg3d_core.mask_makers.flatten import flatten, renumbered
from autoseg3d_core.mask_makers.suppression import suppressed
from autoseg3d_core.structures import Frame, MaskImage

STRIDE = 32
GRAY = 114 / 255
OUTSIDE = -4.0
"""Logit of a pixel outside the box of its mask: small enough to end it at the box's border, not before."""
FEATURE_LAYER = 14
"""The layer whose output ESAM's image-feature branch takes."""


@dataclass(frozen=True)
class FastSamConfig:
    """Which weights, and how its detections become masks; the published settings are imgsz 640, 0.1, 0.9."""

    weights: str = setting(
        "fastsam-edge",
        "name of bundled weights, a name that `autoseg3d weights` lists, or path of a weights file",
    )
    size: int = setting(
        320,
        "longer side of the network's input image; a larger one finds smaller objects and takes more time",
        unit="px",
        low=64,
        high=2048,
    )
    confidence: float = setting(0.25, "drop masks with a lower score", low=0.0, high=1.0, live=True)
    iou: float = setting(
        0.7,
        "of two boxes that overlap (IoU) by more than this, only the better-scored one is kept",
        low=0.0,
        high=1.0,
        live=True,
    )
    retry_iou: float = setting(
        0.7, "the same threshold for a second try, if the first finds no mask", low=0.0, high=1.0
    )
    max_masks: int = setting(
        150, "maximum number of masks per frame", unit="masks", low=1, high=1000, live=True
    )
    min_share: float = setting(
        0.0005,
        "drop masks smaller than this fraction of the image",
        low=0.0,
        high=0.5,
        live=True,
    )
    features: bool = setting(
        False, "pass the image features of layer 14 on to the 3D network, for weights that use them (+FF)"
    )
    fine: bool = setting(
        False,
        "compute masks at the image's resolution instead of the network's; sharper, but slower",
        live=True,
    )


@dataclass(frozen=True)
class Letterbox:
    """Where the image lies in the network's input: its size there, the padding before it, and the whole."""

    height: int
    width: int
    top: int
    left: int
    padded_height: int
    padded_width: int


class FastSamMaskMaker:
    """Runs a YOLO segmentation network and paints its masks, the largest first."""

    def __init__(self, network: nn.Module, config: FastSamConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.dtype = torch.float16 if device.type == "cuda" else torch.float32
        self._network = network.to(device, self.dtype).eval().requires_grad_(False)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, frame: Frame) -> MaskImage:
        """Return the masks, with features if asked for; a frame in which nothing is found has none."""
        if not self.config.features:
            return self._run(frame)
        kept: list[Tensor] = []
        layer = self._network.model[FEATURE_LAYER]  # type: ignore[index]
        hook = layer.register_forward_hook(lambda _, __, output: kept.append(output))  # type: ignore
        try:
            masks = self._run(frame)
        finally:
            hook.remove()
        box = letterbox_of(frame.depth.shape, self.config.size)
        step = box.padded_width // kept[0].shape[3]
        rows = slice(box.top // step, (box.top + box.height) // step)
        columns = slice(box.left // step, (box.left + box.width) // step)
        return dataclasses.replace(masks, features=kept[0][0, :, rows, columns])

    def with_config(self, config: FastSamConfig) -> FastSamMaskMaker:
        """Return a mask maker with the same network and other settings."""
        return FastSamMaskMaker(self._network, config, self.device)

    def warm_up(self, frame: Frame) -> MaskImage:
        """Run twice: the first pass chooses its algorithms."""
        self(frame)
        return self(frame)

    @torch.inference_mode()
    def _run(self, frame: Frame) -> MaskImage:
        height, width = frame.rgb.shape[:2]
        box = letterbox_of((height, width), self.config.size)
        found, prototypes = self._detected(letterboxed(frame.rgb, box, self.device, self.dtype))
        if len(found) == 0:
            return MaskImage(np.full((height, width), -1, np.int32), np.zeros(0, np.float32))
        size = (height, width) if self.config.fine else (box.height, box.width)
        masks = assembled(found[:, 6:], found[:, :4], prototypes, box, size)
        large = masks.flatten(1).sum(dim=1) >= self.config.min_share * size[0] * size[1]
        index, shown = renumbered(flatten(masks & large[:, None, None]), len(masks))
        packed = torch.cat([index.flatten().float(), found[shown, 4].float()]).cpu().numpy()
        labels = packed[: index.numel()].reshape(size)
        if size != (height, width):
            labels = np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST))
        return MaskImage(labels.astype(np.int32), packed[index.numel() :])

    def _detected(
        self, image: Float[Tensor, "1 3 rows columns"]
    ) -> tuple[Float[Tensor, "masks outputs"], Float[Tensor, "channels prototype_rows prototype_columns"]]:
        """Return rows of box (corners), score, class and coefficients, and the prototypes."""
        said = self._network(image)
        newer = isinstance(said[0], tuple)  # ultralytics 8.4; before, the prototypes come last in the second
        rows, prototypes = said[0] if newer else (said[0], said[1][-1])
        config, classes = self.config, rows.shape[1] - 4 - prototypes.shape[1]
        for iou in (config.iou, config.retry_iou):
            found = suppressed(rows[0].float(), classes, config.confidence, iou, config.max_masks)
            if len(found):
                break
        return found, prototypes[0].float()


def letterbox_of(shape: tuple[int, ...], size: int) -> Letterbox:
    """Return where an image of some rows and columns lies in an input whose longer side is `size`."""
    scale = size / max(shape[:2])
    height, width = (max(1, round(side * scale)) for side in shape[:2])
    rows, columns = (-(-side // STRIDE) * STRIDE for side in (height, width))
    return Letterbox(height, width, (rows - height) // 2, (columns - width) // 2, rows, columns)


def letterboxed(
    rgb: UInt8[np.ndarray, "height width 3"], box: Letterbox, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "1 3 rows columns"]:
    """Return the image as the network's input, in [0, 1], on gray."""
    image = torch.from_numpy(np.ascontiguousarray(rgb)).to(device).permute(2, 0, 1)[None].to(dtype) / 255
    if image.shape[2:] != (box.height, box.width):
        image = functional.interpolate(image, (box.height, box.width), mode="bilinear", align_corners=False)
    right = box.padded_width - box.left - box.width
    bottom = box.padded_height - box.top - box.height
    padded = functional.pad(image, (box.left, right, box.top, bottom), value=GRAY)
    return padded.contiguous(memory_format=torch.channels_last)


def assembled(
    coefficients: Float[Tensor, "masks channels"],
    boxes: Float[Tensor, "masks 4"],
    prototypes: Float[Tensor, "channels rows columns"],
    box: Letterbox,
    size: tuple[int, int],
) -> Bool[Tensor, "masks height width"]:
    """Return masks of `size` (rows, columns) of the image: prototypes mixed, cut to their boxes, above 0.

    `boxes` are corners in pixels of the network's input (Bolya et al., YOLACT, 2019).
    """
    rows, columns = prototypes.shape[1:]
    logits = (coefficients @ prototypes.flatten(1)).reshape(-1, rows, columns)
    scale = logits.new_tensor([columns / box.padded_width, rows / box.padded_height])
    corners = boxes * scale.repeat(2)
    x = torch.arange(columns, device=logits.device)
    y = torch.arange(rows, device=logits.device)
    inside_x = (x >= corners[:, 0:1].floor()) & (x < corners[:, 2:3].ceil())
    inside_y = (y >= corners[:, 1:2].floor()) & (y < corners[:, 3:4].ceil())
    logits = torch.where(inside_y[:, :, None] & inside_x[:, None, :], logits, OUTSIDE)
    whole = functional.interpolate(logits[None], (box.padded_height, box.padded_width), mode="bilinear")[0]
    image = whole[:, box.top : box.top + box.height, box.left : box.left + box.width]
    if size != (box.height, box.width):
        image = functional.interpolate(image[None], size, mode="bilinear")[0]
    return image > 0
