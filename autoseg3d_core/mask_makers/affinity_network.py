"""The network behind `masks-edge`: which pixels belong together, on one part and on one object.

A small encoder and decoder of plain convolutions (a residual network whose decoder adds what the encoder
saw, as in U-Net and FPN). It decides neither what an object is called nor where its box lies: only what
belongs together, near (the pixel to the right and below) and far (Lee et al., Superhuman accuracy on
the SNEMI3D connectomics challenge, 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import fuse_conv_bn_eval

LEVELS = ("parts", "objects")
NEAR = ((0, 1), (1, 0))
"""Neighbours at the input's resolution whose affinity is predicted: (rows, columns) away."""
FAR_STRIDE = 2
FAR = ((0, 4), (4, 0), (4, 4), (4, -4), (0, 12), (12, 0))
"""The same at half the input's resolution, in its pixels."""
CHANNELS = 8
"""Colour (3), inverse depth, whether it is known, normal (3)."""
STRIDE = 32


@dataclass(frozen=True)
class AffinityShape:
    """Channels of the encoder (strides 2 to 32) and decoder (2 to 16), blocks per stride, and the judge.

    `facts` is what is known of a region, `hidden` how wide the layers are that judge it by that.
    """

    encoder: tuple[int, ...] = (16, 32, 64, 128, 160)
    decoder: tuple[int, ...] = (16, 32, 64, 64)
    blocks: tuple[int, ...] = (0, 2, 2, 2, 1)
    facts: int = 38
    hidden: int = 64

    @staticmethod
    def of(stored: Mapping[str, object]) -> AffinityShape:
        """Return the shape that a checkpoint's config describes."""
        values = {name: stored[name] for name in asdict(AffinityShape())}
        return AffinityShape(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Affinities:
    """The network's output, as logits: above 0 two pixels belong together.

    `near` holds LEVELS x NEAR at the input's resolution, `far` LEVELS x FAR at half of it; `foreground` says
    whether a pixel lies on an object at all, `features` what the decoder made of it, both at half.
    """

    near: Float[Tensor, "batch levels near height width"]
    far: Float[Tensor, "batch levels far rows columns"]
    foreground: Float[Tensor, "batch rows columns"]
    features: Float[Tensor, "batch channels rows columns"]


class AffinityNetwork(nn.Module):
    """Turns the channels of RGB-D images, whose sides are multiples of 32, into affinities."""

    def __init__(self, shape: AffinityShape) -> None:
        super().__init__()
        self.shape = shape
        sizes = (CHANNELS, *shape.encoder)
        self.down = nn.ModuleList(
            nn.Sequential(_layer(a, b, 3, 2), *(Residual(b) for _ in range(count)))
            for a, b, count in zip(sizes, shape.encoder, shape.blocks, strict=False)
        )
        self.around = _layer(shape.encoder[-1], shape.encoder[-1], 1)
        coarser = (*shape.decoder[1:], shape.encoder[-1])
        self.lateral = nn.ModuleList(
            _layer(a, b, 1) for a, b in zip(shape.encoder, shape.decoder, strict=False)
        )
        self.up = nn.ModuleList(_layer(a, b, 1) for a, b in zip(coarser, shape.decoder, strict=True))
        self.mix = nn.ModuleList(Residual(b) for b in shape.decoder)
        self.near = nn.Conv2d(shape.decoder[0], len(LEVELS) * len(NEAR) * 4, 1)
        self.far = nn.Conv2d(shape.decoder[0], len(LEVELS) * len(FAR) + 1, 1)
        self.quality = nn.Sequential(
            nn.BatchNorm1d(shape.facts),
            nn.Linear(shape.facts, shape.hidden),
            nn.ReLU(),
            nn.Linear(shape.hidden, shape.hidden),
            nn.ReLU(),
            nn.Linear(shape.hidden, len(LEVELS)),
        )

    def forward(self, image: Float[Tensor, "batch channels height width"]) -> Affinities:
        """Return the affinities of images."""
        seen = []
        for stage in self.down:
            image = stage(image)
            seen.append(image)
        now = image + self.around(image.mean(dim=(2, 3), keepdim=True))
        for place in reversed(range(len(self.mix))):
            coarse = functional.interpolate(self.up[place](now), scale_factor=2.0, mode="nearest")
            now = self.mix[place](coarse + self.lateral[place](seen[place]))
        near = functional.pixel_shuffle(self.near(now), 2).unflatten(1, (len(LEVELS), len(NEAR)))
        far = self.far(now)
        return Affinities(near, far[:, 1:].unflatten(1, (len(LEVELS), len(FAR))), far[:, 0], now)


class Residual(nn.Module):
    """A block that adds to what comes in: half the channels, then a window of three by three."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(_layer(channels, channels // 2, 1), _layer(channels // 2, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        out: Tensor = x + self.change(x)
        return out


def _layer(channels: int, out: int, window: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, window, stride, window // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True))


def folded(network: AffinityNetwork) -> AffinityNetwork:
    """Return the network for use, normalisation folded into the convolutions: the same answers, sooner."""
    for module in list(network.modules()):
        if not isinstance(module, nn.Sequential) or len(module) < 2:
            continue
        first, second = module[0], module[1]
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            module[0], module[1] = fuse_conv_bn_eval(first.eval(), second.eval()), nn.Identity()
    return network.eval().requires_grad_(False)
