"""The limits an imported model starts with: said, chosen on labelled pictures, or careful ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime as ort

from station.core.errors import ModelError, ModelOutputError, PictureError
from station.teach.importing.families import Task
from station.teach.importing.probe import Probe
from station.teach.importing.references import Reference
from station.teach.importing.wishes import Wishes, ask
from station.teach.limits import SORTING_LIMITS, choose_limits
from station.vision.card import Limits, ModelCard
from station.vision.images import read_image
from station.vision.model import Model
from station.vision.score import answer_of

CAREFUL: Mapping[Task, Limits] = {
    "classify": Limits(accept_limit=0.3, reject_limit=0.7),
    "detect": Limits(accept_limit=0.1, reject_limit=0.5),
    "segment": Limits(accept_limit=0.1, reject_limit=0.5),
}
FEWEST = 5
"""Pictures of good and of bad parts, each, from which limits can be chosen."""


def find_limits(
    card: ModelCard,
    task: Task,
    session: ort.InferenceSession,
    references: Sequence[Reference],
    seen: Probe,
    wishes: Wishes,
) -> tuple[Limits, str]:
    """The limits, and where they come from.

    Raises:
        ModelError: an anomaly score has no natural limit, and nothing says one; or bad parts score
            below 0.
    """
    found, because = _found(card, task, session, references, seen, wishes)
    accept, reject = wishes.accept_limit, wishes.reject_limit
    if accept is None and reject is None:
        return found, because
    limits = card.model_copy(update={"limits": found}).limits_with(accept, reject)
    return limits, "said by whoever imported the model"


def _found(
    card: ModelCard,
    task: Task,
    session: ort.InferenceSession,
    references: Sequence[Reference],
    seen: Probe,
    wishes: Wishes,
) -> tuple[Limits, str]:
    if task == "classify" and card.good_class is None:
        return SORTING_LIMITS, "no class is good: the score is always 1, so that nothing passes"
    accept, reject = wishes.accept_limit, wishes.reject_limit
    if accept is not None and reject is not None:
        return Limits(accept_limit=accept, reject_limit=reject), ""
    good = _scores(card, session, [r for r in references if r.is_good is True])
    bad = _scores(card, session, [r for r in references if r.is_good is False])
    if min(len(good), len(bad)) >= FEWEST and not card.counts:  # whose limits are mirrored
        because = f"chosen on {len(good)} good and {len(bad)} bad pictures"
        return _chosen(good, bad, is_open=task == "anomaly"), because
    if task == "anomaly" and _labels_from_a_half(seen):
        half = Limits(accept_limit=0.5, reject_limit=0.5)
        return half, "the model's own label changes at 0.5 in everything it was shown"
    if task == "anomaly":
        ask(
            "an anomaly score has no natural limit",
            "--accept-limit and --reject-limit, or --pictures DIR with at least "
            f"{FEWEST} pictures in good and {FEWEST} in a folder of bad parts",
        )
    return CAREFUL[task], "careful ones to start with; choose them on pictures of your parts"


def _labels_from_a_half(seen: Probe) -> bool:
    """Whether anomalib's normalised score and its label agree on 0.5, and both labels came up."""
    if not {"pred_score", "pred_label"} <= set(seen.shapes):
        return False
    scores = seen.all_of("pred_score").ravel()
    labels = seen.all_of("pred_label").ravel()
    if len(scores) != len(labels) or set(labels.tolist()) != {0.0, 1.0}:
        return False
    return bool(scores.min() >= 0 and scores.max() <= 1 and ((scores >= 0.5) == (labels > 0)).all())


def _scores(
    card: ModelCard, session: ort.InferenceSession, references: Sequence[Reference]
) -> list[float]:
    model, scores = Model(card, session), []
    for reference in references:
        try:
            scores.append(answer_of(model, read_image(reference.path)).score)
        except (PictureError, ModelOutputError):
            continue
    return scores


def _chosen(good: Sequence[float], bad: Sequence[float], *, is_open: bool) -> Limits:
    """See `choose_limits`; a score without an upper end is chosen as s / (1 + s).

    Raises:
        ModelError: bad parts score below 0, where no limit is.
    """
    if min(bad) < 0:
        raise ModelError(
            f"bad parts score below 0 (down to {min(bad):.4g}), where no limit can be, so that "
            "they would always pass; export the model with scores from 0 on"
        )
    scores = np.maximum([*good, *bad], 0.0)
    is_bad = np.array([False] * len(good) + [True] * len(bad))
    if not is_open:
        return choose_limits(scores, is_bad)
    shares = choose_limits(scores / (1 + scores), is_bad)
    accept, reject = (min(x, 1 - 1e-9) for x in (shares.accept_limit, shares.reject_limit))
    return Limits(accept_limit=accept / (1 - accept), reject_limit=reject / (1 - reject))
