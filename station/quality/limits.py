"""What if the limits were others: the same pictures decided again, and the limits that do best."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.result import Evaluation, decide
from station.quality.qualification import Part
from station.quality.statistics import misses_allowed, parts_needed, upper_bound

Allowed = Callable[[float, float], bool]
"""Whether the tool takes these two limits, accept and reject."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What chosen limits must keep to; None: not asked for."""

    escape_at_most: float | None = None
    """The one-sided 95 % bound of the escape rate must not be above it."""
    review_at_most: float | None = None
    """At most this share is left to a person, of all pictures and of the good ones alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Two limits, and what they would have done to the pictures they were chosen on."""

    tool: str
    accept_limit: float
    reject_limit: float
    escapes: int
    escape_upper_95: float
    overkills: int
    not_decidable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """No limits can be promised to keep the bound: there are too few bad parts."""

    parts_missing: int
    """Bad parts that are missing at least, none of which may pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movable:
    """The parts as one tool's limits see them; decided again in any number of ways."""

    tool: str
    scores: Floats
    """The tool's highest score; -inf where no score of it decides."""
    rest: tuple[Evaluation, ...]
    """The worst that all else found, which no limit of this tool changes."""
    is_good: NDArray[np.bool_]

    def decisions(self, accept_limit: float, reject_limit: float) -> list[Evaluation]:
        """What each part would be with these limits."""
        return [
            _worse(rest, _decided(score, accept_limit, reject_limit))
            for score, rest in zip(self.scores.tolist(), self.rest, strict=True)
        ]


def movable(parts: Sequence[Part], tool: str, limits: tuple[float, float]) -> Movable | None:
    """The inspected parts with the scores of one tool; None where its score alone does not decide.

    That is proven by deciding every part again with the limits it was decided with. A tool that
    counts is not moved: its findings may carry limits mirrored from its own, so that to it higher
    ones mean more that counts as there.
    """
    decided = [part for part in parts if part.is_decided]
    if any(finding.is_count for part in decided for finding in part.seen if finding.tool == tool):
        return None
    seen = [_split(part, tool) for part in decided]
    found = Movable(
        tool=tool,
        scores=np.array([score for score, _ in seen], np.float64),
        rest=tuple(rest for _, rest in seen),
        is_good=np.array([part.is_good for part in decided], np.bool_),
    )
    if not np.isfinite(found.scores).any():
        return None
    again = [evaluation.name.lower() for evaluation in found.decisions(*limits)]
    return found if again == [part.decision for part in decided] else None


def choose(parts: Movable, wish: Wish, allowed: Allowed) -> Choice | Shortage | None:
    """The limits with least overkill that keep to the wish; without a bound on escapes, those
    with the least escape rate and overkill rate together. None where the tool takes no such limits.

    Ties go to fewer escapes, then to fewer reviews. A limit lies in the middle of the gap between
    two scores that were seen, as short a number as the gap allows.
    """
    bad = int((~parts.is_good).sum())
    most = bad
    if wish.escape_at_most is not None:
        most = misses_allowed(wish.escape_at_most, bad)
        if most < 0:
            return Shortage(parts_missing=parts_needed(wish.escape_at_most) - bad)
    ladder = _ladder(parts)
    for place in _by_merit(ladder, wish, most):
        accept, reject = _numbers(ladder.values, *place)
        if accept <= reject and allowed(accept, reject):
            chosen = outcome(parts, accept, reject)
            if chosen.escapes <= most:
                return chosen
    return None


def outcome(parts: Movable, accept_limit: float, reject_limit: float) -> Choice:
    """What two limits would have done, counted one part at a time."""
    decisions = parts.decisions(accept_limit, reject_limit)
    pairs = list(zip(decisions, parts.is_good.tolist(), strict=True))
    escapes = pairs.count((Evaluation.OK, False))
    return Choice(
        tool=parts.tool,
        accept_limit=accept_limit,
        reject_limit=reject_limit,
        escapes=escapes,
        escape_upper_95=upper_bound(escapes, int((~parts.is_good).sum())),
        overkills=pairs.count((Evaluation.NOT_OK, True)),
        not_decidable=decisions.count(Evaluation.NOT_DECIDABLE),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ladder:
    """Counts below every rung; a limit on rung i lies between the scores i - 1 and i."""

    values: Floats
    passing_bad: Counts
    passing_all: Counts
    passing_good: Counts
    """Parts nothing else stops, with a score below the rung: good, bad, both."""
    held_all: Counts
    held_good: Counts
    """Parts something else leaves to a person, with a score below the rung."""
    stopped_good: Counts
    """Good parts with a score above the rung that nothing else rejects, and those it does."""
    good: int
    total: int


def _ladder(parts: Movable) -> _Ladder:
    values = np.unique(parts.scores[np.isfinite(parts.scores)])
    edges = np.append(values, math.inf)
    rest, good = np.array(parts.rest), parts.is_good
    is_ok, is_held = rest == Evaluation.OK, rest == Evaluation.NOT_DECIDABLE

    def below(chosen: NDArray[np.bool_]) -> Counts:
        count: Counts = np.searchsorted(np.sort(parts.scores[chosen]), edges, "left")
        return count

    return _Ladder(
        values=values,
        passing_bad=below(is_ok & ~good),
        passing_all=below(is_ok),
        passing_good=below(is_ok & good),
        held_all=below(is_held),
        held_good=below(is_held & good),
        stopped_good=int(good.sum()) - below((is_ok | is_held) & good),
        good=int(good.sum()),
        total=len(parts.rest),
    )


def _by_merit(ladder: _Ladder, wish: Wish, most_escapes: int) -> Iterable[tuple[int, int]]:
    """Pairs of rungs that keep to the wish, the best first."""
    bad = max(1, ladder.total - ladder.good)
    ranked = []
    for accept in np.flatnonzero(ladder.passing_bad <= most_escapes).tolist():
        reject = _highest_reject(ladder, accept, wish.review_at_most)
        if reject is None:
            continue
        escapes, overkills = int(ladder.passing_bad[accept]), int(ladder.stopped_good[reject])
        reviews = int(_reviews(ladder.passing_all, ladder.held_all, accept)[reject])
        cost: float = overkills
        if wish.escape_at_most is None:
            cost = escapes / bad + overkills / max(1, ladder.good)
        ranked.append(((cost, escapes, reviews), (accept, reject)))
    return (place for _, place in sorted(ranked))


def _highest_reject(ladder: _Ladder, accept: int, budget: float | None) -> int | None:
    """The lowest rung with the least overkill the review budget allows; None if none is."""
    if budget is None:
        return accept
    reviews = _reviews(ladder.passing_all, ladder.held_all, accept)
    good_reviews = _reviews(ladder.passing_good, ladder.held_good, accept)
    fits = (reviews <= budget * ladder.total) & (good_reviews <= budget * ladder.good)
    fits[:accept] = False
    rungs = np.flatnonzero(fits)
    if not rungs.size:
        return None
    least = ladder.stopped_good[rungs].min()
    return int(rungs[ladder.stopped_good[rungs] == least][0])


def _reviews(passing: Counts, held: Counts, accept: int) -> Counts:
    """How many are left to a person with the accept limit on this rung, for each reject rung."""
    reviews: Counts = passing - passing[accept] + held
    return reviews


def _numbers(values: Floats, accept: int, reject: int) -> tuple[float, float]:
    low = _between(values, accept)
    return low, low if reject == accept else _between(values, reject)


def _between(values: Floats, rung: int) -> float:
    """A short number in the middle of the gap below a rung; above the last score, a little more."""
    if rung == len(values):
        low = float(values[-1])
        high = 1.0 if low < 1 else low * 1.1
    else:
        high = float(values[rung])
        low = float(values[rung - 1]) if rung else 0.0
    middle = (low + high) / 2
    for digits in range(1, 18):
        short = float(f"{middle:.{digits}g}")
        if low < short < high and abs(short - middle) <= (high - low) / 8:
            return short
    return middle


def _split(part: Part, tool: str) -> tuple[float, Evaluation]:
    """The score of one tool, and the worst evaluation no limit of it can change."""
    scores, rest = [-math.inf], Evaluation.OK
    for finding in part.seen:
        if finding.tool == tool and finding.score is not None:
            scores.append(finding.score)
        else:
            rest = _worse(rest, Evaluation(finding.evaluation))
    return max(scores), rest


def _decided(score: float, accept_limit: float, reject_limit: float) -> Evaluation:
    if not math.isfinite(score):
        return Evaluation.OK
    return decide(score, accept_limit=accept_limit, reject_limit=reject_limit)


def _worse(one: Evaluation, other: Evaluation) -> Evaluation:
    for evaluation in (Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE):
        if evaluation in (one, other):
            return evaluation
    return Evaluation.OK
