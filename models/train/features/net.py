"""The feature net: a plain residual net with heads at stride 8 and 16."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS, DEPTHS = (16, 32, 64, 128), (1, 3, 4)
FINE, COARSE, FUSED = 96, 192, 64
"""Channels of the outputs: the teacher's own at stride 8 and 16, and of the embedding."""
MIDDLE, SPREAD = 127.5, 64.0
"""The net takes (grey value - MIDDLE) / SPREAD."""


class Maps(NamedTuple):
    """What the net says of a picture."""

    fine: Tensor
    """[N, FINE, H/8, W/8]."""
    coarse: Tensor
    """[N, COARSE, H/16, W/16]."""
    fused: Tensor
    """[N, FUSED, H/8, W/8], of length 1 at each place."""


class Net(nn.Module):
    """Picture float [N, 3, H, W] BGR -> maps; H and W are multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        first, a, b, c = WIDTHS
        self.stem = nn.Sequential(*_conv(3, first, stride=2), nn.ReLU(inplace=True))
        self.stage4 = _stage(first, a, DEPTHS[0])
        self.stage8 = _stage(a, b, DEPTHS[1])
        self.stage16 = _stage(b, c, DEPTHS[2])
        self.fine = nn.Conv2d(a + b + c, FINE, 1)
        self.coarse = nn.Conv2d(c, COARSE, 1)
        self.project = nn.Conv2d(a + b + c, FUSED, 1)
        self.refine = nn.Sequential(
            nn.BatchNorm2d(FUSED), nn.ReLU(inplace=True), nn.Conv2d(FUSED, FUSED, 1)
        )

    def forward(self, x: Tensor) -> Maps:
        at4 = self.stage4(self.stem(x))
        at8 = self.stage8(at4)
        at16 = self.stage16(at8)
        wide = functional.interpolate(at16, scale_factor=2.0, mode="bilinear")
        all_at_8 = torch.cat([functional.avg_pool2d(at4, 2), at8, wide], 1)
        first = self.project(all_at_8)
        fused = functional.normalize(first + self.refine(first), dim=1)
        return Maps(self.fine(all_at_8), self.coarse(at16), fused)


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; starts as the shortcut alone where it can."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(*_conv(inputs, outputs, stride=stride), nn.ReLU(inplace=True))
        self.second = nn.Sequential(*_conv(outputs, outputs))
        is_plain = inputs == outputs and stride == 1
        self.shortcut = None if is_plain else nn.Sequential(*_conv(inputs, outputs, 1, stride))
        if is_plain:
            nn.init.zeros_(self.second[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.shortcut is None else self.shortcut(x)
        return torch.relu(self.second(self.first(x)) + beside)


def tensor_of(pictures: Tensor) -> Tensor:
    """Pictures uint8 [N, H, W, 3] -> what the net takes, in channels-last memory."""
    return pictures.permute(0, 3, 1, 2).to(torch.float32).sub_(MIDDLE).div_(SPREAD)


def start_from(net: Net, file: Path) -> int:
    """Take over what fits from a checkpoint of this package, or of the trials before it.

    Those had RGB in, other names and fewer blocks; added blocks begin as a plain shortcut.
    Returns how many parameters were taken over.
    """
    kept = torch.load(file, weights_only=True)["net"]
    if "proj.weight" in kept:
        kept = {_renamed(name): value for name, value in kept.items()}
        kept["stem.0.weight"] = kept["stem.0.weight"].flip(1)
    own = net.state_dict()
    fitting = {n: v for n, v in kept.items() if n in own and own[n].shape == v.shape}
    net.load_state_dict(fitting, strict=False)
    return sum(value.numel() for value in fitting.values())


_TRIAL_NAMES = (
    ("s4.", "stage4."), ("s8.", "stage8."), ("s16.", "stage16."), ("proj.", "project."),
    ("fuse.", "refine."), (".a.", ".first."), (".b.", ".second."), (".sc.", ".shortcut."),
)  # fmt: skip


def _renamed(name: str) -> str:
    for old, new in _TRIAL_NAMES:
        name = name.replace(old, new)
    return name


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    blocks = [
        Residual(inputs, outputs, 2),
        *(Residual(outputs, outputs, 1) for _ in range(depth - 1)),
    ]
    return nn.Sequential(*blocks)


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> Iterable[nn.Module]:
    yield nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    yield nn.BatchNorm2d(outputs)
