"""The pictures a model was made from, in its folder: tested on them, it looks better than it is."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from station.core.errors import TeachError
from station.teach.anomaly.shown import LESSON_FILE, read_lesson

PICTURES_FILE = "made_from.json"


def pictures_of(folder: Path) -> frozenset[str]:
    """The sha256 of every picture the model in a folder is known to be made from.

    It may have learnt from them, its limits may have been chosen on them, or its numbers rounded.

    Raises:
        TeachError: a list is there and cannot be read.
    """
    known: set[str] = set()
    if (folder / LESSON_FILE).is_file():
        known |= {entry.digest for entry in read_lesson(folder).entries}
    if (folder / PICTURES_FILE).is_file():
        known |= _read(folder / PICTURES_FILE)
    return frozenset(known)


def listed(digests: Iterable[str]) -> dict[str, bytes]:
    """The file that lists them, to be kept beside a model: name -> content."""
    content = json.dumps({"sha256": sorted(set(digests))}, indent=1) + "\n"
    return {PICTURES_FILE: content.encode()}


def digests_of(paths: Iterable[Path]) -> frozenset[str]:
    """The sha256 of each file that can be read."""
    found = set()
    for path in paths:
        try:
            found.add(hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError:
            continue  # what cannot be read was not learnt from
    return frozenset(found)


def _read(path: Path) -> set[str]:
    try:
        return {str(digest) for digest in json.loads(path.read_bytes())["sha256"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TeachError(
            f"{path} is no list of pictures ({error}); restore it, or make the model again"
        ) from error
