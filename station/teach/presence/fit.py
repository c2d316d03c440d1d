"""From samples to likenesses: held out one picture at a time, limits from what that gave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from station.teach.presence.samples import Rivals, Sample
from station.vision.positions import (
    ABSENT,
    TURNS_DEG,
    Features,
    Likeness,
    Look,
    Scale,
    directions_of,
    distances,
    fit_template,
    look,
    score_of,
    turn_of,
    weighed,
)

SPREADS = 5.0
"""The limit lies so many standard deviations beyond the mean of held-out examples."""
STRANGE_SPREADS = 8.0
USUAL_SPREAD = 0.1
"""What the spread is taken for as long as few examples say otherwise."""
USUAL_STRANGE_SPREAD = 0.15
"""The same for the distance to the nearest example, as a share of its mean."""
ALONE_SPREAD = 0.06
"""And from a single example, as a share of the distance to other things."""
USUAL_COUNT = 8
"""The usual spread counts like so many pictures."""
UNKNOWN_TURN_DEG, ROUND_TURN_DEG = 180.0, 90.0
TRIED_TURNS = (2, 3, 4)
"""Turns an example is given to see how well they are measured, of `TURNS_DEG`."""
MOST_EXAMPLES = 96
MOST_RIVALS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A likeness, and how sure it is."""

    likeness: Likeness
    examples: int
    highest: float
    """The worst held-out example's score; 1 is the limit."""
    lowest_other: float | None
    """The best score among held-out examples of other states; None where none were shown."""


def fit_state(state: str, samples: Sequence[Sample], rivals: Rivals) -> Fitted:
    """What one state of a group looks like, from its samples, the other states' and the rest."""
    own = [sample for sample in samples if sample.state == state]
    is_sought = state != ABSENT
    others = [sample for sample in samples if sample.state != state]
    rest = _rest(state, own, others, rivals)
    seen, seen_others = _held_out(own, others, rest, is_sought=is_sought)
    likeness = _likeness(own, rest, is_sought=is_sought)
    folds = len({sample.fold for sample in own})
    likeness = replace(
        likeness,
        unlikeness=_unlikeness(seen, seen_others, folds),
        strangeness=_strangeness(seen, folds, _alien(likeness)),
        turn_spread_deg=_turn_spread(own, likeness),
    )
    return _fitted(likeness, seen, seen_others)


@dataclass(frozen=True, slots=True)
class _Rest:
    """All that is not the state."""

    features: Features
    are_things: NDArray[np.bool_]
    folds: NDArray[np.intp]

    def without(self, fold: int) -> "_Rest":
        kept = self.folds != fold
        return _Rest(self.features[kept], self.are_things[kept], self.folds[kept])


def _rest(state: str, own: Sequence[Sample], others: Sequence[Sample], rivals: Rivals) -> _Rest:
    """The other states, and of what lies elsewhere all that does not look just like the state.

    Where nothing is expected the background is no rival: it looks the same.
    """
    kept = _unlike(own, rivals)
    if state == ABSENT:
        kept &= rivals.are_things
    chosen = _evenly(np.flatnonzero(kept), MOST_RIVALS)
    features = [sample.home for sample in others]
    return _Rest(
        np.concatenate((np.array(features, np.float32).reshape(len(features), -1),
                        rivals.features[chosen])) if features else rivals.features[chosen],
        np.concatenate((np.array([s.state != ABSENT for s in others], np.bool_),
                        rivals.are_things[chosen])),
        np.concatenate((np.array([s.fold for s in others], np.intp), rivals.folds[chosen])),
    )  # fmt: skip


def _unlike(own: Sequence[Sample], rivals: Rivals) -> NDArray[np.bool_]:
    """Which rivals are farther from every example than examples are from each other."""
    homes = weighed(np.array([sample.home for sample in own], np.float32), is_thing=True)
    if not len(rivals.features) or len(homes) < 2:
        return np.ones(len(rivals.features), np.bool_)
    between = distances(homes, homes)
    np.fill_diagonal(between, np.inf)
    nearest = between.min(axis=1)
    usual = float(nearest.mean() + 3 * nearest.std())
    return np.asarray(
        distances(weighed(rivals.features, is_thing=True), homes).min(axis=1) > usual, np.bool_
    )


def _held_out(
    own: Sequence[Sample], others: Sequence[Sample], rest: _Rest, *, is_sought: bool
) -> tuple[list[Look], list[Look]]:
    folds = sorted({sample.fold for sample in own})
    if len(folds) < 2:
        return _held_out_alone(own, rest, is_sought=is_sought), []
    seen: list[Look] = []
    seen_others: list[Look] = []
    for fold in sorted({sample.fold for sample in (*own, *others)}):
        kept = [sample for sample in own if sample.fold != fold]
        likeness = _likeness(kept, rest.without(fold), is_sought=is_sought)
        seen += [look(sample.features, likeness) for sample in own if sample.fold == fold]
        seen_others += [look(sample.features, likeness) for sample in others if sample.fold == fold]
    return seen, seen_others


def _held_out_alone(own: Sequence[Sample], rest: _Rest, *, is_sought: bool) -> list[Look]:
    """With a single example: it, turned and scaled, beside itself."""
    sample = own[0]
    seen = []
    for index in range(len(sample.nearby)):
        kept = np.delete(sample.nearby, index, axis=0)
        if not len(kept):
            kept = sample.nearby
        likeness = _likeness([replace(sample, nearby=kept)], rest, is_sought=is_sought)
        seen.append(look(sample.nearby[index][None, None], likeness))
    return seen


def _likeness(own: Sequence[Sample], rest: _Rest, *, is_sought: bool) -> Likeness:
    homes = np.array([sample.home for sample in own], np.float32)
    varied = np.concatenate([sample.nearby[1:] for sample in own])
    chosen = varied[_evenly(np.arange(len(varied)), max(0, MOST_EXAMPLES - len(homes)))]
    examples = np.concatenate((homes[_evenly(np.arange(len(homes)), MOST_EXAMPLES)], chosen))
    examples = weighed(examples, is_thing=is_sought)
    rivals = weighed(rest.features, is_thing=is_sought)
    template, middle = np.zeros(examples.shape[1], np.float32), 0.0
    if len(rivals):
        template, middle = fit_template(examples, rivals)
    turned = np.asarray(np.mean([sample.turned for sample in own], axis=0), np.float32)
    unset = Scale(mean=0.0, limit=1.0)
    return Likeness(
        examples=examples,
        rivals=rivals,
        are_things=rest.are_things,
        turned=weighed(turned, is_thing=is_sought),
        template=template,
        middle=middle,
        is_sought=is_sought,
        unlikeness=unset,
        strangeness=unset,
        turn_spread_deg=0.0,
    )


def _turn_spread(own: Sequence[Sample], likeness: Likeness) -> float:
    """The root mean square error of turns measured on samples that were held out.

    From one example alone nothing is known of that.
    """
    folds = sorted({sample.fold for sample in own})
    if len(folds) < 2 or not likeness.is_sought:
        return UNKNOWN_TURN_DEG
    if _is_round(own, likeness):
        return ROUND_TURN_DEG
    apart: list[float] = []
    for fold in folds:
        kept = [sample.turned for sample in own if sample.fold != fold]
        means = weighed(np.asarray(np.mean(kept, axis=0), np.float32), is_thing=True)
        for sample in own:
            if sample.fold == fold:
                shown = weighed(sample.turned, is_thing=True)
                apart += [turn_of(shown[at][None], means) - TURNS_DEG[at] for at in TRIED_TURNS]
    return float(np.sqrt(np.mean(np.square(apart))))


def _is_round(own: Sequence[Sample], likeness: Likeness) -> bool:
    """One step of a turn changes less than good examples differ by."""
    homes = weighed(np.array([sample.home for sample in own], np.float32), is_thing=True)
    turned = directions_of(likeness.turned)
    level = len(TURNS_DEG) // 2
    steps = distances(turned[level : level + 1], turned[[level - 1, level + 1]])
    usual = np.median(distances(turned[level : level + 1], directions_of(homes)))
    return bool(steps.min() < usual)


def _unlikeness(seen: Sequence[Look], others: Sequence[Look], folds: int) -> Scale:
    mean, spread = _spread([one.unlikeness for one in seen], USUAL_SPREAD, folds)
    limit = mean + SPREADS * spread
    if others:
        far, wide = _spread([one.unlikeness for one in others], USUAL_SPREAD, folds)
        # as many of its own spreads from either side, but no farther than strange things allow
        limit = mean + spread * min((far - mean) / (spread + wide), SPREADS + 1)
    return Scale(mean=mean, limit=max(limit, mean + 1e-3))


def _strangeness(seen: Sequence[Look], folds: int, alien: float) -> Scale:
    values = [one.strangeness for one in seen]
    usual = max(0.1, USUAL_STRANGE_SPREAD * float(np.mean(values)))
    if folds < 2:  # what was held out is the example itself, turned: another would differ more
        usual = max(usual, ALONE_SPREAD * alien)
    mean, spread = _spread(values, usual, folds)
    return Scale(mean=mean, limit=mean + STRANGE_SPREADS * spread)


def _alien(likeness: Likeness) -> float:
    """The usual distance to what is something else."""
    if not len(likeness.rivals):
        return 0.0
    return float(np.median(distances(likeness.rivals, likeness.examples).min(axis=1)))


def _spread(values: Sequence[float], usual: float, folds: int) -> tuple[float, float]:
    """Mean and standard deviation, the latter drawn towards the usual one while pictures are few.

    What is seen in one picture is seen in one light: pictures count, not positions.
    """
    mean, variance = float(np.mean(values)), float(np.var(values))
    known = folds - 1
    return mean, float(np.sqrt((known * variance + USUAL_COUNT * usual**2) / (known + USUAL_COUNT)))


def _fitted(likeness: Likeness, seen: Sequence[Look], others: Sequence[Look]) -> Fitted:
    scores = [score_of(one, likeness) for one in seen]
    other = [score_of(one, likeness) for one in others]
    return Fitted(
        likeness=likeness,
        examples=len(seen),
        highest=max(scores),
        lowest_other=min(other) if other else None,
    )


def _evenly(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of them, evenly spaced."""
    if len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).round().astype(np.intp)]
