"""The one number a model gives a picture, whatever its task: how much speaks for a defect."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from station.core.errors import ModelError
from station.core.frame import Image
from station.vision.card import ModelCard
from station.vision.geometry import cut, tiles
from station.vision.model import Model
from station.vision.things import Looking, find_things, missing_score, surplus_score


@dataclass(frozen=True, slots=True)
class Answer:
    """The score of a whole picture, and a classifier's share of each class."""

    score: float
    shares: Mapping[str, float] = field(default_factory=dict)


def answer_of(model: Model, image: Image) -> Answer:
    """What a model says of a whole picture, at the settings a plain recipe has.

    Of tiles the worst one answers.

    Raises:
        ModelOutputError: it answers no score.
        ModelError: the model gives no verdicts.
    """
    card = model.card
    if card.task == "classify":
        answers = (_classified(model, crop) for crop in _crops(card, image))
        return max(answers, key=lambda answer: answer.score)
    if card.task == "anomaly":
        return Answer(max(model.score(crop)[0] for crop in _crops(card, image)))
    if card.task in ("detect", "segment"):
        return Answer(_found(model, image))
    raise ModelError(f"model {card.reference} is for {card.task} and gives no score")


def _classified(model: Model, image: Image) -> Answer:
    card = model.card
    shares: list[float] = model.classify(image).tolist()
    score = 1.0 if card.good_class is None else 1 - shares[card.good_class]
    return Answer(score, dict(zip(card.classes, shares, strict=True)))


def _crops(card: ModelCard, image: Image) -> Iterator[Image]:
    if card.tiling is None:
        yield image
        return
    height, width = image.shape[:2]
    for tile in tiles(width, height, card.tiling.size_px, card.tiling.overlap):
        yield cut(image, tile)


def _found(model: Model, image: Image) -> float:
    """The strongest fault, or what speaks most for a thing too few or too many."""
    card = model.card
    names = dict.fromkeys((*card.reason_codes, *card.counts))
    level = card.limits.accept_limit if card.limits else 0.5
    things = find_things(model, image, names, Looking(level=level))
    scores = [thing.score for name in card.reason_codes for thing in things[name][:1]]
    for name, rule in card.counts.items():
        scores += [missing_score(things[name], rule), surplus_score(things[name], rule)]
    return max(scores, default=0.0)
