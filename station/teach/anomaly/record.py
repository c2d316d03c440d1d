"""Writing down what a teaching was shown, and keeping the pictures, so that more can be taught."""

from collections.abc import Iterator
from pathlib import Path

from station.teach.anomaly.lesson import AnomalyLesson, Course, Material
from station.teach.anomaly.shown import Entry, Settings, Shelf, ShownLesson, digest_of
from station.teach.marks import PLAIN_REASON, GuessedMask, Marked, PaintedMask
from station.teach.pictures import Picture


def lay_down(shelf: Shelf, course: Course) -> ShownLesson:
    """Keep every picture of a course on the shelf; the list of them.

    Raises:
        TeachError: one changed since it was learnt from.
    """
    return ShownLesson(
        settings=_settings_of(course.lesson), entries=tuple(_entries(shelf, course.material))
    )


def _settings_of(lesson: AnomalyLesson) -> Settings:
    is_file = lesson.features.endswith(".onnx")
    return Settings(
        features=str(Path(lesson.features).absolute()) if is_file else lesson.features,
        false_reject_rate=lesson.false_reject_rate,
        seed=lesson.seed,
        size_px=lesson.size_px,
        fit=lesson.fit,
        ms_at_most=lesson.ms_at_most,
        mb_at_most=lesson.mb_at_most,
    )


def _entries(shelf: Shelf, material: Material) -> Iterator[Entry]:
    taken: set[str] = set()
    every = (
        *(_good(picture, material) for picture in (*material.learnt.pictures, *material.unlearnt)),
        *(_bad(marked, material, shelf) for marked in material.defects.marked),
        *(_unlearnable(path, material) for path in material.unlearnable),
    )
    for path, entry in every:
        if entry.digest not in taken:
            taken.add(entry.digest)
            shelf.put(path, entry.digest)
            yield entry


def _good(picture: Picture, material: Material) -> tuple[Path, Entry]:
    return picture.path, Entry(
        digest=picture.digest,
        role="good",
        path=_original(picture.path, material),
        is_correction=picture.digest in material.corrections,
        was_rejected=picture.digest in material.rejected,
    )


def _bad(marked: Marked, material: Material, shelf: Shelf) -> tuple[Path, Entry]:
    origin = material.origins.get(marked.path)
    source = marked.mask_source
    is_guess = isinstance(source, GuessedMask) or (origin is not None and origin.role == "bad")
    is_there = isinstance(source, PaintedMask) and source.path.parent == shelf.folder
    return marked.path, Entry(
        digest=origin.digest if origin else digest_of(marked.path),
        role="bad" if is_guess else "marked",
        reason=marked.reason,
        path=_original(marked.path, material),
        mask=origin.mask if origin and is_there else shelf.put_mask(marked.mask()),
    )


def _unlearnable(path: Path, material: Material) -> tuple[Path, Entry]:
    origin = material.origins.get(path)
    digest = origin.digest if origin else digest_of(path)
    original = _original(path, material)
    return path, Entry(digest=digest, role="bad", reason=PLAIN_REASON, path=original)


def _original(path: Path, material: Material) -> str:
    return material.origins[path].path if path in material.origins else str(path.absolute())
