"""From things to findings: every fault that was found, and everything that must be counted."""

from collections.abc import Iterator, Mapping, Sequence

from station.core.errors import RecipeError
from station.core.region import Region
from station.core.result import Evaluation, Finding, decide
from station.vision.card import Limits, ModelCard
from station.vision.geometry import place
from station.vision.layout import CountRule
from station.vision.placement import place_points
from station.vision.things import Thing, missing_score, surplus_score

MOST_FINDINGS = 64
Counts = Mapping[str, CountRule]


def findings_of(
    tool: str,
    things: Mapping[str, Sequence[Thing]],
    card: ModelCard,
    counts: Counts,
    limits: Limits,
    region: Region,
) -> list[Finding]:
    """A finding for every fault above the accept limit, or one OK, and one for every count."""
    faults = _faults(tool, things, card, limits, region) if card.reason_codes else []
    return [*faults, *_counted(tool, things, counts, limits, region)]


def settle_counts(card: ModelCard, counts: Counts | None) -> Counts:
    """The card's counts, each with the recipe's rule in its place where that has one.

    So no class that must be there is forgotten because a recipe speaks of another one.

    Raises:
        RecipeError: one is for a class the card does not have or calls a fault, or nothing is left
            that could fail a part.
    """
    counts = {**card.counts, **(counts or {})}
    for name in counts:
        if name not in card.classes or name in card.reason_codes:
            free = [known for known in card.classes if known not in card.reason_codes]
            raise RecipeError(
                f"count of {name!r}: model {card.reference} has no such class to count "
                f"(there is: {', '.join(free) or 'none'})"
            )
    if not card.reason_codes and not counts:
        raise RecipeError(
            f"model {card.reference} names no fault, so that every part would pass: say what must "
            "be there with `count`"
        )
    return counts


def _faults(
    tool: str,
    things: Mapping[str, Sequence[Thing]],
    card: ModelCard,
    limits: Limits,
    region: Region,
) -> list[Finding]:
    seen = [thing for name in card.reason_codes for thing in things[name]]
    seen.sort(key=lambda thing: -thing.score)
    faults = []
    for thing in seen[:MOST_FINDINGS]:
        evaluation = _decided(thing.score, limits)
        if evaluation is not Evaluation.OK:
            faults.append(_fault(tool, thing, card, limits, region, evaluation))
    if faults:
        return faults
    score = seen[0].score if seen else 0.0
    return [
        Finding(
            tool=tool,
            evaluation=_decided(score, limits),
            score=score,
            accept_limit=limits.accept_limit,
            reject_limit=limits.reject_limit,
            region=region,
        )
    ]


def _fault(
    tool: str,
    thing: Thing,
    card: ModelCard,
    limits: Limits,
    region: Region,
    evaluation: Evaluation,
) -> Finding:
    where = place_points(thing.points, region) if thing.points else place(thing.box, region)
    return Finding(
        tool=tool,
        evaluation=evaluation,
        reason_code=card.reason_codes[thing.name],
        score=thing.score,
        accept_limit=limits.accept_limit,
        reject_limit=limits.reject_limit,
        region=where,
        measured={"area_px": round(thing.area_px, 1)},
        text=thing.name,
    )


def _counted(
    tool: str,
    things: Mapping[str, Sequence[Thing]],
    counts: Counts,
    limits: Limits,
    region: Region,
) -> Iterator[Finding]:
    """One finding a rule.

    What is surely there (from the reject limit on) counts, what is surely not (up to the accept
    limit) does not; in between a person looks. So for something missing the limits are mirrored:
    its score is 1 - that of the thing.
    """
    mirrored = Limits(
        accept_limit=1 - limits.reject_limit, reject_limit=max(1 - limits.accept_limit, 1e-9)
    )
    for name, rule in counts.items():
        found = list(things[name])
        missing, surplus = missing_score(found, rule), surplus_score(found, rule)
        few, many = _decided(missing, mirrored), _decided(surplus, limits)
        is_many = _WORSE[many] > _WORSE[few]
        used, score = (limits, surplus) if is_many else (mirrored, missing)
        evaluation = many if is_many else few
        yield Finding(
            tool=tool,
            evaluation=evaluation,
            reason_code=None if evaluation is Evaluation.OK else rule.reason,
            score=score,
            accept_limit=used.accept_limit,
            reject_limit=used.reject_limit,
            region=region,
            measured={"count": sum(thing.score >= limits.reject_limit for thing in found)},
            text=name,
        )


_WORSE = {Evaluation.OK: 0, Evaluation.NOT_DECIDABLE: 1, Evaluation.NOT_OK: 2}


def _decided(score: float, limits: Limits) -> Evaluation:
    return decide(score, accept_limit=limits.accept_limit, reject_limit=limits.reject_limit)
