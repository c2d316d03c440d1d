"""Old results and pictures go, by age and by bytes, oldest first."""

import os
import time
from pathlib import Path

from station.journal.pictures import KeepPolicy
from station.journal.records import Journal
from station.journal.retention import SECONDS_PER_DAY, apply_retention

NOW_S = time.time()


def picture(folder: Path, name: str, *, age_days: float, size: int = 1000) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    stamp = NOW_S - age_days * SECONDS_PER_DAY
    os.utime(path, (stamp, stamp))
    return path


def test_age_and_bytes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    ancient = picture(tmp_path / "p", "2020-01-01/a.jpg", age_days=40)
    older = picture(tmp_path / "p", "2020-02-01/b.jpg", age_days=3)
    newer = picture(tmp_path / "p", "2020-02-01/c.jpg", age_days=2)
    newest = picture(tmp_path / "p", "2020-02-02/d.jpg", age_days=1)
    policy = KeepPolicy(max_age_days=30, max_picture_bytes=2500)
    assert apply_retention(journal, tmp_path / "p", policy, now_s=NOW_S) == 2
    assert [path.exists() for path in (ancient, older, newer, newest)] == [False, False, True, True]
    assert not ancient.parent.exists()
    journal.close()
