"""What one benchmark of a tool gives: lines to read and numbers to compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figures:
    """Lines for people, each with the figure, what was asked, and on how many; numbers for JSON."""

    lines: tuple[str, ...]
    numbers: Mapping[str, float]


class NoPicturesError(Exception):
    """The real photographs a benchmark needs are not here."""


def folder_of(data: Path, name: str) -> Path:
    """The folder of one set.

    Raises:
        NoPicturesError: it is not there.
    """
    folder = data / name
    if not folder.is_dir():
        raise NoPicturesError(f"no folder {folder}; give its parent with --data")
    return folder
