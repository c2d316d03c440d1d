"""What is asked of the net: judge by memory, find defects without, say what the teacher says."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.train.features.episodes import PRODUCTS, QUERIES, REFERENCES
from models.train.features.net import FUSED, Maps

PICTURES = REFERENCES + QUERIES
_SHARPNESS = 25.0
_THINNED = 2
"""Every other patch of the references is in the memory: all would cost half as much as the net."""
_RETRIEVED, _AMONG = 48, 192
_FARTHEST = 8.0
WEIGHTS = {"memory": 1.0, "product": 0.3, "flaw": 0.5, "fine": 3.0, "coarse": 3.0}


class Losses(nn.Module):
    """All losses of a batch, and the few numbers that are learnt for them alone."""

    def __init__(self, teacher_scale: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
        super().__init__()
        self.flaw = nn.Conv2d(FUSED, 1, 1)
        self.slope = nn.Parameter(torch.tensor(16.0))
        self.offset = nn.Parameter(torch.tensor(1.5))
        names = ("fine_mean", "fine_spread", "coarse_mean", "coarse_spread")
        for name, value in zip(names, teacher_scale, strict=True):
            self.register_buffer(name, value)

    def forward(
        self, maps: Maps, labels: Tensor, remembered: Tensor, taught: tuple[Tensor, Tensor]
    ) -> dict[str, Tensor]:
        """Maps of PRODUCTS * PICTURES pictures in fp32, labels [PRODUCTS, QUERIES, h, w]."""
        fused = _places(maps.fused)
        flat = labels.reshape(PRODUCTS, -1)
        by_memory = self.slope * (1 - _nearest(fused, remembered)) - self.offset
        flaws = self.flaw(8 * maps.fused)[:, 0].reshape(PRODUCTS, PICTURES, -1)
        fine, coarse = self._against_teacher(maps, taught)
        return {
            "memory": _judged(by_memory, flat),
            "product": _told_apart(fused, flat),
            "flaw": _judged(flaws[:, REFERENCES:].reshape(PRODUCTS, -1), flat),
            "fine": fine,
            "coarse": coarse,
        }

    def _against_teacher(self, maps: Maps, taught: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Both have seen the same pictures; each channel of the teacher counts the same."""
        scales = (self.fine_mean, self.fine_spread), (self.coarse_mean, self.coarse_spread)
        losses = []
        for ours, theirs, (mean, spread) in zip(maps[:2], taught, scales, strict=True):
            wanted = ((theirs - mean) / spread).clamp(-_FARTHEST, _FARTHEST)
            losses.append(functional.smooth_l1_loss(ours, wanted))
        return losses[0], losses[1]


def weighed(losses: dict[str, Tensor]) -> Tensor:
    """The sum that is minimised."""
    return torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum()


def _places(maps: Tensor) -> Tensor:
    """[PRODUCTS * PICTURES, C, h, w] -> [PRODUCTS, PICTURES, h * w, C]."""
    return maps.flatten(2).transpose(1, 2).unflatten(0, (PRODUCTS, PICTURES))


def _nearest(places: Tensor, remembered: Tensor) -> Tensor:
    """Soft maximum of the cosine to the memory, [PRODUCTS, QUERIES * h * w]."""
    memory = places[:, :REFERENCES, ::_THINNED].flatten(1, 2)
    asked = _SHARPNESS * places[:, REFERENCES:].flatten(1, 2)
    away = _away(remembered, memory.shape[1])
    alike = torch.baddbmm(away, asked, memory.transpose(1, 2))
    return torch.logsumexp(alike, -1) / _SHARPNESS


def _away(remembered: Tensor, patches: int) -> Tensor:
    """0 for a patch of a remembered reference, far below for the others: [PRODUCTS, 1, patches]."""
    away = torch.where(remembered, 0.0, -1e4)
    return away.repeat_interleave(patches // REFERENCES, 1)[:, None]


def _judged(logits: Tensor, labels: Tensor) -> Tensor:
    """Logistic loss a cell; few defective cells do not weigh as much as many."""
    bad, good = labels == 1, labels == 0
    missed = functional.softplus(-logits[bad]).sum()
    accused = functional.softplus(logits[good]).sum()
    return 2.0 * missed / (bad.sum() + 60.0) + accused / (good.sum() + 1.0)


def _told_apart(places: Tensor, labels: Tensor) -> Tensor:
    """Good patches of a query find their own product among the references of all."""
    good = (labels == 0).float() + 1e-6
    asked = places[:, REFERENCES:].flatten(1, 2)
    picked = torch.multinomial(good, _RETRIEVED)[..., None].expand(-1, -1, FUSED)
    asked = torch.gather(asked, 1, picked).flatten(0, 1)
    memory = places[:, :REFERENCES].flatten(1, 2)
    memory = memory[:, torch.randint(memory.shape[1], (_AMONG,))]
    alike = torch.einsum("qd,brd->qbr", asked, memory).amax(-1)
    return functional.cross_entropy(
        10 * alike, torch.arange(PRODUCTS).repeat_interleave(_RETRIEVED)
    )
