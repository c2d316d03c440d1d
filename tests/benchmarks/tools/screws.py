"""`locate` and `presence` on blocks with four screws: each missing one named, and none else?"""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import cv2
import numpy as np

from station.core.errors import StationError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Check, Site, Tool, parse
from station.core.reasons import Reason
from station.core.recipe import PreparedRecipe, new_recipe, prepare
from station.core.result import Evaluation, Finding
from station.inspection import inspect
from station.teach.locate import LocateLesson, teach_locate
from station.teach.presence import PresenceLesson, teach_presence
from station.vision.images import encode_png, read_image
from tests.benchmarks.tools.figures import Figures, NoPicturesError, folder_of

MOST_TAUGHT = 10
NAMES = ("top_left", "top_right", "bottom_left", "bottom_right")
"""In the order of the bits in a picture's name."""
SIDE_PX = 108
"""Of a position: a little more than a screw's head."""
MASKED_PX = 75
"""The block is found by its wood: around each screw so much is left out, present or not."""
LOCATE = {
    "kind": "locate",
    "name": "block",
    "taught": "block",
    "angle_range_deg": [-20.0, 20.0],
    "scale_range": [0.97, 1.03],
}
PRESENCE = {"kind": "presence", "name": "screws", "taught": "screws"}

Places = Sequence[tuple[float, float]]


@dataclass(slots=True)
class Score:
    """What came out, position by position."""

    missed: int = 0
    false: int = 0
    positions: int = 0
    missing: int = 0
    undecided: int = 0
    not_judged: list[str] = field(default_factory=list)
    highest_present: float = 0.0
    lowest_missing: float = float("inf")
    cpu_ms: list[float] = field(default_factory=list)


def measure(data: Path) -> Figures:
    """Teach from at most ten complete pictures, then inspect every picture of the folder."""
    pictures = find_pictures(folder_of(data, "screws_missing") / "images")
    complete = [path for path, bits in pictures.items() if bits == "1111"]
    taught = spread(complete, MOST_TAUGHT)
    score, reference = judge(taught, pictures)
    return Figures(tuple(_lines(score, taught, reference, len(pictures))), _numbers(score))


def find_pictures(folder: Path) -> dict[Path, str]:
    """Picture -> its four bits, by number.

    Raises:
        NoPicturesError: none is named so, or none is complete.
    """
    named = [(re.fullmatch(r"(\d+)_([01]{4})\.\w+", path.name), path) for path in folder.glob("*")]
    found = {path: (int(match[1]), match[2]) for match, path in named if match}
    if not any(bits == "1111" for _, bits in found.values()):
        raise NoPicturesError(f"no complete block in {folder}")
    return {path: found[path][1] for path in sorted(found, key=lambda path: found[path][0])}


def spread(paths: Sequence[Path], most: int) -> list[Path]:
    """At most so many, evenly over all."""
    if len(paths) <= most:
        return list(paths)
    return [paths[index] for index in np.linspace(0, len(paths) - 1, most).round().astype(int)]


def judge(taught: Sequence[Path], pictures: dict[Path, str]) -> tuple[Score, Path]:
    """Teach, inspect each picture, count; also gives the picture the part is drawn on."""
    with TemporaryDirectory() as folder:
        reference = _teach(taught, Path(folder))
        prepared = _recipe(Site(model_dirs=(Path(folder) / "models",)))
        score = Score()
        for path, bits in pictures.items():
            _inspect(path, bits, prepared, score)
        return score, reference


def _teach(taught: Sequence[Path], folder: Path) -> Path:
    """As a person would: try which picture the part is best drawn on, then teach both tools."""
    (folder / "draft.toml").write_text(_draft())
    tried = [one for path in taught if (one := _try_reference(path, taught, folder)) is not None]
    if not tried:
        raise NoPicturesError("the block is found by none of its complete pictures")
    _, reference = min(tried)
    _try_reference(reference, taught, folder)
    lesson = PresenceLesson(
        folder=folder / "ok",
        name="screws",
        positions=folder / "positions.toml",
        locate=str(folder / "draft.toml"),
    )
    teach_presence(lesson, [folder / "models"])
    return reference


def _try_reference(
    reference: Path, taught: Sequence[Path], folder: Path
) -> tuple[tuple[int, float], Path] | None:
    """How many of the taught pictures it is not found in, and the worst score; None: no use."""
    image = read_image(reference)
    places = find_screws(image)
    if len(places) < len(NAMES):
        return None
    shutil.rmtree(folder / "ok", ignore_errors=True)
    (folder / "ok").mkdir()
    others = [path for path in taught if path != reference]
    for number, path in enumerate((reference, *others)):
        shutil.copyfile(path, folder / "ok" / f"{number:02d}_{path.name}")
    (folder / "positions.toml").write_text(_bill(places))
    (folder / "mask.png").write_bytes(encode_png(_mask(image, places)))
    lesson = LocateLesson(source=folder / "ok", name="block", mask=folder / "mask.png")
    try:
        teach_locate(lesson, [folder / "models"])
    except StationError:
        return None
    check = parse(Tool, LOCATE).prepare(Site(model_dirs=(folder / "models",)))
    return _rating(check, taught), reference


def _rating(check: Check, paths: Sequence[Path]) -> tuple[int, float]:
    scores: list[float] = []
    for path in paths:
        try:
            scores += [finding.score or 0.0 for finding in check.run(_frame(path))]
        except StationError:
            continue
    return len(paths) - len(scores), max(scores, default=1.0)


def find_screws(image: Image) -> list[tuple[float, float]]:
    """The middles of four screws, one in each quarter; stands for the person who draws the bill."""
    grey = cv2.medianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 7)
    height, width = grey.shape
    found = []
    for top in (0, height // 2):
        for left in (0, width // 2):
            part = grey[top : top + height // 2, left : left + width // 2]
            circles = cv2.HoughCircles(
                part, cv2.HOUGH_GRADIENT, 1, 300, param1=80, param2=15, minRadius=44, maxRadius=54
            )
            if circles is not None:
                x, y = circles[0, 0, :2].tolist()
                found.append((round(x + left), round(y + top)))
    return [(float(x), float(y)) for x, y in found]


def _inspect(path: Path, bits: str, prepared: PreparedRecipe, score: Score) -> None:
    frame = _frame(path)
    started = process_time()
    result = inspect(frame, prepared, Job())
    score.cpu_ms.append((process_time() - started) * 1e3)
    found = {finding.text: finding for finding in result.findings if finding.tool == "screws"}
    if len(found) < len(NAMES):
        score.not_judged.append(f"{path.name} ({result.reason_code})")
    for name, bit in zip(NAMES, bits, strict=True):
        _count(found.get(name), bit == "1", score)


def _count(finding: Finding | None, is_present: bool, score: Score) -> None:
    """Strictly: what was not judged is a false alarm where there is a screw, else a miss."""
    score.positions += 1
    score.missing += not is_present
    if finding is None:
        score.false += is_present
        score.missed += not is_present
        return
    level = finding.score or 0.0
    if is_present:
        score.highest_present = max(score.highest_present, level)
    else:
        score.lowest_missing = min(score.lowest_missing, level)
    score.undecided += finding.evaluation is Evaluation.NOT_DECIDABLE
    score.false += is_present and finding.evaluation is Evaluation.NOT_OK
    score.missed += not is_present and finding.evaluation is Evaluation.OK


def _recipe(site: Site) -> PreparedRecipe:
    tools = tuple(parse(Tool, entry) for entry in (LOCATE, PRESENCE))
    codes = sorted(code for tool in tools for code in tool.prepare(site).reason_codes)
    reasons = tuple(Reason(code=code, text=code.replace("_", " ")) for code in codes)
    return prepare(new_recipe("screws", tools, reasons), site)


def _bill(places: Places) -> str:
    return "\n".join(
        f'[[positions]]\nname = "{name}"\ngroup = "screw"\nx = {x - SIDE_PX / 2}\n'
        f"y = {y - SIDE_PX / 2}\nwidth = {SIDE_PX}\nheight = {SIDE_PX}\n"
        for name, (x, y) in zip(NAMES, places, strict=True)
    )


def _draft() -> str:
    lines = (f"{key} = {json.dumps(value)}" for key, value in LOCATE.items())
    return "\n".join(("[[tools]]", *lines, ""))


def _mask(image: Image, places: Places) -> Image:
    mask = np.full(image.shape[:2], 255, np.uint8)
    for x, y in places:
        cv2.circle(mask, (round(x), round(y)), MASKED_PX, 0, cv2.FILLED)
    return mask


def _frame(path: Path) -> Frame:
    image = read_image(path)
    return Frame(image=image, camera_id="bench", sequence=1, acquired_at=datetime.now(UTC))


def _lines(score: Score, taught: Sequence[Path], reference: Path, pictures: int) -> Iterator[str]:
    there = score.positions - score.missing
    yield (
        f"missed {score.missed} of {score.missing} missing screws (asked: 0), false {score.false} "
        f"of {there} present ones (asked: 0), {score.undecided} left to a person"
    )
    yield (
        f"on {pictures} whole pictures, {len(taught)} complete ones of them taught (asked: at most "
        f"10), part drawn on {reference.name}; not judged: {', '.join(score.not_judged) or 'none'}"
    )
    yield (
        f"scores: present up to {score.highest_present:.2f}, missing from "
        f"{score.lowest_missing:.2f}, the limit is 1; {np.median(score.cpu_ms):.0f} ms of CPU a "
        "picture, locate and presence"
    )


def _numbers(score: Score) -> dict[str, float]:
    return {
        "missed": score.missed,
        "false": score.false,
        "positions": score.positions,
        "undecided": score.undecided,
        "not_judged": len(score.not_judged),
        "highest_present": round(score.highest_present, 3),
        "lowest_missing": round(score.lowest_missing, 3),
        "median_ms": round(float(np.median(score.cpu_ms)), 1),
    }
