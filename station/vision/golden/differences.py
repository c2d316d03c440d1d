"""Where a view differs from a template by more than tolerances allow, and of which kind that is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.region import Rectangle
from station.vision.golden.light import Light, find_light
from station.vision.golden.registration import Floats, Registration
from station.vision.golden.template import Mask, Template, contrast_of, grey_of

Window = tuple[slice, slice]
Start = tuple[int, int]
Kind = Literal["missing", "extra", "smeared"]
Material = Literal["dark", "bright"]

MIXED_SHARE = 0.25
"""Smeared: so much of a place lacks material, and as much has too much of it."""
FAINT_SHARE = 0.5
"""Smeared: extra material of less than this share of the template's contrast."""
MOST_PLACES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What a good part may differ by."""

    edge_px: int
    """A pixel may show what the template has this far away, and the other way round."""
    levels: int
    """Grey levels beyond what is good from which a pixel differs."""
    shift_px: float
    """The view may lie so far off as a whole."""
    local_shift_px: float
    """A place may lie so far off the whole."""
    light: float
    """Share by which the light may be brighter or darker."""
    gap_px: int
    """Differences no farther apart are one."""
    thinnest_px: int
    """Only what holds a square of this edge differs: single lines of pixels are edge noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place that differs."""

    kind: Kind
    area_px: int
    """Pixels beyond the tolerance."""
    whole_area_px: int
    """All pixels there that differ from the mean, those within the tolerance of an edge too."""
    levels: int
    """The farthest any pixel lies beyond the tolerance, in grey levels."""
    box: Rectangle
    """In pixels of the view, tight round all that differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a comparison came to."""

    differences: tuple[Difference, ...]
    """The largest first."""
    shift_px: float
    gain: float
    seen_share: float
    """Of all that is to be compared, what the view shows: the shifted part may reach off it."""
    displaced_px: float
    """The farthest any place lies from where the rest of the view says."""
    contrast_share: float
    """How much of its contrast a dark print has kept, light aside; 1 of bright material."""


@dataclass(frozen=True, slots=True)
class _Laid:
    """A view laid on the template, and how far it lies off."""

    view: Image
    seen: Mask
    across: Floats
    down: Floats
    shift_px: float
    displaced_px: float
    light: Light


class Comparison:
    """A template and tolerances made ready; compares views, from several threads at once."""

    def __init__(self, template: Template, tolerance: Tolerance, material: Material) -> None:
        self._template, self._tolerance, self._material = template, tolerance, material
        self._grey = grey_of(template.mean)
        self._contrast = contrast_of(template.mean)
        self._ground = float(np.percentile(self._grey, 99))
        self._registration = Registration(self._grey)
        edge = 2 * tolerance.edge_px + 1
        self._disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (edge, edge))
        self._low = cv2.erode(template.darkest, self._disc)
        self._high = cv2.dilate(template.brightest, self._disc)
        height, width = self._grey.shape
        self._rows, self._columns = np.indices((height, width), dtype=np.float32)
        self._judged = _without_border(template.ignored, tolerance.edge_px + 1)

    def compare(self, view: Image, start: Start = (0, 0)) -> Compared:
        """A view of the template's channels that starts at (x, y) in `view` (not checked here).

        What `view` shows beyond the template's size is looked at where the part is shifted there.
        """
        laid = self._lay(view, start)
        excess = self._excess(laid)
        judged = cv2.countNonZero(self._judged)
        return Compared(
            differences=tuple(self._differences(laid, excess)),
            shift_px=laid.shift_px,
            gain=laid.light.gain,
            displaced_px=laid.displaced_px,
            contrast_share=self._contrast_share(laid.light),
            seen_share=cv2.countNonZero(laid.seen) / judged if judged else 0.0,
        )

    def excess(self, view: Image, start: Start = (0, 0)) -> Floats:
        """How many grey levels each pixel of the view lies beyond the tolerance."""
        laid = self._lay(view, start)
        # back to where the view has it; shifts change little over the distance of a shift
        there = (self._columns - laid.across, self._rows - laid.down)
        back = cv2.remap(self._excess(laid), *there, cv2.INTER_LINEAR)
        return np.asarray(back, np.float32)

    def _contrast_share(self, light: Light) -> float:
        """Bright print on dark ground that fades looks just like a print in less light."""
        return light.contrast_share(self._ground) if self._material == "dark" else 1.0

    def _lay(self, view: Image, start: Start) -> _Laid:
        (left, top), (height, width) = start, self._grey.shape
        tolerance = self._tolerance
        shifts = self._registration.shifts(
            grey_of(view[top : top + height, left : left + width])
        ).bounded(tolerance.shift_px, tolerance.local_shift_px)
        across, down = shifts.full(width, height)
        there = (self._columns + (across + left), self._rows + (down + top))
        sampled = cv2.remap(view, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        laid = np.asarray(sampled, np.uint8)
        edge = tolerance.edge_px
        last = (view.shape[1] - 1 - edge, view.shape[0] - 1 - edge)
        inside = cv2.inRange(cv2.merge(there), (edge, edge), last)
        light = find_light(grey_of(laid), self._grey, tolerance.light)
        return _Laid(
            view=light.applied(laid),
            seen=np.asarray(cv2.bitwise_and(inside, self._judged), np.uint8),
            across=across,
            down=down,
            shift_px=shifts.largest_px,
            displaced_px=shifts.displaced_px,
            light=light,
        )

    def _excess(self, laid: _Laid) -> Image:
        """Both ways round: what the view has and the template lacks nearby, and the reverse.

        The first way alone would never miss a line as thin as the tolerance.
        """
        view, template = laid.view, self._template
        darker = cv2.max(
            cv2.subtract(self._low, view),
            cv2.subtract(template.darkest, cv2.dilate(view, self._disc)),
        )
        brighter = cv2.max(
            cv2.subtract(view, self._high),
            cv2.subtract(cv2.erode(view, self._disc), template.brightest),
        )
        excess = _strongest(cv2.max(darker, brighter))
        return np.asarray(cv2.bitwise_and(excess, laid.seen), np.uint8)

    def _differences(self, laid: _Laid, excess: Image) -> list[Difference]:
        """The largest first."""
        above = cv2.threshold(excess, self._tolerance.levels, 255, cv2.THRESH_BINARY)[1]
        seeds: Mask = np.asarray(
            cv2.morphologyEx(above, cv2.MORPH_OPEN, _square(self._tolerance.thinnest_px)), np.uint8
        )
        if not cv2.countNonZero(seeds):
            return []
        body = self._grown(laid, seeds)
        near = cv2.dilate(body, _square(self._tolerance.gap_px // 2 * 2 + 1))
        found = []
        for window, own in _places(np.asarray(near, np.uint8)):
            seed, whole = own & seeds[window], own & body[window]
            found.append(self._difference(laid, excess, window, seed, whole))
        return sorted(found, key=lambda difference: -difference.area_px)

    def _grown(self, laid: _Laid, seeds: Mask) -> Mask:
        """With all that differs from the mean beside the seeds: what the edge tolerance took."""
        apart = _strongest(cv2.absdiff(laid.view, self._template.mean))
        differs = cv2.threshold(apart, self._tolerance.levels, 255, cv2.THRESH_BINARY)[1]
        reach = cv2.dilate(seeds, _square(2 * self._tolerance.edge_px + 3))
        return np.asarray(cv2.bitwise_or(seeds, cv2.bitwise_and(differs, reach)), np.uint8)

    def _difference(
        self, laid: _Laid, excess: Image, window: Window, seed: Mask, whole: Mask
    ) -> Difference:
        left, top, wide, tall = cv2.boundingRect(whole)
        left, top = left + window[1].start, top + window[0].start
        middle = (top + tall // 2, left + wide // 2)
        seen, wanted = grey_of(laid.view[window])[seed > 0], self._grey[window][seed > 0]
        material = -1 if self._material == "dark" else 1
        surplus = material * (seen.astype(np.int16) - wanted)
        return Difference(
            kind=_kind(surplus, self._contrast),
            area_px=cv2.countNonZero(seed),
            whole_area_px=cv2.countNonZero(whole),
            levels=int(excess[window][seed > 0].max()),
            box=Rectangle(
                x=left + float(laid.across[middle]),
                y=top + float(laid.down[middle]),
                width=wide,
                height=tall,
            ),
        )


def _kind(surplus: NDArray[np.int16], contrast: float) -> Kind:
    """Of how much more material than in the template each pixel shows, in grey levels."""
    lacking = float((surplus < 0).mean())
    if MIXED_SHARE <= lacking <= 1 - MIXED_SHARE:
        return "smeared"
    if lacking > MIXED_SHARE:
        return "missing"
    return "smeared" if float(np.median(surplus)) < FAINT_SHARE * contrast else "extra"


def _places(near: Mask) -> Iterator[tuple[Window, Mask]]:
    """Each connected place with all it encloses, as a window and a mask; the largest first."""
    lines, _ = cv2.findContours(near, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    boxed = [(line, cv2.boundingRect(line)) for line in lines]
    boxed.sort(key=lambda place: -place[1][2] * place[1][3])
    for line, (left, top, wide, tall) in boxed[:MOST_PLACES]:
        own = np.zeros((tall, wide), np.uint8)
        cv2.drawContours(own, [line], 0, 255, cv2.FILLED, offset=(-left, -top))
        yield (slice(top, top + tall), slice(left, left + wide)), own


def _strongest(plane: cv2.typing.MatLike) -> Image:
    """Of the channels; `max` along the last axis would take ten times as long."""
    if plane.ndim == 3:
        blue, green, red = cv2.split(plane)
        plane = cv2.max(cv2.max(blue, green), red)
    return np.asarray(plane, np.uint8)


def _without_border(ignored: Mask, border_px: int) -> Mask:
    """255 where there is something to compare: the template does not know what lies beyond it."""
    judged = np.zeros_like(ignored)
    inner = (slice(border_px, -border_px or None),) * 2
    judged[inner] = np.where(ignored[inner] > 0, 0, 255)
    return judged


def _square(edge_px: int) -> Mask:
    return np.ones((edge_px, edge_px), np.uint8)
