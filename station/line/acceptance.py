"""The pictures of an acceptance test: labelled by folder, with masks, none of them twice."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from station.core.errors import ModelOutputError, PictureError, SettingsError
from station.core.frame import Frame
from station.core.recipe import PreparedRecipe
from station.core.result import Result, ResultState
from station.inspection import heat_map
from station.line.batch_pictures import Picture, find_batch
from station.quality.pixels import PixelTally
from station.quality.summary import GOOD
from station.vision.masks import find_mask, mask_folders, read_mask
from station.vision.taught import find_learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """Labelled pictures, as they lay there when the test began."""

    root: Path
    pictures: tuple[Picture, ...]
    masks: Mapping[str, Path]
    """Origin -> mask, of bad pictures that have one."""
    files: Mapping[str, str | None]
    """Origin -> sha256 of the file; None where it cannot be read."""
    digest: str
    """sha256 over every origin, truth, file and mask; 64 hex digits."""
    unlabelled: tuple[str, ...]
    """Pictures whose folder says nothing; they are left out."""
    copies: int
    """Pictures that are byte for byte another one of their class."""

    @property
    def bad(self) -> int:
        """How many pictures show bad parts."""
        return sum(picture.truth != GOOD for picture in self.pictures)


def find_labelled(
    root: Path, *, codes: Collection[str], masks: Path | None = None, out: Path | None = None
) -> LabelledSet:
    """The labelled pictures below `root`, their masks, and a digest of it all.

    Args:
        root: holds `good` or `ok`, and one folder for each reason (or not_ok/<reason>).
        codes: the recipe's reason codes.
        masks: where masks are looked for; else in ground_truth inside `root` and beside it.
        out: where results will be written; pictures there are none of the test's.

    Raises:
        SettingsError: no folder, no good or no bad pictures, one file in two classes, or no mask
            where masks were said to be.
        PictureError: a mask cannot be read at all.
    """
    if not root.is_dir():
        raise SettingsError(f"{root} is no folder; give one with good/ and a folder a reason")
    whole, found = find_batch([root], codes=codes, out=out)
    if masks is not None:
        found = [picture for picture in found if masks.absolute() not in picture.path.parents]
    pictures = tuple(picture for picture in found if picture.truth is not None)
    _check_both_kinds(root, pictures)
    digests = {picture.origin: _sha256_if_readable(picture.path) for picture in pictures}
    copies = _check_classes(pictures, digests)
    marked = _find_masks(whole, pictures, masks)
    return LabelledSet(
        root=whole,
        pictures=pictures,
        masks=marked,
        files=digests,
        digest=_digest_of(pictures, digests, marked),
        unlabelled=tuple(picture.origin for picture in found if picture.truth is None),
        copies=copies,
    )


class PixelLook:
    """Counts the score map of every picture of a test as it is inspected, beside its mask."""

    def __init__(self, prepared: PreparedRecipe, masks: Mapping[str, Path]) -> None:
        self.tally = PixelTally()
        self.left_out: list[str] = []
        """Pictures no figures over pixels can use: bad without a mask, or no map came of them."""
        self.empty_masks: list[str] = []
        """Bad pictures whose mask marks nothing; they are left out too."""
        self._prepared = prepared
        self._masks = masks

    @property
    def has_maps(self) -> bool:
        """True where a tool gives score maps."""
        return any(check.score_map for check in self._prepared.checks.values())

    @property
    def is_possible(self) -> bool:
        """True where there are masks, and a tool gives score maps."""
        return self.has_maps and bool(self._masks)

    def __call__(self, frame: Frame, picture: Picture, result: Result) -> None:
        """Count one picture; where several tools give maps, the highest score of each pixel."""
        mask_path = self._masks.get(picture.origin)
        mask = read_mask(mask_path, *frame.image.shape[:2]) if mask_path else None
        if mask is not None and not mask.any():
            self.empty_masks.append(picture.origin)
            mask = None
        usable = mask is not None or picture.truth == GOOD
        if not usable or result.result_state is not ResultState.COMPLETED:
            self.left_out.append(picture.origin)
            return
        try:
            heat = heat_map(frame, self._prepared)
            if heat is not None:
                self.tally.add(heat, mask)
        except Exception as error:  # the border: a tool's map must not end in a traceback
            raise ModelOutputError(
                f"{picture.origin}: the score map cannot be used: {error}"
            ) from error


def learnt_pictures(
    labelled: LabelledSet, models: Iterable[str], model_dirs: tuple[Path, ...]
) -> tuple[str, ...]:
    """The pictures a model of the recipe was made from, where its folder keeps a list of them.

    Raises:
        ModelError: there is no such model.
        TeachError: its list cannot be read.
    """
    from station.teach.made_from import pictures_of  # slow to import

    folders = [find_learnt(reference, model_dirs) for reference in models]
    shown = {digest for folder in folders for digest in pictures_of(folder)}
    return tuple(origin for origin, digest in labelled.files.items() if digest in shown)


def check_unchanged(labelled: LabelledSet) -> None:
    """Make sure that what was inspected is what the digest names.

    Raises:
        SettingsError: a file was written or removed meanwhile.
    """
    for picture in labelled.pictures:
        try:
            stat = picture.path.stat()
        except OSError as error:
            raise _changed(picture) from error
        if (stat.st_size, stat.st_mtime_ns) != (picture.size_bytes, picture.mtime_ns):
            raise _changed(picture)


def _check_both_kinds(root: Path, pictures: Sequence[Picture]) -> None:
    good = sum(picture.truth == GOOD for picture in pictures)
    for kind, count, folder in (
        ("good", good, "good (or ok)"),
        ("bad", len(pictures) - good, "a folder named after the defect"),
    ):
        if not count:
            raise SettingsError(
                f"{root} has no pictures of {kind} parts, and without them nothing can be "
                f"promised; put them into {folder} inside it"
            )


def _check_classes(pictures: Sequence[Picture], digests: Mapping[str, str | None]) -> int:
    """How many are copies within a class; a file that lies in two proves neither."""
    same = defaultdict(list)
    for picture in pictures:
        same[digests[picture.origin] or picture.origin].append(picture)
    for twins in same.values():
        other = next((twin for twin in twins if twin.truth != twins[0].truth), None)
        if other:
            raise SettingsError(
                f"{twins[0].origin} and {other.origin} are the same file in two classes; decide "
                "which one it belongs to and remove the other"
            )
    return len(pictures) - len(same)


def _find_masks(root: Path, pictures: Sequence[Picture], masks: Path | None) -> Mapping[str, Path]:
    if masks is not None and not masks.is_dir():
        raise SettingsError(f"--masks {masks} is no folder; give one with <reason>/<picture>.png")
    folders = mask_folders(root) if masks is None else [masks]
    found = {
        picture.origin: mask
        for picture in pictures
        if picture.truth != GOOD and (mask := find_mask(picture.path, root, folders))
    }
    if masks is not None and not found:
        raise SettingsError(
            f"--masks {masks} holds no mask of any bad picture; it is looked for as "
            "<reason>/<picture>.png or <reason>/<picture>_mask.png"
        )
    return found


def _digest_of(
    pictures: Sequence[Picture], digests: Mapping[str, str | None], masks: Mapping[str, Path]
) -> str:
    whole = hashlib.sha256()
    for picture in sorted(pictures, key=lambda picture: picture.origin):
        mask = masks.get(picture.origin)
        line = (picture.origin, picture.truth, digests[picture.origin], mask and _sha256(mask))
        whole.update(repr(line).encode())
    return whole.hexdigest()


def _sha256_if_readable(path: Path) -> str | None:
    try:
        return _sha256(path)
    except PictureError:  # it gets a result of its own, which says so
        return None


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}") from error


def _changed(picture: Picture) -> SettingsError:
    return SettingsError(
        f"{picture.origin} was changed while it was being tested; leave the pictures alone and "
        "start again"
    )
