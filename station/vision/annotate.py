"""The picture people look at: the frame with regions outlined, under a strip with the verdict."""

import threading
from collections.abc import Iterable, Iterator
from typing import cast

import cv2
import numpy as np

from station.core.frame import Image
from station.core.region import Region
from station.core.result import Evaluation, Finding, Result, ResultState
from station.vision.geometry import resize

Colour = tuple[int, int, int]
"""Blue, green, red, 0-255."""

Corners = list[tuple[int, int]]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
GREEN: Colour = (72, 128, 0)
RED: Colour = (38, 26, 190)
AMBER: Colour = (0, 178, 255)
VIOLET: Colour = (122, 84, 98)

NAME_LENGTH = 16
"""A finding's text up to this length is the name of a position or class."""
STRIP_LINES = 3.4
"""The strip's height in heights of letters: two lines and air."""

_BY_EVALUATION = {
    Evaluation.OK: ("OK", GREEN, WHITE),
    Evaluation.NOT_OK: ("NOT OK", RED, WHITE),
    Evaluation.NOT_DECIDABLE: ("NOT DECIDABLE", AMBER, BLACK),
}
# A sign for each word, so that nobody has to tell the colours apart: a letter, or strokes in a
# square of edge 1.
_LETTERS = {"NOT DECIDABLE": "?", "FAILED": "!"}
_SIGNS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "OK": (((0.05, 0.55), (0.36, 0.88), (0.95, 0.15)),),
    "NOT OK": (((0.1, 0.1), (0.9, 0.9)), ((0.9, 0.1), (0.1, 0.9))),
    "ABORTED": (((0.12, 0.12), (0.88, 0.12), (0.88, 0.88), (0.12, 0.88), (0.12, 0.12)),),
}
_SHOWN_FIRST = (
    Evaluation.OK,
    Evaluation.UNDEFINED,
    Evaluation.NOT_DECIDABLE,
    Evaluation.NOT_OK,
)


def annotate(
    image: Image, result: Result, *, width_px: int | None = None, banner: bool = True
) -> Image:
    """A new BGR picture of an inspected image: regions, scores, and a strip with the verdict.

    The strip stands above the picture and hides nothing of it. Sizes follow the picture's.

    Args:
        image: (height, width) grey or (height, width, 3) BGR; only read.
        result: what came of it; its regions are in pixels of `image`.
        width_px: shrink to this width first; a picture is never enlarged.
        banner: False leaves the strip away, where the words stand elsewhere.
    """
    scale = min(1.0, width_px / image.shape[1]) if width_px else 1.0
    if scale < 1:
        width, height = (max(1, round(size * scale)) for size in image.shape[1::-1])
        image = resize(image, width, height)
    height, width = image.shape[:2]
    text_px = text_size(width, height)
    strip_px = round(text_px * STRIP_LINES) if banner else 0
    canvas = np.empty((height + strip_px, width, 3), np.uint8)
    picture = canvas[strip_px:]
    if image.ndim == 2:
        cv2.cvtColor(image, cv2.COLOR_GRAY2BGR, dst=picture)
    else:
        picture[:] = image
    _draw_findings(picture, result.findings, scale, text_px)
    if banner:
        _draw_strip(canvas[:strip_px], result, text_px)
    return canvas


def verdict_of(result: Result) -> tuple[str, Colour, Colour]:
    """The verdict's word, its colour, and the colour of writing on it."""
    if result.result_state is ResultState.COMPLETED and result.evaluation in _BY_EVALUATION:
        return _BY_EVALUATION[result.evaluation]
    return ("ABORTED" if result.result_state is ResultState.ABORTED else "FAILED"), VIOLET, WHITE


def text_size(width: int, height: int) -> int:
    """The height of letters, in pixels, that is readable on a picture of this size."""
    return round(min(80.0, max(11.0, min(width / 38, height / 9))))


def describe_score(finding: Finding) -> str:
    """The score against the limit that decided, as in "0.93 >= 0.70"; empty without a score."""
    score, accept, reject = finding.score, finding.accept_limit, finding.reject_limit
    if score is None:
        return ""
    if finding.evaluation is Evaluation.OK and accept is not None:
        return f"{_number(score)} ≤ {_number(accept)}"
    if finding.evaluation is Evaluation.NOT_OK and reject is not None:
        return f"{_number(score)} ≥ {_number(reject)}"
    if accept is not None and reject is not None:
        return f"{_number(accept)} < {_number(score)} < {_number(reject)}"
    return _number(score)


def deciding(result: Result) -> Finding | None:
    """The finding a result's verdict rests on: of its evaluation and reason, the worst score."""
    fitting = [
        finding
        for finding in result.findings
        if finding.evaluation is result.evaluation
        and (result.evaluation is Evaluation.OK or finding.reason_code == result.reason_code)
    ]
    return max(fitting, key=_nearness, default=None)


def _nearness(finding: Finding) -> float:
    score = finding.score or 0.0
    if finding.evaluation is Evaluation.OK and finding.accept_limit:
        return score / finding.accept_limit
    return score


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def _draw_strip(strip: Image, result: Result, text_px: int) -> None:
    """Two lines, whatever the verdict, so that pictures of one size stay of one size."""
    word, colour, ink = verdict_of(result)
    cv2.rectangle(strip, (0, 0), (strip.shape[1], strip.shape[0]), colour, cv2.FILLED)
    width, margin = strip.shape[1], text_px // 2
    big = round(text_px * 1.2)
    upper, lower = round(text_px * 1.35), round(text_px * 2.85)
    found = deciding(result)
    _draw_sign(strip, word, (margin, upper - round(big * 0.74)), big, ink)
    after_sign = margin + round(big * 1.15)
    _write(strip, word, (after_sign, upper), big, ink, bold=True)
    score = describe_score(found) if found else ""
    start = width - margin - _text_width(score, text_px)
    if start >= after_sign + _text_width(word, big, bold=True):
        _write(strip, score, (start, upper), text_px, ink)
    reason = " ".join(result.reason_in_words.split()) or (found.tool if found else "")
    part = result.part_id
    room = width - 2 * margin - _text_width(reason, text_px) - text_px
    start = width - margin - _text_width(part, text_px)
    if part and width - margin - start <= room:
        _write(strip, part, (start, lower), text_px, ink)
    _write(strip, _shortened(reason, width - 2 * margin, text_px), (margin, lower), text_px, ink)


def _draw_sign(strip: Image, word: str, corner: tuple[int, int], text_px: int, ink: Colour) -> None:
    if word in _LETTERS:
        base = corner[1] + round(text_px * 0.74)
        _write(strip, _LETTERS[word], (corner[0] + text_px // 4, base), text_px, ink, bold=True)
        return
    edge = text_px * 0.78
    strokes = [
        np.round(np.array(stroke) * edge + corner).astype(np.int32) for stroke in _SIGNS[word]
    ]
    cv2.polylines(strip, strokes, False, ink, max(2, round(text_px / 6)), cv2.LINE_AA)


def _draw_findings(picture: Image, findings: Iterable[Finding], scale: float, text_px: int) -> None:
    shown = sorted(findings, key=lambda finding: _SHOWN_FIRST.index(finding.evaluation))
    taken: list[tuple[int, int, int, int]] = []
    for finding in shown:
        if finding.region is None:
            continue
        _, colour, ink = _BY_EVALUATION.get(finding.evaluation, ("", VIOLET, WHITE))
        corners = _corners(finding.region, scale)
        _outline(picture, corners, colour, text_px)
        if finding.evaluation is not Evaluation.OK and not _is_whole(corners, picture):
            label = f"{finding.reason_code or finding.tool} {_detail(finding)}".strip()
            _tag(picture, label, corners, (colour, ink), text_px, taken)


def _detail(finding: Finding) -> str:
    """Which one it is, where that is a name; else the score."""
    if finding.text and len(finding.text) <= NAME_LENGTH:
        return finding.text
    return "" if finding.score is None else _number(finding.score)


def _corners(region: Region, scale: float) -> Corners:
    return [(round(x * scale), round(y * scale)) for x, y in region.corners]


def _bounds(corners: Corners) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    across, down = zip(*corners, strict=True)
    return min(across), min(down), max(across), max(down)


def _is_whole(corners: Corners, picture: Image) -> bool:
    left, top, right, bottom = _bounds(corners)
    height, width = picture.shape[:2]
    return left <= 1 and top <= 1 and right >= width - 1 and bottom >= height - 1


def _outline(picture: Image, corners: Corners, colour: Colour, text_px: int) -> None:
    """A line in the verdict's colour on a white one, so that it shows on any ground."""
    thickness = max(2, round(text_px / 9))
    right, bottom = picture.shape[1] - 1, picture.shape[0] - 1
    inside = [(min(max(x, 0), right), min(max(y, 0), bottom)) for x, y in corners]
    line = np.array(inside, np.int32)
    if _is_whole(corners, picture):
        thickness *= 2
    else:
        cv2.polylines(picture, [line], True, WHITE, thickness + max(2, thickness))
    cv2.polylines(picture, [line], True, colour, thickness)


def _tag(
    picture: Image,
    label: str,
    corners: Corners,
    colours: tuple[Colour, Colour],
    text_px: int,
    taken: list[tuple[int, int, int, int]],
) -> None:
    """A small plate with `label` at a region, inside the picture and off the other plates."""
    size = max(10, round(text_px * 0.8))
    pad = max(2, size // 4)
    width, height = _text_width(label, size) + 2 * pad, round(size * 1.3)
    for x, y in _places(corners, width, height, picture):
        box = (x, y, x + width, y + height)
        if not any(_overlap(box, other) for other in taken):
            break
    taken.append(box)
    cv2.rectangle(picture, box[:2], box[2:], colours[0], cv2.FILLED)
    _write(picture, label, (box[0] + pad, box[1] + round(size * 1.0)), size, colours[1])


def _places(corners: Corners, width: int, height: int, picture: Image) -> Iterator[tuple[int, int]]:
    """Where a plate may stand: above the region, below it, then inside."""
    left, top, right, bottom = _bounds(corners)
    for x, y in (
        (left, top - height - 1),
        (left, bottom + 1),
        (right - width, top - height - 1),
        (right - width, bottom + 1),
        (left, top),
    ):
        if 0 <= y <= picture.shape[0] - height:
            yield max(0, min(x, picture.shape[1] - width)), y
    yield max(0, min(left, picture.shape[1] - width)), max(0, top)


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _shortened(text: str, room: int, text_px: int) -> str:
    if _text_width(text, text_px) <= room:
        return text
    while text and _text_width(f"{text}…", text_px) > room:
        text = text[:-1].rstrip()
    return f"{text}…" if text else ""


_faces = threading.local()


def _face() -> cv2.FontFace:
    """One face a thread: OpenCV keeps the weight in it, and another thread's would show."""
    if not hasattr(_faces, "sans"):
        _faces.sans = cv2.FontFace("sans")
    return cast(cv2.FontFace, _faces.sans)


def _text_width(text: str, size: int, *, bold: bool = False) -> int:
    if not text:
        return 0
    weight = 700 if bold else 450
    box = cv2.getTextSize((1 << 15, 1 << 15), text, (0, 0), _face(), size, weight)
    return int(box[0] + box[2])


def _write(
    canvas: Image, text: str, origin: tuple[int, int], size: int, ink: Colour, *, bold: bool = False
) -> None:
    if text:
        cv2.putText(canvas, text, origin, ink, _face(), size, 700 if bold else 450)
