"""`station model` knows what tools were taught beside the nets."""

from pathlib import Path

import numpy as np

from station.teach.keep import keep_taught
from station.vision.taught import ARRAYS_FILE
from tests.cli.conftest import RunStation


def test_list_show_and_check(station: RunStation, station_home: Path) -> None:
    arrays = {"mean": np.zeros((2, 3), np.float32)}
    card, folder = keep_taught([station_home / "models"], "lid", "compare", arrays)
    assert "lid/1" in station("model", "list").out
    said = station("model", "show", "lid").out
    assert card.hash in said
    assert "compare" in said
    checked = station("model", "check", "lid/1")
    assert (checked.code, "mean [2, 3] float32" in checked.out) == (0, True)
    (folder / ARRAYS_FILE).write_bytes(b"PK")
    broken = station("model", "check", "lid/1")
    assert broken.code == 2
    assert "not the file its card was written for" in " ".join((broken.out + broken.err).split())
