"""The kinds of defects that can be drawn, the sizes they suit, and how often each is chosen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from station.teach.drawn import lines, pieces
from station.teach.drawn.spot import Pixels, Spot

Painter = Callable[[Spot, np.random.Generator], Pixels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to spoil a part."""

    name: str
    paint: Painter
    smallest_px: float
    largest_px: float = float("inf")
    weight: float = 1.0
    needs_structure: bool = False
    """Cannot be seen where the texture is the same everywhere."""
    needs_donor: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="cut_paste", paint=pieces.cut_paste, smallest_px=8, needs_structure=True),
        Kind(name="scratch", paint=lines.scratch, smallest_px=8, weight=1.5),
        Kind(name="crack", paint=lines.crack, smallest_px=14, weight=1.2),
        Kind(name="stain", paint=lines.stain, smallest_px=4),
        Kind(name="pit", paint=lines.pit, smallest_px=0, largest_px=28, weight=1.5),
        Kind(name="missing", paint=pieces.missing, smallest_px=5, needs_structure=True),
        Kind(name="chip", paint=pieces.chip, smallest_px=5, needs_structure=True),
        Kind(name="foreign", paint=pieces.foreign, smallest_px=4, needs_donor=True),
        Kind(name="fibre", paint=lines.fibre, smallest_px=14),
        Kind(name="finish", paint=pieces.finish, smallest_px=12),
        Kind(name="deformation", paint=pieces.deformation, smallest_px=16, needs_structure=True),
        Kind(name="discoloration", paint=lines.discoloration, smallest_px=16),
    )
}
"""Name -> kind."""
