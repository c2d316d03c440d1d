"""The pictures a person gives to teach more: found, told apart, and fit to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from station.core.errors import TeachError
from station.teach.anomaly.goods import as_pictures, named, size_or_fault
from station.teach.anomaly.shown import Role, digest_of
from station.teach.look import Tick, in_parallel
from station.teach.marks import Marked, find_marks
from station.teach.pictures import Picture
from station.vision.images import SUFFIXES, find_pictures


@dataclass(frozen=True, slots=True)
class Given:
    """Good parts, bad ones with marks, and bad ones without; each picture once."""

    good: tuple[Picture, ...]
    marked: tuple[Marked, ...]
    bare: tuple[Path, ...]
    digests: Mapping[str, Role]

    @property
    def roles(self) -> dict[Path, Role]:
        """What each picture is."""
        good: dict[Path, Role] = {picture.path: "good" for picture in self.good}
        marked: dict[Path, Role] = {entry.path: "marked" for entry in self.marked}
        bare: dict[Path, Role] = dict.fromkeys(self.bare, "bad")
        return good | marked | bare

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return list(self.roles)


def read_given(good: Sequence[Path], bad: Sequence[Path], tick: Tick) -> Given:
    """Read every picture once; what was given by hand is never left out in silence.

    Raises:
        TeachError: nothing is given, a path is no picture, a picture is given as good and as bad,
            or cannot be learnt from, or its marks are not sound.
        PictureError: a picture cannot be read.
    """
    for path in (*good, *bad):
        _check(path)
    pictures = as_pictures(_files(good))
    marked, bare = find_marks(bad) if bad else ([], [])
    if not (pictures or marked or bare):
        raise TeachError(
            "there is nothing to learn; give pictures of good parts after --good and pictures of "
            "bad parts after --bad"
        )
    goods = {picture.digest: picture for picture in pictures}
    bads = {digest_of(path): path for path in (*bare, *(entry.path for entry in marked))}
    both = [goods[digest].path for digest in goods.keys() & bads.keys()]
    if both:
        raise TeachError(f"given as good and as bad: {named(both)}; decide which they are")
    _check_readable([*goods.values(), *(Picture(p, "bad", d) for d, p in bads.items())], tick)
    once = set(bads.values())
    with_marks = tuple(entry for entry in marked if entry.path in once)
    roles: dict[str, Role] = dict.fromkeys(goods, "good")
    marks = {entry.path for entry in with_marks}
    roles |= {digest: "marked" if path in marks else "bad" for digest, path in bads.items()}
    without = tuple(path for path in bare if path in once)
    return Given(tuple(goods.values()), with_marks, without, roles)


def _check(path: Path) -> None:
    if path.is_dir():
        if next(find_pictures(path), None) is None:
            raise TeachError(f"{path} holds no pictures")
    elif not path.is_file():
        raise TeachError(f"{path} is not there; give pictures, or folders of them")
    elif path.suffix.lower() not in SUFFIXES:
        raise TeachError(f"{path} is no picture ({', '.join(sorted(SUFFIXES))})")


def _files(given: Sequence[Path]) -> list[Path]:
    every = (find_pictures(path) if path.is_dir() else (path,) for path in given)
    return list(dict.fromkeys(path for paths in every for path in paths))


def _check_readable(pictures: Sequence[Picture], tick: Tick) -> None:
    """Raise for the first picture that is broken, black, white or empty."""
    answers = in_parallel(size_or_fault, pictures, tick)
    faults = [answer for answer in answers if isinstance(answer, str)]
    if faults:
        raise TeachError(
            f"{len(faults)} of the pictures given cannot be learnt from: {faults[0]}; take them "
            "out or take them again"
        )
