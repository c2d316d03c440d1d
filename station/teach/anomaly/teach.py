"""Teaching what good looks like: pictures of good parts in, one self-contained model out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from station.teach.anomaly.card import card_of, facts_of
from station.teach.anomaly.defects import find_defects, marks_of
from station.teach.anomaly.first_way import first_way
from station.teach.anomaly.goods import describe_sizes, find_goods, read_all
from station.teach.anomaly.graph import Mind, with_mind
from station.teach.anomaly.held_out import HeldOut, build_memory, fit_whole, hold_out
from station.teach.anomaly.lesson import AUTO, AnomalyLesson, Course, Material, Progress, Taught
from station.teach.anomaly.limits import GoodLimit, limit_from_good
from station.teach.anomaly.merit import Reading, best_reading
from station.teach.anomaly.outliers import evident, names, picture_of
from station.teach.anomaly.proof import check_parity, measure, refuse_costly, tiles_of
from station.teach.anomaly.reading import sum_up
from station.teach.anomaly.samples import Crops, Sample, part
from station.teach.anomaly.search import Ground, Trial, eye_of, search
from station.teach.anomaly.sight import Marks, Sight, look_at
from station.teach.anomaly.unlearnt import score_unlearnt
from station.teach.anomaly.way import Way
from station.teach.drawn import Places, find_places
from station.teach.export import load_bytes
from station.teach.features import FeatureNet, find_features
from station.teach.features.net import OCR
from station.teach.keep import check_name, keep, next_version
from station.vision.card import list_models

LEARN_FROM, SEARCH_ON = 200, 50
"""Samples the model is made of, and samples ways are tried on."""
DRAWN_ABOUT, DRAWN_LEAST, DRAWN_MOST = 450, 2, 12
PLACES_FROM = 8
TRUSTED_UNLEARNT = 100
"""So many pictures the memory was not made of set the limit by themselves."""


def teach_anomaly(
    lesson: AnomalyLesson, model_dirs: Sequence[Path], progress: Progress = lambda *_: None
) -> Taught:
    """Teach what good looks like on `root/good/…` and keep it as the next version.

    Folders of defects in `root` that have masks in `root/ground_truth`, and those in
    `lesson.defects`, train a patch head. Nothing is written before the model is proved.

    Raises:
        TeachError: the pictures, the marks or the name are not fit to learn from, or the model
            would cost more than is allowed.
        ModelError: a feature net cannot be used.
    """
    check_name(lesson.name)
    material = gather(lesson, model_dirs, progress)
    course = Course(lesson=lesson, material=material, model_dirs=model_dirs, progress=progress)
    return learn(course)


def gather(lesson: AnomalyLesson, model_dirs: Sequence[Path], progress: Progress) -> Material:
    """Find and read what there is to learn from.

    Raises:
        TeachError: it is not fit to learn from.
    """
    goods = find_goods(lesson.root)
    defects = find_defects(lesson.root, lesson.defects, goods.other_folders)
    order = np.random.default_rng(lesson.seed).permutation(len(goods.pictures))
    chosen = [goods.pictures[index] for index in np.sort(order[:LEARN_FROM])]
    rest = [goods.pictures[index] for index in np.sort(order[LEARN_FROM:])]
    readable = read_all(chosen, lambda done, of: progress("looking", done, of))
    sizes = describe_sizes(readable.sizes)
    return Material(
        learnt=readable,
        unlearnt=tuple(rest),
        defects=defects,
        nets=find_nets(lesson.features, model_dirs),
        warnings=(*goods.warnings, *defects.warnings, *([sizes] if sizes else [])),
    )


def find_nets(features: str, model_dirs: Sequence[Path]) -> dict[str, FeatureNet]:
    """The feature net asked for, or all there are: the first is the one tried first.

    Raises:
        ModelError: it must not or cannot be used.
    """
    if features != AUTO:
        return {features: find_features(features, model_dirs)}
    own = {name.partition("/")[0] for name in list_models([d / "features" for d in model_dirs])}
    return {name: find_features(name, model_dirs) for name in (OCR, *sorted(own))}


def learn(course: Course, way: Way | None = None) -> Taught:
    """Learn from what was gathered and keep it; with `way`, in that way and no other.

    Raises:
        TeachError: the model would cost more than is allowed.
        ModelError: the finished graph is not what was measured.
    """
    started_s = time.monotonic()
    with threadpool_limits(1):  # pictures go side by side already; more threads only spin
        learnt = _learn(course, way)
        return _keep(course, learnt, started_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learnt:
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

    def mind(self, seed: int, limit: float) -> Mind:
        """Memory, head and scales, with the heat that is to become score 1."""
        head = fit_whole(self.sight, self.held, seed) if self.way.head_weight else None
        return Mind(self.sight.space, self.held.memory, head, self.held.scales, limit)


def _learn(course: Course, way: Way | None) -> _Learnt:
    lesson, material = course.lesson, course.material
    features, net = next(iter(material.nets.items()))
    first = way or first_way(
        features, net, material.learnt.sizes, size_px=lesson.size_px, fit=lesson.fit
    )
    marks = marks_of(material.defects.marked, first.tiling)
    samples, strange = _without_strange(course, first)
    crops = Crops(samples)
    places = find_places(*(crops[index] for index in range(min(PLACES_FROM, len(crops)))))
    trials: list[Trial] = []
    best = None
    if way is None and not lesson.fast:
        best, trials = _searched(course, first, crops, marks, places)
        first = best.way
    each = int(np.clip(DRAWN_ABOUT // len(crops), DRAWN_LEAST, DRAWN_MOST))
    eye = eye_of(material.nets[first.features], first)
    sight = look_at(
        eye, eye.opened(), crops, marks, each=each, places=places, seed=lesson.seed,
        tick=lambda done, of: course.progress("learning", done, of),
    )  # fmt: skip
    held = hold_out(sight, first.place_weight, lesson.seed)
    reading = best_reading(sight, held)
    update = {"head_weight": reading.head_weight, "summary": reading.summary}
    return _Learnt(
        way=first.model_copy(update=update), reading=reading, sight=sight, held=held,
        crops=crops, trials=trials, best=best, strange=strange,
    )  # fmt: skip


def _without_strange(course: Course, way: Way) -> tuple[list[Sample], dict[str, bytes]]:
    """The samples, less those evidently unlike the others; each of these with its picture."""
    lesson, learnt = course.lesson, course.material.learnt
    rng = np.random.default_rng(lesson.seed)
    samples = part(learnt.pictures, learnt.sizes, way.tiling, LEARN_FROM, rng)
    crops = Crops(samples)
    eye = eye_of(course.material.nets[way.features], way)
    places = find_places(crops[0])
    sight = look_at(
        eye, eye.opened(), crops, [], each=0, places=places, seed=lesson.seed,
        tick=lambda done, of: course.progress("comparing", done, of),
    )  # fmt: skip
    memory = build_memory(sight, way.place_weight, lesson.seed)
    heats = [memory.distances(z.astype(np.float32), without=i) for i, z in enumerate(sight.good)]
    far = evident(np.array([sum_up(h, eye.rows, eye.columns, "worst_share") for h in heats]))
    strange = {
        samples[i].picture.path.name: picture_of(
            crops[i], heats[i].reshape(eye.rows, eye.columns), eye.contract
        )
        for i in far
    }
    return [sample for i, sample in enumerate(samples) if i not in far], strange


def _searched(
    course: Course, first: Way, crops: Crops, marks: Sequence[Marks], places: Places
) -> tuple[Trial, list[Trial]]:
    rng = np.random.default_rng(course.lesson.seed)
    rows = np.sort(rng.permutation(len(crops))[:SEARCH_ON])
    ground = Ground(
        nets=course.material.nets,
        crops=Crops([crops.samples[row] for row in rows]),
        marks=marks,
        places=places,
        seed=course.lesson.seed,
        ms_at_most=course.lesson.ms_at_most / tiles_of(first, course.material.learnt.sizes),
    )
    return search(ground, first, lambda d, of: course.progress("trying", d, of))


def _keep(course: Course, learnt: _Learnt, started_s: float) -> Taught:
    lesson, material, way = course.lesson, course.material, learnt.way
    limit, far, faults = _limit(course, learnt)
    heat_limit = max(limit.limit, 1e-3)
    mind = learnt.mind(lesson.seed, heat_limit)
    data = with_mind(learnt.sight.eye, mind, way)
    pictures = {
        "learnt": len({sample.picture.path for sample in learnt.crops.samples}),
        "held out only": len(material.unlearnt) - len(faults),
        "left out": len(material.learnt.left_out) + len(faults),
        "unlike the others": len(learnt.strange),
        "marked defects": len(material.defects.marked),
    }
    net = material.nets[way.features]
    facts = facts_of(lesson, way, net, learnt.reading, limit, learnt.trials, pictures, heat_limit)
    version = next_version(lesson.name, course.model_dirs)
    card = card_of(lesson, version, learnt.sight.eye, way, data, net, facts)
    model = load_bytes(card, data)
    course.progress("proving", 0, 1)
    check_parity(model, learnt.sight, mind, way, learnt.crops)
    ms = measure(model, way, material.learnt.sizes, learnt.crops)
    refuse_costly(ms, len(data), ms_at_most=lesson.ms_at_most, mb_at_most=lesson.mb_at_most)
    course.progress("proving", 1, 1)
    beside = {f"outliers/{name}.jpg": jpeg for name, jpeg in learnt.strange.items()}
    folder = keep(course.model_dirs[0], card, data, beside)
    strange = [names(list(learnt.strange))] if learnt.strange else []
    return Taught(
        card=card, folder=folder, way=way, reading=learnt.reading,
        trials=tuple(learnt.trials), best=learnt.best,
        limit=limit, pictures=pictures, broken=(*material.learnt.left_out, *faults),
        warnings=(*material.warnings, *strange, *far), size_bytes=len(data), ms_per_picture=ms,
        seconds=time.monotonic() - started_s,
    )  # fmt: skip


def _limit(course: Course, learnt: _Learnt) -> tuple[GoodLimit, list[str], list[str]]:
    """The limit, warnings, and unreadable pictures among those only held out."""
    lesson, material, way = course.lesson, course.material, learnt.way
    rng = np.random.default_rng(lesson.seed)
    rate = lesson.false_reject_rate
    scores = learnt.held.good_scores(learnt.sight, way.head_weight, way.summary)
    parts = tiles_of(way, material.learnt.sizes)
    per_sample = 1 - (1 - rate) ** (1 / parts)
    if not material.unlearnt:
        return limit_from_good(scores, per_sample, rng), [], []
    data = with_mind(learnt.sight.eye, learnt.mind(lesson.seed, 1.0), way)
    net = material.nets[way.features]
    raw = card_of(lesson, 1, learnt.sight.eye, way, data, net, {})
    others, pictures, faults = score_unlearnt(
        load_bytes(raw, data), way, material.unlearnt,
        lambda done, of: course.progress("holding out", done, of),
    )  # fmt: skip
    warnings: list[str] = []
    if len(others) < TRUSTED_UNLEARNT:
        # too few to go by alone; tiles and whole pictures must not be mixed
        scores = np.concatenate((scores, others)) if parts == 1 else scores
        return limit_from_good(scores, per_sample, rng), warnings, faults
    far = evident(others)
    if far:
        unlike = ", ".join(pictures[index].path.name for index in far[:4])
        warnings.append(
            f"{len(far)} more good pictures score far above the others ({unlike}); look at them: "
            "they did not move the limit, and will be rejected"
        )
        others = np.delete(others, far)
    return limit_from_good(others, rate, rng), warnings, faults
