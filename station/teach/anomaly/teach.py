"""Teaching what good looks like: pictures of good parts in, one self-contained model out."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from station.teach.anomaly.defects import find_defects, marks_of
from station.teach.anomaly.eye import Eye
from station.teach.anomaly.finish import Learnt, Made, finish, write
from station.teach.anomaly.first_way import first_way
from station.teach.anomaly.goods import describe_copies, describe_sizes, find_goods, read_all
from station.teach.anomaly.held_out import build_memory, hold_out
from station.teach.anomaly.lesson import AUTO, AnomalyLesson, Course, Material, Progress, Taught
from station.teach.anomaly.merit import best_reading
from station.teach.anomaly.outliers import far_pictures, picture_of, refuse_alike
from station.teach.anomaly.proof import tiles_of
from station.teach.anomaly.reading import sum_up
from station.teach.anomaly.samples import Crops, Sample, part
from station.teach.anomaly.search import Ground, Trial, eye_of, search
from station.teach.anomaly.sight import Marks, affordable, look_at
from station.teach.anomaly.way import Way
from station.teach.drawn import Places, find_places
from station.teach.features import FeatureNet, find_features
from station.teach.features.net import OCR
from station.teach.keep import check_name
from station.vision.card import list_models

LEARN_FROM, SEARCH_ON = 200, 50
"""Samples the model is made of, and samples ways are tried on."""
DRAWN_ABOUT, DRAWN_LEAST, DRAWN_MOST = 450, 2, 12
PLACES_FROM = 8


def teach_anomaly(
    lesson: AnomalyLesson,
    model_dirs: Sequence[Path],
    progress: Progress = lambda *_: None,
    announce: Callable[[Made], None] = lambda _: None,
) -> Taught:
    """Teach what good looks like on `root/good/…` and keep it as the next version.

    Folders of defects in `root` that have masks in `root/ground_truth`, and those in
    `lesson.defects`, train a patch head. Nothing is written before the model is proved and
    `announce` was told what it costs.

    Raises:
        TeachError: the pictures, the marks or the name are not fit to learn from, or the model
            would cost more than is allowed.
        ModelError: a feature net cannot be used.
    """
    check_name(lesson.name)
    material = gather(lesson, model_dirs, progress)
    course = Course(lesson=lesson, material=material, model_dirs=model_dirs, progress=progress)
    made = make(course)
    announce(made)
    return write(course, made)


def gather(lesson: AnomalyLesson, model_dirs: Sequence[Path], progress: Progress) -> Material:
    """Find and read what there is to learn from.

    Raises:
        TeachError: it is not fit to learn from.
    """
    goods = find_goods(lesson.root, lambda done, of: progress("finding", done, of))
    defects = find_defects(lesson.root, lesson.defects, goods.other_folders)
    order = np.random.default_rng(lesson.seed).permutation(len(goods.pictures))
    chosen = [goods.pictures[index] for index in np.sort(order[:LEARN_FROM])]
    rest = [goods.pictures[index] for index in np.sort(order[LEARN_FROM:])]
    readable = read_all(chosen, lambda done, of: progress("looking", done, of))
    noticed = (describe_copies(readable.copies), describe_sizes(readable.sizes))
    return Material(
        learnt=readable,
        unlearnt=tuple(rest),
        defects=defects,
        nets=find_nets(lesson.features, model_dirs),
        warnings=(*goods.warnings, *defects.warnings, *(text for text in noticed if text)),
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


def make(course: Course, way: Way | None = None) -> Made:
    """Learn from what was gathered, in `way` and no other where one is given; write nothing yet.

    Raises:
        TeachError: the model would cost more than is allowed.
        ModelError: the finished graph is not what was measured.
    """
    started_s = time.monotonic()
    with threadpool_limits(1):  # pictures go side by side already; more threads only spin
        return finish(course, _learn(course, way), started_s)


def _learn(course: Course, way: Way | None) -> Learnt:
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
    eye = eye_of(material.nets[first.features], first)
    crops = Crops(_bounded(crops.samples, eye))
    each = int(np.clip(DRAWN_ABOUT // len(crops), DRAWN_LEAST, DRAWN_MOST))
    each = min(each, max(DRAWN_LEAST, affordable(eye, DRAWN_ABOUT, 0) // len(crops) - 1))
    sight = look_at(
        eye, eye.opened(), crops, marks, each=each, places=places, seed=lesson.seed,
        tick=lambda done, of: course.progress("learning", done, of),
    )  # fmt: skip
    known = material.corrections
    certain = tuple(i for i, sample in enumerate(crops.samples) if sample.picture.digest in known)
    sight = replace(sight, certain=certain)
    held = hold_out(sight, first.place_weight, lesson.seed)
    reading = best_reading(sight, held)
    update = {"head_weight": reading.head_weight, "summary": reading.summary}
    return Learnt(
        way=first.model_copy(update=update), reading=reading, sight=sight, held=held,
        crops=crops, trials=trials, best=best, strange=strange,
    )  # fmt: skip


def _without_strange(course: Course, way: Way) -> tuple[list[Sample], dict[str, bytes]]:
    """The samples, less those evidently unlike the others; each of these with its picture."""
    lesson, material = course.lesson, course.material
    eye = eye_of(material.nets[way.features], way)
    samples = _bounded(_samples(material, way, np.random.default_rng(lesson.seed)), eye)
    crops = Crops(samples)
    places = find_places(crops[0])
    sight = look_at(
        eye, eye.opened(), crops, [], each=0, places=places, seed=lesson.seed,
        tick=lambda done, of: course.progress("comparing", done, of),
    )  # fmt: skip
    memory = build_memory(sight, way.place_weight, lesson.seed)
    heats = [memory.distances(z.astype(np.float32), without=i) for i, z in enumerate(sight.good)]
    refuse_alike(heats)
    scores = [sum_up(heat, eye.rows, eye.columns, "worst_share") for heat in heats]
    strange, pictures = {}, [sample.picture for sample in samples]
    for i in far_pictures(pictures, scores):
        if pictures[i].digest not in material.corrections:
            heat = heats[i].reshape(eye.rows, eye.columns)
            strange[pictures[i].path] = picture_of(crops[i], heat, eye.contract)
    kept = [sample for sample in samples if sample.picture.path not in strange]
    return kept, {_told_apart(path, strange, material): jpeg for path, jpeg in strange.items()}


def _told_apart(path: Path, others: Iterable[Path], material: Material) -> str:
    """A picture's name, with its folder's where another is called the same."""
    name = material.name_of(path)
    is_alone = sum(material.name_of(other) == name for other in others) == 1
    return name if is_alone else f"{path.parent.name}_{name}"


def _samples(material: Material, way: Way, rng: np.random.Generator) -> list[Sample]:
    """A bounded number of ordinary samples, and as many again of those the memory must know."""
    learnt = material.learnt
    rows = np.arange(len(learnt.pictures))
    is_certain = np.array([p.digest in material.corrections for p in learnt.pictures], np.bool_)
    samples: list[Sample] = []
    for group in (rows[~is_certain], rows[is_certain]):
        pictures = [learnt.pictures[row] for row in group]
        sizes = [learnt.sizes[row] for row in group]
        samples += part(pictures, sizes, way.tiling, LEARN_FROM, rng)
    return samples


def _bounded(samples: Sequence[Sample], eye: Eye) -> list[Sample]:
    """As many of the samples as memory allows for with the fewest drawn defects, evenly chosen."""
    count = affordable(eye, len(samples), DRAWN_LEAST)
    return [samples[row] for row in np.linspace(0, len(samples) - 1, count).astype(int)]


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
