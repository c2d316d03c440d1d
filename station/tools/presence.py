"""Is everything on the part: a bill of positions, each in its expected state or named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from station.core.errors import RecipeError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.reasons import ReasonCode
from station.core.region import Region
from station.core.result import Evaluation, Finding, decide
from station.tools.approved import TaughtHash, TaughtName, in_order, open_taught
from station.tools.like_things import LikeCount, check_rules, counted
from station.vision.positions import (
    ABSENT,
    Features,
    Light,
    Look,
    Place,
    Places,
    describe,
    grid_of,
    lies_inside,
    look,
    places_of,
    score_of,
    shift_px,
)

MISSING, WRONG, EXTRA, SHIFTED = "missing", "wrong", "extra", "shifted"
STRAYED = 0.7
"""Of a position's smaller side: so far off a thing is still taken for the one that is missed."""
HALFWAY = 0.75
"""Between what a thing looks like and what it does not: what it left behind may be seen, too."""
PER_DEGREE = 0.002
TURNS_DEG = (0.0, -8.0, 8.0, -16.0, 16.0, -24.0, 24.0)
UNKNOWN = "unknown"
"""What a position shows that looks like nothing that was taught."""


class Presence(Tool, kind="presence"):
    """Settings of a bill of positions; each has a finding, whose score is 1 at the taught limit."""

    taught: TaughtName
    taught_hash: TaughtHash = ""
    expected: Mapping[str, str] = Field(
        {}, description="position -> the state it must be in, where not as the taught bill says"
    )
    reasons: Mapping[str, ReasonCode] = Field(
        {}, description="POSITION_missing, _wrong, _extra or _shifted -> the code given instead"
    )
    count: Mapping[str, LikeCount] = Field(
        {}, description="group -> how many things like it there are, wherever they lie"
    )
    accept_limit: float = Field(0.9, gt=0, allow_inf_nan=False, description="OK up to here")
    reject_limit: float = Field(1.1, gt=0, allow_inf_nan=False, description="NOT_OK from here")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        return in_order(self)

    def prepare(self, site: Site) -> Check:
        """Load what was taught from verified bytes; settle what is expected where.

        Raises:
            RecipeError: a state was not taught, or a position or reason code is not there.
        """
        taught = open_taught(self, site)
        places = places_of(taught)
        expected = self._settled(places)
        codes = self._codes(places)
        check_rules(self.count, places)

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image, places, expected, codes)

        return Check(
            run=run,
            models={taught.card.reference: taught.card.hash},
            reason_codes=frozenset(
                (
                    *(codes[f"{name}_{kind}"] for name, kind in self._possible(places, expected)),
                    *(rule.reason for rule in self.count.values()),
                )
            ),
            regions=self._regions(places),
        )

    def _look(
        self,
        image: Image,
        places: Places,
        expected: Mapping[str, str],
        codes: Mapping[str, str],
    ) -> list[Finding]:
        light, is_near = places.lighting.read(image)
        found = []
        for place in places.places:
            state = expected[place.position.name]
            found.append(self._finding(image, place, state, light, codes, 0.0 if is_near else 1.0))
        limits = (self.accept_limit, self.reject_limit)
        return found + [
            replace(finding, tool=self.name)
            for finding in counted(self.count, places, image, light, limits)
        ]

    def _finding(
        self,
        image: Image,
        place: Place,
        state: str,
        light: Light,
        codes: Mapping[str, str],
        least: float,
    ) -> Finding:
        """What one position shows; `least` is what light no example was taught in makes of it."""
        position, likeness = place.position, place.states[state]
        features = describe(image, position.region, place.grid, light)
        seen = look(features, likeness)
        unlike = score_of(seen, likeness)
        x, y = self._shift(seen, place)
        tells_turn = np.isfinite(place.turn_limit_deg(state))
        turn_deg = seen.turn_deg - place.turn_deg if tells_turn else 0.0
        off = _off(x, y, turn_deg, place, state)
        # np.maximum keeps NaN, which decide() refuses; max() might lose it
        score = float(np.maximum(np.maximum(unlike, off), least))
        evaluation = decide(score, accept_limit=self.accept_limit, reject_limit=self.reject_limit)
        kind, shows, moved = "", state, _moved(x, y, turn_deg)
        if evaluation is not Evaluation.OK:
            is_moved = off > max(unlike, self.accept_limit)
            kind, shows = (SHIFTED, state) if is_moved else self._why(features, place, state, seen)
        if kind in (MISSING, WRONG) and shows == UNKNOWN:
            strayed = self._strayed(image, place, state, light)
            if strayed:
                kind, shows, moved = SHIFTED, state, _moved(*strayed)
        return Finding(
            tool=self.name,
            evaluation=evaluation,
            reason_code=codes[f"{position.name}_{kind}"] if kind else None,
            score=score,
            accept_limit=self.accept_limit,
            reject_limit=self.reject_limit,
            region=position.region,
            measured=moved if likeness.is_sought else {},
            text=position.name,
            read={position.name: shows},
        )

    def _strayed(
        self, image: Image, place: Place, state: str, light: Light
    ) -> tuple[float, float, float] | None:
        """Where the thing lies that is not in its place: (x, y) px off and turned by degrees.

        None: it is not near, or lies in another place. Only what a fault is called turns on this.
        """
        position = place.position
        if position.shift_at_most_px is None:
            return None
        found = [
            # of a round thing, every turn looks alike: none is preferred
            (seen.unlikeness + PER_DEGREE * abs(turn_deg), turn_deg, self._shift(seen, place))
            for turn_deg, seen in self._turned(image, place, state, light)
        ]
        unlikeness, turn_deg, (along, across) = min(found)
        turn = np.radians(turn_deg)
        x = float(along * np.cos(turn) - across * np.sin(turn))
        y = float(along * np.sin(turn) + across * np.cos(turn))
        is_off = bool(np.hypot(x, y) > position.shift_at_most_px) or turn_deg != 0
        is_it = unlikeness < HALFWAY and is_off and not place.is_taken(x, y)
        return (x, y, turn_deg) if is_it else None

    def _turned(
        self, image: Image, place: Place, state: str, light: Light
    ) -> Iterator[tuple[float, Look]]:
        position = place.position
        reach_px = STRAYED * min(position.width, position.height)
        grid = grid_of(position.width, position.height, max(reach_px, position.reach_px))
        for turn_deg in TURNS_DEG:
            region = replace(position.region, angle_deg=position.angle_deg + turn_deg)
            if turn_deg and not lies_inside(region, image):
                continue
            yield turn_deg, look(describe(image, region, grid, light), place.states[state])

    def _shift(self, seen: Look, place: Place) -> tuple[float, float]:
        x, y = shift_px(seen, place.position)
        return x - place.home[0], y - place.home[1]

    def _why(self, features: Features, place: Place, state: str, seen: Look) -> tuple[str, str]:
        """Missing, wrong or extra, and what is there instead, as far as it was taught."""
        others = {
            name: score_of(look(features, likeness), likeness)
            for name, likeness in place.states.items()
            if name != state
        }
        nearest = min(others, key=lambda name: others[name], default=UNKNOWN)
        shows = nearest if others and others[nearest] < self.reject_limit else UNKNOWN
        if state == ABSENT:
            return EXTRA, shows
        if shows == UNKNOWN:
            return (WRONG if seen.is_thing else MISSING), shows
        return (MISSING if shows == ABSENT else WRONG), shows

    def _regions(self, places: Places) -> tuple[Region, ...] | None:
        """Where it looks; everywhere, if it counts everywhere."""
        counting = [rule.region for rule in self.count.values()]
        if None in counting:
            return None
        regions = [place.position.region for place in places.places]
        return (*regions, *(region for region in counting if region is not None))

    def _settled(self, places: Places) -> dict[str, str]:
        """Position -> the state it must be in."""
        names = {place.position.name for place in places.places}
        strange = [name for name in self.expected if name not in names]
        if strange:
            raise RecipeError(
                f"expected names no position of {self.taught}: {', '.join(strange)} "
                f"(there is: {', '.join(sorted(names))})"
            )
        settled = {}
        for place in places.places:
            position = place.position
            state = self.expected.get(position.name, position.expected)
            if state not in place.states:
                raise RecipeError(
                    f"position {position.name!r} was never shown {state} (but: "
                    f"{', '.join(place.states)}); teach it with pictures of that"
                )
            settled[position.name] = state
        return settled

    def _codes(self, places: Places) -> dict[str, str]:
        """The usual code -> the code that is given."""
        usual = [
            f"{place.position.name}_{kind}"
            for place in places.places
            for kind in (MISSING, WRONG, EXTRA, SHIFTED)
        ]
        strange = [code for code in self.reasons if code not in usual]
        if strange:
            raise RecipeError(
                f"reasons names codes {self.name!r} never gives: {', '.join(strange)} "
                f"(it gives, as one: {usual[0]})"
            )
        return {code: self.reasons.get(code, code) for code in usual}

    def _possible(self, places: Places, expected: Mapping[str, str]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for place in places.places:
            name = place.position.name
            if expected[name] == ABSENT:
                found.append((name, EXTRA))
                continue
            found += [(name, MISSING), (name, WRONG)]
            if place.position.shift_at_most_px or np.isfinite(place.turn_limit_deg(expected[name])):
                found.append((name, SHIFTED))
        return found


def _off(x: float, y: float, turn_deg: float, place: Place, state: str) -> float:
    """How far a thing is moved or turned, as a share of what it may be; NaN stays NaN."""
    moved = np.hypot(x, y) / (place.position.shift_at_most_px or np.inf)
    return float(np.maximum(moved, abs(turn_deg) / place.turn_limit_deg(state)))


def _moved(x: float, y: float, turn_deg: float = 0.0) -> dict[str, float]:
    turned = {"turn_deg": round(turn_deg, 1)} if turn_deg else {}
    return {"shift_x_px": round(x, 2), "shift_y_px": round(y, 2), **turned}
