"""Counting what looks like the things of a group, wherever in a region they lie."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from pydantic import Field

from station.core.errors import RecipeError
from station.core.frame import Image
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding, decide
from station.vision.geometry import whole
from station.vision.layout import CountRule
from station.vision.positions import PRESENT, Light, Like, Place, Places, find_like

MOST = 4.0
"""The score of a thing that is nowhere to be seen."""


class LikeCount(CountRule):
    """How many things of a group there must be, the code where not, and where they are counted."""

    state: str = Field(PRESENT, description="the taught state that is counted")
    region: Rectangle | None = Field(None, description="upright; all of the view if absent")


def counted(
    rules: Mapping[str, LikeCount],
    places: Places,
    image: Image,
    light: Light,
    limits: tuple[float, float],
) -> Iterator[Finding]:
    """One finding a group; the score is that of the first thing too few or too many.

    Too few: the score of the last thing that must be there. Too many: the more the first one that
    must not be there looks like a thing, the higher, with the limits mirrored.
    """
    for family, rule in rules.items():
        place = place_of(family, places)
        region = rule.region or whole(image)
        found = find_like(image, region, place.position, place.states[rule.state], light)
        yield _finding(family, rule, found, region, limits)


def place_of(family: str, places: Places) -> Place:
    """One position of a group.

    Raises:
        RecipeError: there is no such group.
    """
    for place in places.places:
        if place.position.family == family:
            return place
    known = ", ".join(dict.fromkeys(place.position.family for place in places.places))
    raise RecipeError(f"count names no group of positions: {family!r} (there is: {known})")


def check_rules(rules: Mapping[str, LikeCount], places: Places) -> None:
    """Refuse what cannot be counted.

    Raises:
        RecipeError: a group is not there, its state was not taught, or its region is turned or too
            small.
    """
    for family, rule in rules.items():
        likeness = place_of(family, places).states.get(rule.state)
        if likeness is None or not likeness.is_sought:
            raise RecipeError(f"group {family!r} was shown no {rule.state!r} that can be counted")
        if rule.region is not None and rule.region.angle_deg % 360:
            raise RecipeError(f"the region in which {family!r} is counted must be upright")
        position = place_of(family, places).position
        if rule.region is not None and (
            rule.region.width < position.width or rule.region.height < position.height
        ):
            raise RecipeError(
                f"the region in which {family!r} is counted is smaller than a thing of "
                f"{position.width:g} x {position.height:g} px, so that none would ever be seen"
            )


def _finding(
    family: str,
    rule: LikeCount,
    found: Sequence[Like],
    region: Rectangle,
    limits: tuple[float, float],
) -> Finding:
    accept, reject = limits
    scores = [one.score for one in found]
    lacking = _nth(scores, rule.at_least) if rule.at_least else 0.0
    surplus = 0.0 if rule.at_most is None else accept + reject - _nth(scores, rule.at_most + 1)
    # np.maximum keeps NaN, which decide() refuses; max() might lose it
    score = float(np.maximum(np.maximum(lacking, surplus), 0.0))
    evaluation = decide(score, accept_limit=accept, reject_limit=reject)
    return Finding(
        tool="",
        evaluation=evaluation,
        reason_code=None if evaluation is Evaluation.OK else rule.reason,
        score=score,
        accept_limit=accept,
        reject_limit=reject,
        region=region,
        measured={"count": sum(one <= accept for one in scores)},
        text=family,
    )


def _nth(scores: Sequence[float], number: int) -> float:
    """The score of the number-th best thing, from 1."""
    return scores[number - 1] if number <= len(scores) else MOST
