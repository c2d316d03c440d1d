"""Trying every contract that is left on pictures with known answers; the one that fits is taken."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from station.core.errors import ModelError, ModelOutputError
from station.core.frame import Image
from station.teach.importing.contract import open_questions
from station.teach.importing.meaning import Meaning
from station.teach.importing.references import Reference, spread
from station.teach.importing.wishes import ask
from station.vision.card import ModelCard
from station.vision.images import read_image
from station.vision.model import Model
from station.vision.score import Answer, answer_of

MOST_PICTURES = 48
FEWEST_A_LABEL = 3
SURE = 2.0
"""A contract is worse when it makes more mistakes by this many standard errors."""
FEW = 2
"""And by more than so many mistakes. How sure a model is says nothing: too much contrast, which is
a wrong contract, makes many models surer."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A card that might be right, and the choices that make it differ from the others."""

    card: ModelCard
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The card that is taken, and why."""

    card: ModelCard
    told: Mapping[str, str]
    because: str
    assumed: frozenset[str]
    """Choices that nothing decided."""


def choose(
    hypotheses: Sequence[Hypothesis],
    session: ort.InferenceSession,
    references: Sequence[Reference],
    meaning: Meaning,
    tolerance: float,
) -> Chosen:
    """The one contract that fits the pictures, by expected scores or else by labels.

    Raises:
        ModelError: none fits, or two fit alike: asks for the one thing in which they differ.
    """
    expected = [reference for reference in references if reference.expected]
    labelled = _useful(references, meaning)
    if expected:
        errors = _errors(hypotheses, session, spread(expected, MOST_PICTURES), meaning)
        fitting, because = _by_scores(hypotheses, errors, tolerance)
    elif labelled and (len(hypotheses) > 1 or hypotheses[0].card.task == "classify"):
        shown = spread(labelled, MOST_PICTURES)
        mistakes = _mistakes(hypotheses, session, shown, meaning)
        fitting, because = _by_labels(hypotheses, mistakes, [r.label for r in shown])
    else:
        fitting, because = list(hypotheses), ""
    _ask_where_open(fitting, hypotheses, because)
    likeliest = fitting[0]
    assumed = frozenset(key for key, _ in open_questions([h.told for h in fitting]))
    return Chosen(likeliest.card, likeliest.told, because, assumed)


def _by_scores(
    hypotheses: Sequence[Hypothesis], errors: NDArray[np.float64], tolerance: float
) -> tuple[list[Hypothesis], str]:
    """Those whose answers are all within the tolerance and about as near as the nearest."""
    worst, mean = errors.max(axis=1), errors.mean(axis=1)
    best = int(mean.argmin())
    if not worst[best] <= tolerance:
        told = ", ".join(f"{key} {value}" for key, value in hypotheses[best].told.items())
        raise ModelError(
            f"no contract gives the expected scores: the nearest ({told}) is off by up to "
            f"{worst[best]:.3g}, allowed is {tolerance:g}; say what is special with --set (scale, "
            "mean, std, fit), or allow more with --tolerance"
        )
    near = (worst <= tolerance) & (mean <= 3 * mean[best] + 1e-4)
    because = f"gives the expected scores of {errors.shape[1]} pictures within {worst[best]:.2g}"
    return _first(hypotheses, best, near), because


def _by_labels(
    hypotheses: Sequence[Hypothesis],
    mistakes: NDArray[np.bool_],
    labels: Sequence[str | None],
) -> tuple[list[Hypothesis], str]:
    """Those that do not make clearly more mistakes than the best."""
    counts = mistakes.sum(axis=1)
    best = int(counts.argmin())
    by_guessing = len(labels) - max(Counter(labels).values())
    if counts[best] > by_guessing / 2:
        raise ModelError(
            f"under no contract does the model tell these {len(labels)} pictures apart much better "
            "than by guessing; are the classes in the right order, and are these its pictures? "
            "Otherwise say the contract with --set channel_order=… --set range=…"
        )
    more = mistakes.astype(int) - mistakes[best].astype(int)
    noise = np.sqrt(np.abs(more).sum(axis=1))
    near = (more.sum(axis=1) <= FEW) | (more.sum(axis=1) <= SURE * noise)
    because = f"tells {len(labels)} labelled pictures apart with {counts[best]} mistakes"
    return _first(hypotheses, best, near), because


def _first(
    hypotheses: Sequence[Hypothesis], best: int, near: NDArray[np.bool_]
) -> list[Hypothesis]:
    rest = [h for i, h in enumerate(hypotheses) if near[i] and i != best]
    return [hypotheses[best], *rest]


def _ask_where_open(fitting: list[Hypothesis], tried: Sequence[Hypothesis], because: str) -> None:
    """Ask for the first choice that is still open; how a picture is fitted is only told."""
    questions = [
        (key, values) for key, values in open_questions([h.told for h in fitting]) if key != "fit"
    ]
    if not questions:
        return
    key, values = questions[0]
    found = "nothing in the file says" if not because else "the pictures do not tell"
    more = "" if because else ", or --pictures DIR with a folder of pictures for each class"
    alike = f"{len(fitting)} of {len(tried)} contracts fit alike"
    best = f"; the likeliest {because}" if because else ""
    ask(
        f"{found} {_WORDS.get(key, key)} ({alike}{best})",
        f"--set {key}={' or '.join(values)}{more}",
    )


_WORDS = {
    "channel_order": "whether the model takes RGB or BGR",
    "range": "which range of numbers the model takes",
    "positive": "which class the single output speaks for",
}


def _useful(references: Sequence[Reference], meaning: Meaning) -> list[Reference]:
    """Those with a class of the model, or else good and bad ones.

    A few of two kinds at least: pictures of one kind fit whatever always says that kind.
    """
    classes = _grouped((meaning.class_of(r.label), r) for r in references)
    if len(classes) < 2:
        words = {True: "good", False: "bad", None: None}
        classes = _grouped((words[r.is_good], r) for r in references)
    return [r for found in classes.values() for r in found] if len(classes) > 1 else []


def _grouped(pairs: Iterable[tuple[str | None, Reference]]) -> dict[str, list[Reference]]:
    groups: dict[str, list[Reference]] = {}
    for kind, reference in pairs:
        if kind:
            groups.setdefault(kind, []).append(reference)
    return {kind: found for kind, found in groups.items() if len(found) >= FEWEST_A_LABEL}


def _errors(
    hypotheses: Sequence[Hypothesis],
    session: ort.InferenceSession,
    references: Sequence[Reference],
    meaning: Meaning,
) -> NDArray[np.float64]:
    """The largest difference to the expected numbers: (hypotheses, pictures)."""
    images = [read_image(reference.path) for reference in references]
    return np.array(
        [
            [
                difference(_answer(Model(h.card, session), image), reference, meaning)
                for image, reference in zip(images, references, strict=True)
            ]
            for h in hypotheses
        ]
    )


def difference(answer: Answer | None, reference: Reference, meaning: Meaning) -> float:
    """How far an answer is from what was expected of it; infinite where there is none.

    Raises:
        ModelError: what is expected is neither `score` nor a class.
    """
    if answer is None:
        return float("inf")
    known = {"score": answer.score, **answer.shares}
    worst = 0.0
    for name, number in (reference.expected or {}).items():
        ours = meaning.class_of(name) or name
        if ours not in known:
            raise ModelError(f"expected scores speak of {name!r}; there is: {', '.join(known)}")
        worst = max(worst, abs(known[ours] - number))
    return worst


def _mistakes(
    hypotheses: Sequence[Hypothesis],
    session: ort.InferenceSession,
    references: Sequence[Reference],
    meaning: Meaning,
) -> NDArray[np.bool_]:
    """Which pictures each contract gets wrong: (hypotheses, pictures)."""
    images = [read_image(reference.path) for reference in references]
    rows = []
    for hypothesis in hypotheses:
        answers = [_answer(Model(hypothesis.card, session), image) for image in images]
        rows.append(_wrong(answers, references, meaning))
    return np.array(rows)


def _wrong(
    answers: Sequence[Answer | None], references: Sequence[Reference], meaning: Meaning
) -> NDArray[np.bool_]:
    """The wrong class by the largest share; without shares, the wrong side of the best cut."""
    names = [meaning.class_of(reference.label) for reference in references]
    if all(a is None or name in a.shares for a, name in zip(answers, names, strict=True)):
        return np.array(
            [
                a is None or max(a.shares, key=lambda n: a.shares[n]) != name
                for a, name in zip(answers, names, strict=True)
            ]
        )
    scores = np.array([np.nan if answer is None else answer.score for answer in answers])
    is_bad = np.array([not reference.is_good for reference in references])
    cuts = [-np.inf, *scores[~np.isnan(scores)]]
    sides = np.array([(scores > cut) != is_bad for cut in cuts]) | np.isnan(scores)
    return np.asarray(sides[sides.sum(axis=1).argmin()], np.bool_)


def _answer(model: Model, image: Image) -> Answer | None:
    try:
        return answer_of(model, image)
    except ModelOutputError:
        return None
