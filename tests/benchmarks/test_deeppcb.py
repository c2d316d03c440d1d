"""The rule by which found and marked places are matched, and a few real boards."""

import shutil
from pathlib import Path

import pytest

from tests.benchmarks.tools.deeppcb import Box, Counts, count, measure

PAIRS = Path(__file__).parents[3] / "shared" / "data" / "deeppcb" / "pairs"
A: Box = (0, 0, 30, 30)


@pytest.mark.parametrize(
    ("found", "marked", "wanted"),
    [
        ([A], [A], Counts(1, 0, 0)),
        ([A, A], [A], Counts(1, 1, 0)),
        ([A], [A, A], Counts(1, 0, 1)),
        ([(0, 0, 30, 10)], [A], Counts(1, 0, 0)),
        ([(0, 0, 30, 9)], [A], Counts(0, 1, 1)),
        ([(10, 0, 40, 30), (1, 0, 31, 30)], [A], Counts(1, 1, 0)),
        ([], [], Counts(0, 0, 0)),
    ],
)
def test_each_is_matched_once(found: list[Box], marked: list[Box], wanted: Counts) -> None:
    assert count(found, marked) == wanted


def test_defects_of_real_boards_are_found(tmp_path: Path) -> None:
    if not PAIRS.is_dir():
        pytest.skip(f"no real boards in {PAIRS}")
    folder = tmp_path / "deeppcb" / "pairs"
    folder.mkdir(parents=True)
    for truth in sorted(PAIRS.glob("*.txt"))[::25]:
        for picture in PAIRS.glob(f"{truth.stem}*"):
            shutil.copy(picture, folder)
    assert measure(tmp_path).numbers["f"] >= 0.9
