"""SAM, MobileSAM and SAM 2 in their "everything" mode, run by ultralytics: slow, thorough masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from autoseg3d_core.config import setting
from autoseg3d_core.mask_makers.fastsam_network import ultralytics_module
from autoseg3d_core.mask_makers.flatten import flatten, renumbered
from autoseg3d_core.structures import Frame, MaskImage

PREDICTORS = {"sam": "Predictor", "sam2": "SAM2Predictor"}


@dataclass(frozen=True)
class SamConfig:
    """Which weights, and how densely and strictly masks are asked for; the defaults are SAM's own."""

    weights: str = setting("mobile-sam", "a name that `autoseg3d weights` lists, or path of a .pt file")
    points_per_side: int = setting(
        32,
        "the network is prompted at a square grid of points, this many per side; more find "
        "smaller objects and take more time",
        unit="points",
        low=1,
        high=128,
    )
    quality: float = setting(
        0.88, "drop masks whose quality (IoU) the network predicts to be lower", low=-10.0, high=1.0
    )
    stability: float = setting(
        0.95,
        "drop masks with a lower stability score: the IoU of the mask at a higher and a lower threshold",
        low=0.0,
        high=1.0,
        live=True,
    )
    min_share: float = setting(
        0.0005,
        "drop masks smaller than this fraction of the image",
        low=0.0,
        high=0.5,
        live=True,
    )


class SamMaskMaker:
    """Asks a SAM network for everything, and paints its masks, the largest first."""

    def __init__(self, network: nn.Module, family: str, config: SamConfig, device: torch.device) -> None:
        self.config = config
        options = {
            "task": "segment",
            "mode": "predict",
            "imgsz": 1024,
            "conf": max(config.quality, 0.0),
            "save": False,
            "verbose": False,
            "device": str(device),
        }
        predictor = getattr(ultralytics_module("models.sam"), PREDICTORS[family])
        self._network, self._family, self._device = network, family, device
        self._predictor = predictor(overrides=options)
        self._predictor.setup_model(model=network, verbose=False)

    def __call__(self, frame: Frame) -> MaskImage:
        """Return the masks; a frame in which nothing is found has none."""
        with torch.inference_mode():
            result = self._predictor(
                source=np.ascontiguousarray(frame.rgb[..., ::-1]),
                points_stride=self.config.points_per_side,
                conf_thres=self.config.quality,
                stability_score_thresh=self.config.stability,
            )[0]
        if result.masks is None or len(result.masks.data) == 0:
            return MaskImage(np.full(frame.depth.shape, -1, np.int32), np.zeros(0, np.float32))
        masks = result.masks.data > 0
        large = masks.flatten(1).sum(dim=1) >= self.config.min_share * masks[0].numel()
        index, shown = renumbered(flatten(masks & large[:, None, None]), len(masks))
        return MaskImage(
            index.to(torch.int32).cpu().numpy(), result.boxes.conf[shown].float().clamp(0, 1).cpu().numpy()
        )

    def with_config(self, config: SamConfig) -> SamMaskMaker:
        """Return a mask maker with the same network and other settings."""
        return SamMaskMaker(self._network, self._family, config, self._device)

    def warm_up(self, frame: Frame) -> MaskImage:
        """Run once."""
        return self(frame)
