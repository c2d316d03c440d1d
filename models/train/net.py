"""The demo classifiers' network: a small plain convolutional net, trained from scratch."""

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

WIDTHS = (16, 32, 64, 96)
STRIDE = 16


class Block(nn.Module):
    """3x3 convolution, batch norm, ReLU; adds its input where `is_residual`."""

    def __init__(
        self, inputs: int, outputs: int, *, stride: int = 1, residual: bool = False
    ) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.is_residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm(self.conv(x)))
        return x + y if self.is_residual else y

    def fold(self) -> None:
        """Fold the batch norm into the convolution, for export."""
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()


class Net(nn.Module):
    """Picture float [N, 3, H, W] in 0..1, BGR -> class logits [N, classes], the good class first.

    A map of every kind of defect at 1/16 of the size; a part is as bad as its worst place.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.body = nn.Sequential(
            Block(3, a, stride=2),
            Block(a, b, stride=2),
            Block(b, b, residual=True),
            Block(b, c, stride=2),
            Block(c, c, residual=True),
            Block(c, c, residual=True),
            Block(c, d, stride=2),
            Block(d, d, residual=True),
        )
        self.map = nn.Conv2d(d, classes - 1, 1)
        nn.init.constant_(self.map.bias, -4.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.look(x))

    def look(self, x: Tensor) -> Tensor:
        """The defect map: logits [N, classes - 1, H/16, W/16]."""
        seen: Tensor = self.map(self.body(x))
        return seen

    def judge(self, seen: Tensor) -> Tensor:
        """Class logits from the map; the good class has logit 0."""
        worst = seen.amax((2, 3))
        return torch.cat([torch.zeros_like(worst[:, :1]), worst], dim=1)

    def fold(self) -> None:
        """Fold all batch norms, for export."""
        for block in self.body:
            block.fold()
