"""Finishing a model: its limit, its graph and card, what it costs; and writing it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from station.core.errors import TeachError
from station.teach.anomaly.card import card_of, facts_of
from station.teach.anomaly.graph import Mind, with_mind
from station.teach.anomaly.held_out import HeldOut, fit_whole
from station.teach.anomaly.lesson import Course, Taught
from station.teach.anomaly.limits import GoodLimit, Scores, limit_from_good
from station.teach.anomaly.merit import Reading
from station.teach.anomaly.outliers import evident, names
from station.teach.anomaly.proof import check_parity, measure, refuse_costly
from station.teach.anomaly.record import lay_down
from station.teach.anomaly.samples import Crops
from station.teach.anomaly.search import Trial
from station.teach.anomaly.shown import LESSON_FILE, shelf_of
from station.teach.anomaly.sight import Sight
from station.teach.anomaly.unlearnt import score_unlearnt, score_whole
from station.teach.anomaly.way import Way
from station.teach.export import load_bytes
from station.teach.keep import keep, next_version
from station.vision.card import ModelCard
from station.vision.model import Model

TRUSTED_UNLEARNT = 100
"""So many pictures the memory was not made of set the limit by themselves."""
FEWEST_SCORES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What was learnt, before it is a graph."""

    way: Way
    reading: Reading
    sight: Sight
    held: HeldOut
    crops: Crops
    trials: list[Trial]
    best: Trial | None
    strange: Mapping[str, bytes]
    """Name of a good picture unlike the others -> JPEG that shows why."""

    def mind(self, seed: int) -> Mind:
        """Memory, head and scales; a heat of 1 is score 1 until there is a limit."""
        head = fit_whole(self.sight, self.held, seed) if self.way.head_weight else None
        return Mind(self.sight.space, self.held.memory, head, self.held.scales, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished and proved model that is not written yet."""

    card: ModelCard
    data: bytes
    model: Model
    beside: Mapping[str, bytes]
    """Name of a file that goes into the model's folder -> its bytes."""
    learnt: Learnt
    limit: GoodLimit
    pictures: Mapping[str, int]
    broken: tuple[str, ...]
    warnings: tuple[str, ...]
    ms_per_picture: float
    seconds: float


def finish(course: Course, learnt: Learnt, started_s: float) -> Made:
    """Limit, graph and card of what was learnt; `started_s` on the monotonic clock.

    Raises:
        TeachError: the model would cost more than is allowed, or no limit can be found.
        ModelError: the finished graph is not what was measured.
    """
    lesson, material, way = course.lesson, course.material, learnt.way
    unscaled = learnt.mind(lesson.seed)
    limit, far, faults = _limit(course, learnt, unscaled)
    heat_limit = max(limit.limit, 1e-3)
    mind = replace(unscaled, limit=heat_limit)
    data = with_mind(learnt.sight.eye, mind, way)
    pictures = _counts(course, learnt, len(faults))
    net = material.nets[way.features]
    facts = facts_of(lesson, way, net, learnt.reading, limit, learnt.trials, pictures, heat_limit)
    version = next_version(lesson.name, course.model_dirs)
    sizes = material.learnt.sizes
    card = card_of(lesson, version, learnt.sight.eye, way, data, net, facts, sizes)
    model = load_bytes(card, data)
    course.progress("proving", 0, 1)
    check_parity(model, learnt.sight, mind, way, learnt.crops)
    ms = measure(model, way, sizes, learnt.crops)
    refuse_costly(ms, len(data), ms_at_most=lesson.ms_at_most, mb_at_most=lesson.mb_at_most)
    course.progress("proving", 1, 1)
    strange = [names(list(learnt.strange))] if learnt.strange else []
    return Made(
        card=card, data=data, model=model, learnt=learnt, limit=limit, pictures=pictures,
        beside={f"outliers/{name}.jpg": jpeg for name, jpeg in learnt.strange.items()},
        broken=(*material.learnt.left_out, *faults),
        warnings=(*material.warnings, *strange, *far),
        ms_per_picture=ms, seconds=time.monotonic() - started_s,
    )  # fmt: skip


def write(course: Course, made: Made) -> Taught:
    """Keep a finished model as the next version, and all that it was shown.

    Raises:
        TeachError: the folder cannot be written, or a picture changed meanwhile.
    """
    models_dir = course.model_dirs[0]
    with shelf_of(models_dir, made.card.name) as shelf:
        shown = lay_down(shelf, course)
        note = (shown.model_dump_json(indent=1) + "\n").encode()
        folder = keep(models_dir, made.card, made.data, {**made.beside, LESSON_FILE: note})
    learnt = made.learnt
    return Taught(
        card=made.card, folder=folder, way=learnt.way, reading=learnt.reading,
        trials=tuple(learnt.trials), best=learnt.best, limit=made.limit, pictures=made.pictures,
        broken=made.broken, warnings=made.warnings, size_bytes=len(made.data),
        ms_per_picture=made.ms_per_picture, seconds=made.seconds,
    )  # fmt: skip


def _counts(course: Course, learnt: Learnt, faulty: int) -> dict[str, int]:
    material = course.material
    return {
        "learnt": len({sample.picture.path for sample in learnt.crops.samples}),
        "held out only": len(material.unlearnt) - faulty,
        "left out": len(material.learnt.left_out) + faulty,
        "unlike the others": len(learnt.strange),
        "marked defects": len(material.defects.marked),
        "corrections": len(material.corrections),
        "of them rejected before": len(material.rejected),
    }


def _limit(
    course: Course, learnt: Learnt, unscaled: Mind
) -> tuple[GoodLimit, list[str], list[str]]:
    """The limit, warnings, and unreadable pictures among those only held out.

    Raises:
        TeachError: too few good parts are left to find it from.
    """
    lesson, material, way = course.lesson, course.material, learnt.way
    rng = np.random.default_rng(lesson.seed)
    rate = lesson.false_reject_rate
    scores = learnt.held.good_scores(learnt.sight, way.head_weight, way.summary)
    is_known = [s.picture.digest not in material.rejected for s in learnt.crops.samples]
    if way.tiling is None and not material.unlearnt:
        return _limit_from(scores[is_known], rate, rng), [], []
    data = with_mind(learnt.sight.eye, unscaled, way)
    raw = load_bytes(
        card_of(
            lesson,
            1,
            learnt.sight.eye,
            way,
            data,
            material.nets[way.features],
            {},
            material.learnt.sizes,
        ),
        data,
    )
    scores = scores[is_known]
    if way.tiling is not None:
        # tiles of one part are alike: only whole pictures say how often a part is rejected
        known = [s for s, is_so in zip(learnt.crops.samples, is_known, strict=True) if is_so]
        scores = score_whole(
            raw, way.tiling, known, scores.tolist(),
            lambda done, of: course.progress("weighing", done, of),
        )  # fmt: skip
    if not material.unlearnt:
        return _limit_from(scores, rate, rng), [], []
    others, pictures, faults = score_unlearnt(
        raw, material.unlearnt,
        lambda done, of: course.progress("holding out", done, of),
    )  # fmt: skip
    names_of = [material.name_of(picture.path) for picture in pictures]
    scores, warnings = _with_others(scores, others, names_of)
    return _limit_from(scores, rate, rng), warnings, faults


def _limit_from(scores: Scores, rate: float, rng: np.random.Generator) -> GoodLimit:
    if len(scores) < FEWEST_SCORES:
        raise TeachError(
            f"there are {len(scores)} good parts to find the limit from, {FEWEST_SCORES} are the "
            "least; good parts a version rejected do not count: give others too, or put back the "
            "pictures that are lost"
        )
    return limit_from_good(scores, rate, rng)


def _with_others(
    scores: Scores, others: Scores, names_of: Sequence[str]
) -> tuple[Scores, list[str]]:
    """What the limit is found from, with pictures the memory was not made of, and a warning.

    Those evidently unlike the rest are named and left out, as they are of what is learnt.
    """
    is_enough = len(others) >= TRUSTED_UNLEARNT  # else too few to go by alone
    every = others if is_enough else np.concatenate((scores, others))
    first = len(every) - len(others)
    far = [row for row in evident(every) if row >= first]
    if not far:
        return every, []
    unlike = ", ".join(names_of[row - first] for row in far[:4])
    words = (
        f"{len(far)} more good pictures score far above the others ({unlike}); look at them: "
        "they did not move the limit, and will be rejected"
    )
    return np.delete(every, far), [words]
