"""What a taught model is worth: held-out confusion, escapes and overkill, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from scipy.stats import binomtest

from station.core.result import Evaluation, decide
from station.teach.folds import Labels
from station.teach.head import Array, HeldOut, calibrate, calibrated
from station.teach.limits import choose_limits
from station.vision.card import Limits

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `total`, with the exact (Clopper-Pearson) 95 % interval of the true share."""

    count: int
    total: int

    @property
    def share(self) -> float:
        """count / total; 0 where there is nothing to count in."""
        return self.count / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval; (0, 1) where there is nothing to count in."""
        if not self.total:
            return 0.0, 1.0
        sure = binomtest(self.count, self.total).proportion_ci(CONFIDENCE, method="exact")
        return float(sure.low), float(sure.high)

    @property
    def in_words(self) -> str:
        """As in "1.5 %, 95 % interval 0.3 % to 4.3 %"."""
        low, high = self.interval
        return f"{percent(self.share)}, 95 % interval {percent(low)} to {percent(high)}"

    def as_facts(self) -> dict[str, JsonValue]:
        """For a model card."""
        low, high = self.interval
        return {
            "count": self.count,
            "total": self.total,
            "share": round(self.share, 6),
            "interval_95": [round(low, 6), round(high, 6)],
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """Held-out figures: every picture judged by a head, calibration and limits without it."""

    classes: tuple[str, ...]
    confusion: NDArray[np.intp]
    """(classes, classes + 1): truth by answer; the last column is "a person looks"."""
    right: Rate
    """Verdict right (OK or NOT_OK; nothing between counts), or class right without a good class."""
    class_right: Rate
    escapes: Rate | None
    overkill: Rate | None
    undecided: Rate | None
    log_loss: float

    def as_facts(self) -> dict[str, JsonValue]:
        """For a model card."""
        facts: dict[str, JsonValue] = {
            "confusion": {
                name: dict(zip((*self.classes, "not_decidable"), row.tolist(), strict=True))
                for name, row in zip(self.classes, self.confusion, strict=True)
            },
            "accuracy": self.right.as_facts(),
            "class_accuracy": self.class_right.as_facts(),
            "log_loss": round(self.log_loss, 6),
        }
        for name, rate in (
            ("escape", self.escapes),
            ("overkill", self.overkill),
            ("not_decidable", self.undecided),
        ):
            if rate:
                facts[name] = rate.as_facts()
        return facts


def judge(classes: Sequence[str], labels: Labels, held_out: HeldOut, *, has_good: bool) -> Figures:
    """Figures of held-out answers; the good class, where there is one, is class 0.

    Calibration and limits come from the other folds each time: what is judged chose neither.
    """
    count = len(classes)
    answers = np.zeros((len(labels), count))
    said = np.zeros(len(labels), np.intp)
    for number in np.unique(held_out.fold):
        here = held_out.fold == number
        fitted = calibrate(held_out.logits[~here], labels[~here])
        answers[here] = calibrated(held_out.logits[here], *fitted)
        if has_good:
            rest = calibrated(held_out.logits[~here], *fitted)
            limits = choose_limits(1 - rest[:, 0], labels[~here] != 0)
            said[here] = _said(answers[here], limits)
        else:
            said[here] = answers[here].argmax(axis=1)
    confusion = np.zeros((count, count + 1), np.intp)
    np.add.at(confusion, (labels, said), 1)
    sure = np.clip(answers[np.arange(len(labels)), labels], 1e-12, 1)
    return _figures(tuple(classes), confusion, float(-np.log(sure).mean()), has_good=has_good)


def percent(share: float) -> str:
    """A share in per cent, with as many digits as it deserves."""
    value = 100 * share
    if value in (0.0, 100.0):
        return f"{value:.0f} %"
    return f"{value:.1f} %" if 0.1 <= value <= 99.9 else f"{value:.2f} %"


def _said(answers: Array, limits: Limits) -> Labels:
    """The class a picture is told to be: 0 passed, the number of classes where a person looks."""
    said = 1 + answers[:, 1:].argmax(axis=1)
    for row, score in enumerate(1 - answers[:, 0]):
        verdict = decide(
            float(score), accept_limit=limits.accept_limit, reject_limit=limits.reject_limit
        )
        if verdict is Evaluation.OK:
            said[row] = 0
        elif verdict is Evaluation.NOT_DECIDABLE:
            said[row] = answers.shape[1]
    return np.asarray(said, np.intp)


def _figures(
    classes: tuple[str, ...], confusion: NDArray[np.intp], log_loss: float, *, has_good: bool
) -> Figures:
    total, on_diagonal = int(confusion.sum()), int(np.trace(confusion))
    class_right = Rate(on_diagonal, total)
    if not has_good:
        return Figures(classes, confusion, class_right, class_right, None, None, None, log_loss)
    good, bad = confusion[0], confusion[1:]
    rejected = int(good[1:-1].sum())
    right = Rate(int(good[0] + bad[:, 1:-1].sum()), total)
    escapes = Rate(int(bad[:, 0].sum()), int(bad.sum()))
    overkill = Rate(rejected, int(good.sum()))
    undecided = Rate(int(confusion[:, -1].sum()), total)
    return Figures(classes, confusion, right, class_right, escapes, overkill, undecided, log_loss)
