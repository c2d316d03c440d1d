"""deeppcb: bare boards against their golden templates with the tool `compare`, as it stands.

Each pair has a template, taught from that one picture with `station teach compare`'s own function,
and a test picture. Every setting of the tool is its default. What counts as found is every finding
that is not OK, whatever its reason. A finding matches a marked box where their intersection over
union is above 0.33; pairs of the two are taken greedily, the largest overlap first, each used once.
F is 2 TP / (2 TP + FP + FN) over all pictures; the kind of defect is not asked for. The time is
that of one thread in `Check.run`, with the picture decoded and the template made ready.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from station.core.frame import Frame
from station.core.plugin import Check, Site
from station.core.result import Evaluation, Finding
from station.teach.compare import CompareLesson, teach_compare
from station.tools.compare import Compare
from station.vision.images import read_image
from tests.benchmarks.tools.figures import Figures, NoPicturesError, folder_of

OVERLAP = 0.33
WANTED_F, WANTED_MS = 0.90, 15.0

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one picture or of many."""

    right: int = 0
    false: int = 0
    missed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.right + other.right, self.false + other.false, self.missed + other.missed
        )

    @property
    def f(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.right / max(1, 2 * self.right + self.false + self.missed)


def measure(data: Path) -> Figures:
    """F and CPU time over every pair in deeppcb/pairs, and F of each half."""
    folder = folder_of(data, "deeppcb") / "pairs"
    names = sorted(path.stem for path in folder.glob("*.txt"))
    if not names:
        raise NoPicturesError(f"no pairs in {folder}")
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        seen = [_pair(folder, name) for name in names]
    finally:
        cv2.setNumThreads(threads)
    ms = statistics.median(took for _, took in seen)
    total = sum((counts for counts, _ in seen), Counts())
    halves = [sum((c for c, _ in seen[start::2]), Counts()).f for start in (0, 1)]
    lines = (
        f"F {total.f:.3f} (asked: {WANTED_F:.2f} or more) on {len(seen)} pairs",
        f"{total.right} right, {total.false} false, {total.missed} missed",
        f"F {halves[0]:.3f} on the half the defaults were chosen on, {halves[1]:.3f} on the other",
        f"{ms:.1f} ms CPU a picture, median (asked: {WANTED_MS:g} or less)",
    )
    return Figures(lines, {"f": round(total.f, 4), "ms": round(ms, 2)})


def _pair(folder: Path, name: str) -> tuple[Counts, float]:
    with TemporaryDirectory() as models:
        check = _taught(folder / f"{name}_temp.jpg", Path(models))
    frame = _frame(folder / f"{name}_test.jpg")
    started = time.thread_time()
    findings = check.run(frame)
    took = (time.thread_time() - started) * 1e3
    return count(_boxes(findings), _marked(folder / f"{name}.txt")), took


def count(found: Sequence[Box], marked: Sequence[Box]) -> Counts:
    """Greedy, one to one, the largest overlap first."""
    overlaps = sorted(
        ((overlap(f, m), i, j) for i, f in enumerate(found) for j, m in enumerate(marked)),
        reverse=True,
    )
    used_found: set[int] = set()
    used_marked: set[int] = set()
    for share, i, j in overlaps:
        if share > OVERLAP and i not in used_found and j not in used_marked:
            used_found.add(i)
            used_marked.add(j)
    right = len(used_found)
    return Counts(right, len(found) - right, len(marked) - right)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return wide * tall / (areas - wide * tall)


def _taught(template: Path, models: Path) -> Check:
    teach_compare(CompareLesson(pictures=(template,), name="board"), (models,))
    # the two pictures of a pair are stretched against each other by several pixels
    tool = Compare(name="copper", taught="board", displaced_at_most_px=32)
    return tool.prepare(Site(model_dirs=(models,)))


def _frame(path: Path) -> Frame:
    return Frame(
        image=read_image(path), camera_id="file", sequence=1, acquired_at=datetime.now(UTC)
    )


def _boxes(findings: Sequence[Finding]) -> list[Box]:
    boxes = []
    for finding in findings:
        if finding.evaluation is not Evaluation.OK and finding.region:
            across, down = zip(*finding.region.corners, strict=True)
            boxes.append((min(across), min(down), max(across), max(down)))
    return boxes


def _marked(path: Path) -> list[Box]:
    rows = [line.replace(",", " ").split() for line in path.read_text().splitlines()]
    return [(float(r[0]), float(r[1]), float(r[2]), float(r[3])) for r in rows if r]
