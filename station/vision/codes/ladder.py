"""The retry ladder: looks at wider places and otherwise prepared pictures until readings agree.

The ladder does not know what is expected, so it cannot go on until it happens to read that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from station.vision.codes.preparations import PLAIN, PREPARATIONS, Preparation
from station.vision.codes.reading import AddOn, Place, Reading, look
from station.vision.codes.symbologies import CHECKED, CORRECTED, KINDS, Symbology
from station.vision.codes.upright import upright

SPARE_CORRECTION = 0.1
"""With less error correction left nothing is proven: garbled texts come with none left at all."""
DAMAGED_VOTE = 1 / 3
"""How far a reading with a wrong check digit speaks against another one in the same place."""
CLOSE_UP = 0.3
"""How far a close-up reaches beyond a code, as a share of its longer side."""
SLACK = 0.1
SAME_TEXT_SLACK = 0.6
"""One code read in two of its rows must not count as two; so twins that touch count as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for, and how hard."""

    symbologies: tuple[Symbology, ...]
    count: int = 1
    """How many codes; with so many read for sure the search ends."""
    add_on: AddOn = "ignore"
    agreement: int = 1
    """At least so many looks must agree, whatever the symbology."""
    retry_megapixels: float = 10.0
    """What all looks after the first may cost together; one megapixel takes 2 to 20 ms of CPU."""

    @property
    def is_for_bars(self) -> bool:
        """True where one of the symbologies is linear, so that ZXing needs it upright and dark."""
        return any(KINDS[name].is_linear for name in self.symbologies)

    @property
    def ways(self) -> tuple[Preparation, ...]:
        """The preparations that help with one of the symbologies."""
        is_matrix = any(not KINDS[name].is_linear for name in self.symbologies)
        return tuple(
            way
            for way in PREPARATIONS
            if (is_matrix and way.is_for_matrix) or (self.is_for_bars and way.is_for_linear)
        )


@dataclass(slots=True, eq=False)
class Candidate:
    """One code, and the looks that read it the same; each preparation has one vote."""

    votes: dict[str, Reading] = field(default_factory=dict)
    against: dict[str, float] = field(default_factory=dict)
    """Preparation -> how strongly it spoke against this reading."""
    close_ups: set[str] = field(default_factory=set)
    """Preparations of looks at nothing but this code."""

    @property
    def best(self) -> Reading:
        """The reading with the most error correction left; among equals the first."""
        return max(self.votes.values(), key=lambda one: one.unused_error_correction or 0.0)

    def is_sure(self, agreement: int) -> bool:
        """True where enough looks agree, and clearly more than speak against it."""
        best = self.best
        spare = best.unused_error_correction
        if spare is not None and spare < SPARE_CORRECTION:
            return False
        kind = KINDS[best.symbology]
        is_corrected = kind.agreement == CORRECTED and spare is not None
        needed = CORRECTED if is_corrected else max(CHECKED, kind.agreement)
        doubts = 0.0 if is_corrected else sum(self.against.values())
        return len(self.votes) >= max(needed, agreement) + doubts


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the search came to."""

    sure: tuple[Reading, ...] = ()
    """Every code read for sure, each once, in reading order."""
    unsure: tuple[Reading, ...] = ()
    """Readings elsewhere that not enough looks agree on: what they say proves nothing."""
    damaged: tuple[Reading, ...] = ()
    """Codes that were found elsewhere and not decoded, in the picture as it is: a picture made
    harder shows such things in mere noise."""
    looks: int = 0


def read_codes(places: Sequence[Place], search: Search) -> Seen:
    """Look at the places, the tightest first, and then at the last one in other ways.

    The work is bounded by pixels and not by the clock, so that the same picture always gives the
    same readings.
    """
    hunt = _Hunt(search)
    for number, (place, way) in enumerate(_rungs(places, search)):
        hunt.look(place, way, is_free=number == 0)
        hunt.confirm(place)
        if hunt.is_done:
            break
    return hunt.seen()


def _rungs(places: Sequence[Place], search: Search) -> Iterator[tuple[Place, Preparation]]:
    """Where to look and how, one after the other; made only as far as they are needed."""
    for place in places:
        yield place, PLAIN
    last = places[-1]
    if search.is_for_bars:
        last = upright(places[-1]) or last
        if last is not places[-1]:
            yield last, PLAIN
        yield last.negative(), PLAIN
    for way in search.ways[1:]:
        yield last, way


class _Hunt:
    """A search under way."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._left = search.retry_megapixels * 1e6
        self._candidates: list[Candidate] = []
        self._damaged: list[Reading] = []
        self._looks = 0

    @property
    def is_done(self) -> bool:
        """True with as many sure codes as are wanted."""
        return len(self._sure()) >= self._search.count

    def look(self, place: Place, way: Preparation, *, is_free: bool = False) -> None:
        """One look, if its pixels may still be spent."""
        cost = place.image.size * way.scale**2
        if not is_free:
            if cost > self._left:
                return
            self._left -= cost
        self._looks += 1
        search = self._search
        readings = look(place, way, search.symbologies, search.add_on)
        if way is PLAIN:
            self._damaged += [reading for reading in readings if not reading.is_valid]
        for reading in readings:
            if reading.is_valid:
                self._candidate(reading).votes.setdefault(way.name, reading)
        for candidate in self._candidates:
            weight = _against(candidate.best, readings)
            if weight:
                candidate.against[way.name] = max(weight, candidate.against.get(way.name, 0.0))

    def confirm(self, place: Place) -> None:
        """Close-ups of every code that was read, until enough of them agree."""
        for candidate in tuple(self._candidates):
            close_up: Place | None = None
            for way in self._search.ways:
                if candidate.is_sure(self._search.agreement):
                    break
                if way.name in candidate.votes or way.name in candidate.close_ups:
                    continue
                candidate.close_ups.add(way.name)
                close_up = close_up or place.around(candidate.best.corners, CLOSE_UP)
                self.look(close_up, way)

    def seen(self) -> Seen:
        """What it came to."""
        sure = [candidate.best for candidate in self._sure()]
        said = {(one.text, one.raw) for one in sure}
        rest = [one.best for one in self._candidates]
        rest = [one for one in rest if (one.text, one.raw) not in said]
        unsure = [one for one in rest if not any(_is_near(one, other) for other in sure)]
        known = [*sure, *unsure]
        return Seen(
            sure=tuple(sorted(sure, key=_reading_order)),
            unsure=tuple(sorted(unsure, key=_reading_order)),
            damaged=tuple(_apart(self._damaged, known)),
            looks=self._looks,
        )

    def _sure(self) -> list[Candidate]:
        return [one for one in self._candidates if one.is_sure(self._search.agreement)]

    def _candidate(self, reading: Reading) -> Candidate:
        for candidate in self._candidates:
            known = candidate.best
            if _says_the_same(known, reading) and _is_near(known, reading, SAME_TEXT_SLACK):
                return candidate
        self._candidates.append(Candidate())
        return self._candidates[-1]


def _says_the_same(one: Reading, other: Reading) -> bool:
    return one.text == other.text and one.raw == other.raw


def _against(known: Reading, readings: Iterable[Reading]) -> float:
    """How strongly one look speaks against a reading: 1 for another text in the same place."""
    weight = 0.0
    for reading in readings:
        if reading.text and reading.text != known.text and _is_near(known, reading):
            weight = max(weight, 1.0 if reading.is_valid else DAMAGED_VOTE)
    return weight


def _is_near(one: Reading, other: Reading, slack_share: float = SLACK) -> bool:
    """True where two readings are of one place: the boxes about them, a little grown, meet."""
    (low, high), (other_low, other_high) = _box(one.corners), _box(other.corners)
    slack = slack_share * max((high - low).max(), (other_high - other_low).max())
    return bool(np.all(low - slack <= other_high) and np.all(other_low - slack <= high))


def _box(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return corners.min(axis=0), corners.max(axis=0)


def _apart(damaged: Sequence[Reading], known: Sequence[Reading]) -> Iterator[Reading]:
    """Each place with something undecoded once, where nothing was read."""
    shown = list(known)
    for reading in damaged:
        if not any(_is_near(reading, other) for other in shown):
            shown.append(reading)
            yield reading


def _reading_order(reading: Reading) -> tuple[float, float]:
    x, y = reading.corners.mean(axis=0)
    return round(float(y) / 32), float(x)
