"""Teach a bill of positions: what each looks like in each state that was shown."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from station.core.errors import OutsideImageError, TeachError
from station.core.plugin import Site
from station.teach.keep import check_name, keep_taught
from station.teach.presence.fit import UNKNOWN_TURN_DEG, Fitted, fit_state
from station.teach.presence.samples import Sample, rivals_of, samples_of
from station.teach.presence.shown import Shown, read_shown
from station.vision.positions import (
    Bill,
    Lighting,
    Position,
    PositionFacts,
    arrays_of,
    facts_of,
    light_of,
    lighting_of,
    look,
    read_bill,
    shift_px,
    turn_limit_deg,
)
from station.vision.taught import TaughtCard

Home = tuple[float, float, float]
"""(x, y) in px and degrees beside the bill."""
Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceLesson:
    """What to teach from."""

    folder: Path
    name: str
    positions: Path
    """The bill, a TOML file."""
    locate: str = ""
    """What `teach locate` made, if the part moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtPositions:
    """What came of it."""

    card: TaughtCard
    folder: Path
    pictures: int
    fitted: Mapping[str, Mapping[str, Fitted]]
    """Group -> state -> how it was learnt."""
    warnings: tuple[str, ...]
    seconds: float


def teach_presence(
    lesson: PresenceLesson, model_dirs: Sequence[Path], told: Told = lambda *_: None
) -> TaughtPositions:
    """Learn every group of positions and write them as the next version.

    Raises:
        TeachError: a picture is no use, a position was not shown as it is expected, or two states
            look alike; says which.
        RecipeError: the bill is wrong.
    """
    started = time.monotonic()
    check_name(lesson.name)
    bill = read_bill(lesson.positions)
    site = Site(model_dirs=tuple(model_dirs))
    shown = read_shown(lesson.folder, bill, site, locate=lesson.locate)
    _check_bill(bill, shown)
    in_colour = any(view.image.ndim == 3 for view in shown)
    lighting = lighting_of(bill, _light(bill, shown), in_colour=in_colour)
    fitted: dict[str, dict[str, Fitted]] = {}
    homes: dict[str, Home] = {}
    for number, (family, positions) in enumerate(bill.families.items(), 1):
        samples = _samples(positions, shown, lighting)
        fitted[family] = _learn(positions, bill, shown, samples, lighting)
        homes |= _homes(positions, samples, fitted[family])
        told("learning", number, len(bill.families))
    card, folder = _keep(lesson, bill, shown, lighting, fitted, homes, model_dirs)
    return TaughtPositions(
        card=card,
        folder=folder,
        pictures=len(shown),
        fitted=fitted,
        warnings=(*_warnings(fitted), *_untold(bill, fitted)),
        seconds=time.monotonic() - started,
    )


def _samples(
    positions: Sequence[Position], shown: Sequence[Shown], lighting: Lighting
) -> list[Sample]:
    try:
        return samples_of(positions, shown, lighting)
    except OutsideImageError as error:
        raise TeachError(f"group {positions[0].family!r}: {error}") from error


def _learn(
    positions: Sequence[Position],
    bill: Bill,
    shown: Sequence[Shown],
    samples: Sequence[Sample],
    lighting: Lighting,
) -> dict[str, Fitted]:
    rivals = rivals_of(positions, bill, shown, lighting)
    states = dict.fromkeys(sample.state for sample in samples)
    fitted = {state: fit_state(state, samples, rivals) for state in states}
    _check_apart(positions[0].family, fitted)
    return fitted


def _check_bill(bill: Bill, shown: Sequence[Shown]) -> None:
    """Every position lies in the view, and its group was shown as it is expected."""
    height, width = shown[0].image.shape[:2]
    known: dict[str, set[str]] = {}
    for position in bill.positions:
        if any(not (0 <= x <= width and 0 <= y <= height) for x, y in position.region.corners):
            raise TeachError(
                f"position {position.name!r} does not lie in the view of {width} x {height}; "
                "positions are given in the coordinates of the view that is taught"
            )
        states = {view.states[position.name] for view in shown if position.name in view.states}
        known.setdefault(position.family, set()).update(states)
    for position in bill.positions:
        if position.expected not in known[position.family]:
            raise TeachError(
                f"no picture shows {position.name!r} {position.expected}, as the bill expects it"
            )


def _check_apart(family: str, fitted: Mapping[str, Fitted]) -> None:
    for state, one in fitted.items():
        if one.lowest_other is not None and one.lowest_other < min(1.0, one.highest):
            raise TeachError(
                f"group {family!r}: pictures shown as {state} and as another state look alike "
                f"(held out, another state scored {one.lowest_other:.2f}, {state} up to "
                f"{one.highest:.2f}); look for pictures in the wrong folder, or for positions too "
                "large for what changes in them"
            )


def _warnings(fitted: Mapping[str, Mapping[str, Fitted]]) -> Iterator[str]:
    for family, known in fitted.items():
        for state, one in known.items():
            if one.highest > 0.9:
                yield (
                    f"{family} {state}: a held-out example scored {one.highest:.2f}, the limit is "
                    "1; show more good parts, in all the light there is"
                )
            if one.lowest_other is not None and one.lowest_other < 1.1:
                yield (
                    f"{family} {state}: a held-out example of another state scored only "
                    f"{one.lowest_other:.2f}, the limit is 1; show more of both"
                )


def _untold(bill: Bill, fitted: Mapping[str, Mapping[str, Fitted]]) -> Iterator[str]:
    """Positions whose turn cannot be judged although somebody asked for it, or nobody can know."""
    for family, positions in bill.families.items():
        for position in positions:
            likeness = fitted[family][position.expected].likeness
            limit_deg = turn_limit_deg(likeness, position)
            if not likeness.is_sought or limit_deg == position.turn_at_most_deg:
                continue
            if likeness.turn_spread_deg >= UNKNOWN_TURN_DEG:
                yield (
                    f"{position.name}: one example does not show whether it may be turned, so a "
                    "turned one is not seen; show a second good part"
                )
            elif "turn_at_most_deg" in position.model_fields_set:
                yield (
                    f"{position.name}: its turn is too little known for turn_at_most_deg "
                    f"{position.turn_at_most_deg:g}; it is judged from {limit_deg:.0f}° on"
                )


def _light(bill: Bill, shown: Sequence[Shown]) -> tuple[float, float, float]:
    """The mean of all pictures; of the whole view where positions cover it."""
    places = tuple(position.region for position in bill.positions)
    seen = []
    for view in shown:
        light = light_of(view.image, places)
        seen.append(light_of(view.image, ()) if light is None else light)
    blue, green, red = np.mean([one for one in seen if one is not None], axis=0).tolist()
    return blue, green, red


def _homes(
    positions: Sequence[Position], samples: Sequence[Sample], fitted: Mapping[str, Fitted]
) -> dict[str, Home]:
    """How each position's things lay, so that a bill need not be exact to a pixel or degree."""
    homes: dict[str, Home] = {}
    for position in positions:
        likeness = fitted[position.expected].likeness
        seen = [
            (*shift_px(shows, position), shows.turn_deg)
            for sample in samples
            if sample.position == position.name and sample.state == position.expected
            for shows in (look(sample.features, likeness),)
        ]
        if seen and likeness.is_sought:
            x, y, turn_deg = np.median(seen, axis=0).tolist()
            homes[position.name] = (round(x, 3), round(y, 3), round(turn_deg, 2))
    return homes


def _keep(
    lesson: PresenceLesson,
    bill: Bill,
    shown: Sequence[Shown],
    lighting: Lighting,
    fitted: Mapping[str, Mapping[str, Fitted]],
    homes: Mapping[str, Home],
    model_dirs: Sequence[Path],
) -> tuple[TaughtCard, Path]:
    blue, green, red = lighting.taught.tolist()
    facts = PositionFacts(
        bill=bill,
        light=(blue, green, red),
        in_colour=lighting.in_colour,
        states={
            family: {state: facts_of(one.likeness) for state, one in known.items()}
            for family, known in fitted.items()
        },
        homes=homes,
    )
    likenesses = {
        family: {state: one.likeness for state, one in known.items()}
        for family, known in fitted.items()
    }
    return keep_taught(
        model_dirs,
        lesson.name,
        "presence",
        arrays_of(likenesses),
        settings=facts.model_dump(mode="json"),
        training={
            "pictures": [str(view.path) for view in shown],
            "locate": lesson.locate,
            "examples": {
                family: {state: one.examples for state, one in known.items()}
                for family, known in fitted.items()
            },
        },
    )
