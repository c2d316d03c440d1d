"""How long results and pictures are kept: by age and by bytes, oldest first."""

import time
from contextlib import suppress
from pathlib import Path

from station.journal.pictures import KeepPolicy
from station.journal.records import Journal

SECONDS_PER_DAY = 86_400


def apply_retention(
    journal: Journal, pictures: Path, policy: KeepPolicy, *, now_s: float | None = None
) -> int:
    """Delete what is too old or too much; returns how many pictures went.

    Raises:
        JournalError: the journal cannot be written.
    """
    now = time.time() if now_s is None else now_s
    oldest_s = now - policy.max_age_days * SECONDS_PER_DAY
    journal.forget_before(oldest_s)
    files = sorted(
        ((path.stat().st_mtime, path.stat().st_size, path) for path in pictures.glob("*/*.jpg")),
        key=lambda entry: entry[0],
    )
    total, gone = sum(size for _, size, _ in files), 0
    for mtime_s, size, path in files:
        if mtime_s >= oldest_s and total <= policy.max_picture_bytes:
            break
        path.unlink(missing_ok=True)
        total -= size
        gone += 1
    for folder in pictures.glob("*"):
        with suppress(OSError):  # not empty: it stays
            folder.rmdir()
    return gone
