"""The synthetic source: an endless line of rendered demo parts with known truth."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Literal

from pydantic import Field

from station.core.frame import Frame
from station.core.plugin import Source
from station.sources.pace import Pace
from station.sources.synthetic.rendering import (
    PRODUCTS,
    Rendered,
    nominal_size,
    render,
    sequence,
)
from station.sources.synthetic.samples import render_samples
from station.sources.synthetic.seeds import LINES, part_seed

__all__ = [
    "PRODUCTS",
    "Rendered",
    "Synthetic",
    "nominal_size",
    "part_seed",
    "render",
    "render_samples",
    "sequence",
]


class Synthetic(Source, kind="synthetic"):
    """Rendered demo parts: same settings, same pictures, byte for byte."""

    product: Literal["ring", "cap", "board", "label"] = Field(
        "ring", description="which demo product"
    )
    rate_per_s: float = Field(5.0, ge=0, le=1000, description="parts per second; 0: on demand")
    defect_rate: float = Field(0.1, ge=0, le=1, description="share of parts with a defect")
    seed: int = Field(0, ge=0, lt=LINES, description="another seed, another run of parts")
    prerendered: int = Field(
        0, ge=0, le=2000, description="render so many parts beforehand and repeat them; 0: live"
    )
    width_px: int | None = Field(
        None, ge=160, le=4096, description="picture width; none: as the product was taught"
    )
    height_px: int | None = Field(
        None, ge=120, le=4096, description="picture height; none: as the product was taught"
    )
    parts: int = Field(0, ge=0, description="end after so many parts; 0: never")

    @property
    def is_live(self) -> bool:
        """Without a pace the line waits for the station; with one parts come on their own."""
        return self.rate_per_s > 0

    def open(self) -> "SyntheticFeed":
        """Start the line; parts wanted beforehand are rendered here."""
        parts = _rendered(self)
        if self.prerendered:
            parts = cycle(list(islice(parts, self.prerendered)))
        return SyntheticFeed(self, islice(parts, self.parts or None))


class SyntheticFeed:
    """A running line."""

    def __init__(self, settings: Synthetic, parts: Iterator[Rendered]) -> None:
        self._settings = settings
        self._parts = parts
        self._ready: Rendered | None = None
        self._pace = Pace(settings.rate_per_s)
        self._sequence = 0

    def grab(self, timeout_s: float) -> Frame | None:
        """The next part when it is due; see `Feed.grab`."""
        started = time.perf_counter()
        # Rendered before the wait, so that the frame comes on time.
        self._ready = self._ready or next(self._parts, None)
        rendered_ms = (time.perf_counter() - started) * 1e3
        if self._ready is None:
            return None
        self._pace.wait(timeout_s)
        part, self._ready = self._ready, None
        self._sequence += 1
        settings = self._settings
        return Frame(
            image=part.image,
            camera_id=settings.camera_id,
            sequence=self._sequence,
            acquired_at=datetime.now(UTC),
            acquired_s=time.monotonic(),
            acquisition_ms=rendered_ms,
            is_simulated=True,
            origin=f"synthetic:{settings.product}/{settings.seed}/{self._sequence}",
            truth=part.truth,
        )

    def close(self) -> None:
        """Nothing is held open."""


def _rendered(settings: Synthetic) -> Iterator[Rendered]:
    width_px, height_px = nominal_size(settings.product)
    size = (settings.width_px or width_px, settings.height_px or height_px)
    faults = sequence(settings.product, seed=settings.seed, defect_rate=settings.defect_rate)
    for n, fault in enumerate(faults):
        seed = part_seed(settings.seed, n)
        yield render(settings.product, seed=seed, defect=fault, size=size)
