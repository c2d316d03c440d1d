"""`station teach compare` and `station teach colour`, as typed, and what a recipe makes of them."""

from pathlib import Path

import cv2

from tests.boards import board, painted
from tests.cli.conftest import RunStation

DRAFT = """
[[tools]]
kind = "compare"
name = "print"
taught = "lid"

[[tools]]
kind = "colour"
name = "ink"
taught = "ink"

[[tools]]
kind = "blob"
name = "pads"
count_at_least = 1
count_at_most = 9
"""


def test_taught_on_good_boards_and_run(station: RunStation, station_home: Path) -> None:
    goods = station_home / "goods"
    goods.mkdir()
    for number in range(3):
        cv2.imwrite(str(goods / f"{number}.png"), board(seed=number, colour=True))
    taught = station("teach", "compare", goods, "--name", "lid", "--json")
    assert taught.code == 0, taught.err
    assert "would not have passed: 0 of 3" in taught.out
    assert taught.last["size_px"] == [240, 180]
    region = ("--region", "175,26,34,38")
    taught = station("teach", "colour", goods, "--name", "ink", *region, "--json")
    assert taught.code == 0, taught.err
    assert taught.last["share_least"] > 0.8
    (station_home / "lid.toml").write_text(DRAFT)
    made = station("recipe", "new", "--from", station_home / "lid.toml")
    assert made.code == 0, made.err
    parts = station_home / "parts"
    parts.mkdir()
    cv2.imwrite(str(parts / "good.png"), board(seed=7, colour=True, shift=(2, 1)))
    cut = painted(board(seed=8, colour=True), (80, 25, 9, 20), 200)
    cv2.imwrite(str(parts / "cut.png"), cut)
    station("inspect", parts, "--recipe", "lid", "--out", station_home / "out")
    rows = (station_home / "out" / "results.jsonl").read_text().splitlines()
    told = {row.split('"origin":"')[1].split('"')[0].rsplit("/", 1)[-1]: row for row in rows}
    assert '"passed":true' in told["good.png"]
    assert '"reason_code":"material_missing"' in told["cut.png"]


def test_what_is_no_region_is_told(station: RunStation, station_home: Path) -> None:
    cv2.imwrite(str(station_home / "a.png"), board())
    for kind in ("compare", "colour"):
        ended = station("teach", kind, station_home / "a.png", "--name", "x", "--region", "1,2")
        assert ended.code == 2
        assert "is no rectangle" in ended.err
