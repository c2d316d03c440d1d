"""Which picture shows which position in which state: by the folder it lies in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from station.core.errors import TeachError
from station.core.frame import Frame, Image
from station.core.plugin import Site
from station.core.reasons import GOOD_CLASSES
from station.teach.part_views import pictures_in, read_views
from station.vision.images import read_image
from station.vision.positions import STATE_NAME, Bill, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One view, and the state of the positions something is known of."""

    path: Path
    image: Image
    states: Mapping[str, str]
    """Position -> state."""


def read_shown(folder: Path, bill: Bill, site: Site, *, locate: str = "") -> list[Shown]:
    """Every view below a folder with the states it shows.

    Pictures in the folder itself, or in `ok` or `good`, show every position as the bill expects.
    In `STATE/` they show every position in that state, in `STATE/NAME/` only the position or the
    group of that name.

    Raises:
        TeachError: a folder means nothing, a picture cannot be read or is of another size.
    """
    paths = pictures_in(folder)
    states = {path: _states(path.relative_to(folder).parts[:-1], bill, path) for path in paths}
    shown = [
        Shown(path=path, image=frame.image, states=_visible(states[path], bill, path, frame))
        for path, frame in read_views(paths, site, locate=locate)
    ]
    _check_sizes(shown)
    return shown


def _visible(states: Mapping[str, str], bill: Bill, path: Path, frame: Frame) -> dict[str, str]:
    """Without what lies outside the picture of a located part: its view only repeats the border."""
    if frame.pose is None:
        return dict(states)
    picture = read_image(path)
    outside = {
        position.name
        for position in bill.positions
        if not all(_lies_in(point, picture) for point in frame.pose.place(position.region).corners)
    }
    return {name: state for name, state in states.items() if name not in outside}


def _lies_in(point: tuple[float, float], picture: Image) -> bool:
    height, width = picture.shape[:2]
    return bool(-0.5 <= point[0] <= width + 0.5 and -0.5 <= point[1] <= height + 0.5)


def _states(parts: Sequence[str], bill: Bill, path: Path) -> dict[str, str]:
    if not parts or (len(parts) == 1 and parts[0] in GOOD_CLASSES):
        return {position.name: position.expected for position in bill.positions}
    state, where = parts[0], parts[1:]
    if not re.fullmatch(STATE_NAME, state):
        raise TeachError(
            f"{path}: {state!r} cannot be a state; use lower case letters, digits and _, as in "
            "absent or long_screw"
        )
    if state in GOOD_CLASSES or len(where) > 1:
        raise TeachError(
            f"{path}: pictures lie in the folder itself, in ok, in STATE or in STATE/POSITION"
        )
    meant = tuple(_meant(where, bill))
    if not meant:
        known = ", ".join(dict.fromkeys((*bill.families, *_names(bill))))
        raise TeachError(f"{path}: there is no position or group {where[0]!r} (there is: {known})")
    return {position.name: state for position in meant}


def _meant(where: Sequence[str], bill: Bill) -> Iterator[Position]:
    for position in bill.positions:
        if not where or where[0] in (position.name, position.family):
            yield position


def _names(bill: Bill) -> tuple[str, ...]:
    return tuple(position.name for position in bill.positions)


def _check_sizes(shown: Sequence[Shown]) -> None:
    sizes = {view.image.shape[1::-1] for view in shown}
    if len(sizes) > 1:
        told = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
        raise TeachError(
            f"the pictures are of several sizes ({told}): take them with one camera, or find the "
            "part first (--locate)"
        )
