"""The synthetic source: an endless line of rendered demo parts with known truth."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from pydantic import Field

from station.core.errors import NoFrameError
from station.core.frame import Frame
from station.core.plugin import Feed, Source
from station.sources.synthetic.rendering import PRODUCTS, Rendered, defect_of, render, sequence

__all__ = ["PRODUCTS", "Rendered", "Synthetic", "defect_of", "part_seed", "render", "sequence"]

_PARTS_OF_A_LINE = 1_000_000


class Synthetic(Source, kind="synthetic"):
    """Rendered demo parts: same settings, same pictures, byte for byte."""

    product: Literal["ring", "cap"] = Field("ring", description="which demo product")
    rate_per_s: float = Field(
        5.0, ge=0, le=1000, description="parts a second; 0 = each as soon as it is asked for"
    )
    defect_rate: float = Field(0.1, ge=0, le=1, description="share of parts with a defect")
    seed: int = Field(0, ge=0, lt=1_000_000, description="another seed, another run of parts")
    prerendered: int = Field(
        0, ge=0, le=2000, description="render so many parts beforehand and repeat them; 0 = live"
    )
    width_px: int = Field(640, ge=160, le=4096, description="picture width")
    height_px: int = Field(480, ge=120, le=4096, description="picture height")
    parts: int = Field(0, ge=0, description="end after so many parts; 0 = never")

    @property
    def is_live(self) -> bool:
        """True where parts come at a rate of their own."""
        return self.rate_per_s > 0

    def open(self) -> Feed:
        """Start the line; parts rendered beforehand are rendered here."""
        ready = tuple(islice(_rendered(self), self.prerendered))
        return SyntheticFeed(settings=self, parts=_endless(ready) if ready else _rendered(self))


def part_seed(seed: int, n: int) -> int:
    """The seed that renders the n-th part of the line `seed`; no other line uses it."""
    return seed * _PARTS_OF_A_LINE + n % _PARTS_OF_A_LINE


@dataclass(slots=True, kw_only=True)
class SyntheticFeed:
    """A running synthetic line; `clock` gives seconds and only ever goes forward."""

    settings: Synthetic
    parts: Iterator[Rendered]
    clock: Callable[[], float] = time.monotonic
    _closed: threading.Event = field(default_factory=threading.Event)
    _next: Rendered | None = None
    _due_s: float | None = None
    _sequence: int = 0

    def grab(self, timeout_s: float) -> Frame | None:
        """The next part when it is due; None after the last one or after `close`.

        Raises:
            NoFrameError: the next part is due later than `timeout_s` from now.
        """
        started_s = self.clock()
        if self._closed.is_set() or 0 < self.settings.parts <= self._sequence:
            return None
        if self._next is None:
            # Rendered before the wait, so that the frame comes on time.
            self._next = next(self.parts)
        self._wait(started_s, timeout_s)
        if self._closed.is_set():
            return None
        part, self._next = self._next, None
        frame = Frame(
            image=part.image,
            camera_id=self.settings.camera_id,
            sequence=self._sequence,
            acquired_at=datetime.now(UTC),
            acquisition_ms=(self.clock() - started_s) * 1000,
            is_simulated=True,
            origin=f"synthetic:{self.settings.product}/{self.settings.seed}/{self._sequence}",
            truth=part.truth,
        )
        self._sequence += 1
        return frame

    def close(self) -> None:
        """Stop the line, also while another thread waits in `grab`."""
        self._closed.set()

    def _wait(self, started_s: float, timeout_s: float) -> None:
        """Sleep until the next part is due."""
        if not self.settings.is_live:
            return
        if self._due_s is None:
            self._due_s = started_s
        if self._due_s - started_s > timeout_s:
            self._closed.wait(max(0.0, timeout_s - (self.clock() - started_s)))
            raise NoFrameError(
                f"no part within {timeout_s:g} s: the synthetic line gives "
                f"{self.settings.rate_per_s:g} a second"
            )
        self._closed.wait(max(0.0, self._due_s - self.clock()))
        # A line that nobody watched for a while goes on from now; it does not catch up.
        self._due_s = max(self._due_s, self.clock() - 1.0) + 1.0 / self.settings.rate_per_s


def _rendered(settings: Synthetic) -> Iterator[Rendered]:
    size = (settings.width_px, settings.height_px)
    faults = sequence(settings.product, seed=settings.seed, defect_rate=settings.defect_rate)
    for n, fault in enumerate(faults):
        yield render(settings.product, seed=part_seed(settings.seed, n), defect=fault, size=size)


def _endless(parts: tuple[Rendered, ...]) -> Iterator[Rendered]:
    while True:
        yield from parts
