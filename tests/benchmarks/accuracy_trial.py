"""One trial: teach on some pictures as a user would, then look at others."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from station.cli.home import shipped
from station.core.errors import StationError, TeachError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site
from station.core.recipe import prepare
from station.quality.pixels import PixelTally
from station.teach.anomaly import AnomalyLesson, teach_anomaly
from station.teach.pictures import class_name
from station.tools.plain import plain_recipe
from station.vision.images import read_image
from tests.benchmarks.accuracy_sets import read_mask

WARM_UP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is taught, on what, and how."""

    learn: Sequence[Path]
    marked: Sequence[tuple[Path, Path, str]] = ()
    """(picture, mask, folder's name) of marked defects."""
    features: str = "auto"
    is_fast: bool = False


@dataclass(frozen=True, slots=True)
class Looker:
    """A taught model at work, and what teaching it took."""

    check: Check
    teach_s: float
    ms_per_picture: float
    choice: str

    def score(self, image: Image) -> float:
        """The worst finding's score; what cannot be judged is worst of all."""
        try:
            findings = self.check.run(_frame(image))
        except StationError:
            return float("inf")
        scores = [finding.score for finding in findings]
        return float("inf") if None in scores else max(s for s in scores if s is not None)

    def heat(self, image: Image) -> NDArray[np.float32]:
        """The score of every pixel, (height, width)."""
        if self.check.score_map is None:
            raise TeachError("the taught model has no score map")
        return self.check.score_map(_frame(image))


def teach(trial: Trial) -> Looker:
    """Teach by the public way, in a folder of its own, and make the plain recipe ready."""
    with TemporaryDirectory(prefix="accuracy-") as name:
        folder = Path(name)
        _link_all(folder / "pictures" / "good", trial.learn)
        defects = _lay_out(folder / "defects", trial.marked) if trial.marked else None
        dirs = (folder / "models", shipped() / "models")
        lesson = AnomalyLesson(
            root=folder / "pictures",
            name="trial",
            defects=defects,
            features=trial.features,
            fast=trial.is_fast,
        )
        started_s = time.perf_counter()
        taught = teach_anomaly(lesson, dirs)
        teach_s = time.perf_counter() - started_s
        recipe = plain_recipe(taught.card)
        (check,) = prepare(recipe, Site(model_dirs=dirs)).checks.values()
        return Looker(check, teach_s, taught.ms_per_picture, taught.card.description)


def judge(looker: Looker, good: Iterable[Path], bad: Iterable[Path]) -> tuple[float, float]:
    """Image AUROC, and the median CPU ms of one look at these pictures."""
    times_ms: list[float] = []
    good_scores = [_timed(looker, read_image(path), times_ms) for path in good]
    bad_scores = [_timed(looker, read_image(path), times_ms) for path in bad]
    return auroc(good_scores, bad_scores), float(np.median(times_ms))


def judge_pixels(
    looker: Looker, good: Iterable[Path], bad: Iterable[tuple[Path, Path]]
) -> float | None:
    """Pixel AUROC over good pictures and bad ones with their masks."""
    tally = PixelTally()
    for path in good:
        tally.add(looker.heat(read_image(path)))
    for path, mask in bad:
        tally.add(looker.heat(read_image(path)), read_mask(mask))
    figures = tally.figures()
    return figures.auroc if figures else None


def auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    """The chance that a bad part scores above a good one, ties counted half (Mann-Whitney)."""
    ranks = rankdata([*good, *bad])
    above = float(ranks[len(good) :].sum()) - len(bad) * (len(bad) + 1) / 2
    return above / (len(good) * len(bad))


def time_looks(looker: Looker, image: Image, looks: int = 30) -> float:
    """Median CPU ms from a decoded picture to its findings, on one thread."""
    times_ms: list[float] = []
    for _ in range(looks + WARM_UP):
        _timed(looker, image, times_ms)
    return float(np.median(times_ms[WARM_UP:]))


def _timed(looker: Looker, image: Image, times_ms: list[float]) -> float:
    started_s = time.thread_time()
    score = looker.score(image)
    times_ms.append(1e3 * (time.thread_time() - started_s))
    return score


def _frame(image: Image) -> Frame:
    return Frame(image=image, camera_id="benchmark", sequence=0, acquired_at=datetime.now(UTC))


def _link_all(folder: Path, paths: Iterable[Path]) -> None:
    folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        (folder / f"{number}_{path.name}").symlink_to(path.absolute())


def _lay_out(folder: Path, marked: Iterable[tuple[Path, Path, str]]) -> Path:
    """Marked defects as a user gives them: a folder a reason, masks in `ground_truth`."""
    for number, (picture, mask, label) in enumerate(marked):
        reason = _reason(label)
        for place, name, target in (
            (folder / reason, f"{number}_{picture.name}", picture),
            (folder / "ground_truth" / reason, f"{number}_{picture.stem}.png", mask),
        ):
            place.mkdir(parents=True, exist_ok=True)
            (place / name).symlink_to(target.absolute())
    return folder


def _reason(label: str) -> str:
    try:
        return class_name(label)
    except TeachError:
        return "defect"  # a folder called `bad` names no reason, and none is needed here
