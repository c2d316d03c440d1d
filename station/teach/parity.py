"""Two models side by side: the same pictures, scores, verdicts and milliseconds in one run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from station import __version__
from station.core.result import Evaluation
from station.vision.card import Limits

PARITY_FILE = "parity.json"

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """What became of a model's answers when it was quantised."""

    model: str
    of: str
    """The model it was made from."""
    pictures: int
    calibration_pictures: int
    quantised: str
    largest_difference: float
    mean_difference: float
    flips_at_old_limits: int
    flips: tuple[str, ...]
    """Pictures whose verdict changes at the refitted limits too."""
    old_limits: tuple[float, float]
    limits: tuple[float, float]
    auroc_before: float | None
    auroc_after: float | None
    bytes_before: int
    bytes_after: int
    p50_ms_before: float
    p50_ms_after: float
    software_version: str = __version__
    made_at: str = ""

    def as_json(self) -> bytes:
        """The file's content."""
        content = {**asdict(self), "made_at": datetime.now(UTC).isoformat(timespec="seconds")}
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def refit(before: Scores, after: Scores, limits: Limits) -> Limits:
    """Limits at which the scores `after` part the pictures as the old ones part those `before`.

    A limit keeps its place between the last picture on its one side and the first on its other. It
    is never laxer than the old one where the old one would do; without pictures on both sides it
    stays, because nothing was seen that could move it.
    """
    accept = _moved(before, after, before <= limits.accept_limit, limits.accept_limit)
    reject = _moved(before, after, before < limits.reject_limit, limits.reject_limit)
    return Limits(accept_limit=min(accept, reject), reject_limit=reject)


def auroc(scores: Scores, is_bad: NDArray[np.bool_]) -> float | None:
    """The share of pairs of a bad and a good part in which the bad one scores higher.

    From the rank sum (Mann and Whitney 1947), ties counted half; None without both kinds.
    """
    bad, good = int(is_bad.sum()), int((~is_bad).sum())
    if not bad or not good:
        return None
    ranks = rankdata(scores)
    return float((ranks[is_bad].sum() - bad * (bad + 1) / 2) / (bad * good))


def flipped(
    before: Sequence[Evaluation], after: Sequence[Evaluation], names: Sequence[str]
) -> list[str]:
    """The pictures with another verdict."""
    pairs = zip(before, after, names, strict=True)
    return [name for one, other, name in pairs if one is not other]


def _moved(before: Scores, after: Scores, below: NDArray[np.bool_], limit: float) -> float:
    if not below.any() or below.all():
        return limit
    low, high = float(after[below].max()), float(after[~below].min())
    if low >= high:
        return limit
    old_low, old_high = float(before[below].max()), float(before[~below].min())
    share = (limit - old_low) / (old_high - old_low)
    moved = low + min(max(share, 0.0), 1.0) * (high - low)
    return min(moved, limit) if low < limit else moved
