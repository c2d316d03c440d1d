"""The demo board: same seed, same bytes; its pose and its faults are what the truth says."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import zxingcpp

from station.core.errors import SettingsError
from station.core.pose import Pose
from station.sources.synthetic import Synthetic, nominal_size, render
from station.sources.synthetic.board import REASON_CODES, render_board, upright_pose
from station.sources.synthetic.board_bill import bill
from station.sources.synthetic.board_plan import CODE, FREE, HEIGHT_PX, POSITIONS, TEXT, WIDTH_PX
from station.vision.positions import read_bill

DIGESTS = {None: "60dd239c6de6fba1", "missing_component": "8d38ec3d69b35517"}
"""A change of the renderer changes the sample pictures, and must be made on purpose."""


@pytest.mark.parametrize("defect", DIGESTS)
def test_the_same_seed_gives_the_same_bytes(defect: str | None) -> None:
    image = render("board", seed=7, defect=defect).image
    assert image.shape == (1024, 1280, 3)
    assert not image.flags.writeable
    assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == DIGESTS[defect]


def test_the_board_lies_where_its_pose_says() -> None:
    board = render_board(seed=5)
    middle = np.array([(at.x, at.y) for at in POSITIONS if at.name in ("U1", "U4", "C6")])
    upright = render_board(seed=5, pose=upright_pose())
    for point in middle:
        x, y = board.truth.pose.to_image(point).round().astype(int).tolist()
        u, v = upright_pose().to_image(point).round().astype(int).tolist()
        here, there = board.image[y - 6 : y + 6, x - 6 : x + 6], upright.image[v - 6 : v + 6]
        assert abs(here.mean() - there[:, u - 6 : u + 6].mean()) < 14
    for x, y in ((0, 0), (WIDTH_PX, HEIGHT_PX)):
        corner = board.truth.pose.to_image(np.array((x, y)))
        assert (corner > 10).all()
        assert (corner < (1270, 1014)).all()


@pytest.mark.parametrize("code", REASON_CODES)
def test_a_fault_is_seen_in_its_region_and_nowhere_else(code: str) -> None:
    for seed in (40, 41):
        good, bad = render_board(seed=seed), render_board(seed=seed, defect=code)
        assert good.region is None
        assert bad.region is not None
        assert bad.truth.pose == good.truth.pose
        x, y, width, height = bad.region
        change = np.abs(bad.image.astype(int) - good.image).max(axis=2)
        inside = change[y : y + height, x : x + width]
        assert (inside >= 30).sum() >= 40
        # shadows and the lens reach a little beyond the component
        change[max(0, y - 14) : y + height + 18, max(0, x - 14) : x + width + 18] = 0
        assert change.max() <= 12


@pytest.mark.parametrize(
    "position", [*(at.name for at in POSITIONS), *(at.name for at in FREE)], ids=str
)
def test_every_position_can_be_at_fault(position: str) -> None:
    code = "extra_component" if position.startswith("X") else "missing_component"
    bad = render_board(seed=3, defect=code, position=position, pose=upright_pose())
    good = render_board(seed=3, pose=upright_pose())
    assert bad.truth.position == position
    change = np.abs(bad.image.astype(int) - good.image).max(axis=2)
    assert (change >= 30).sum() >= 200
    with pytest.raises(SettingsError, match="choose one of"):
        render_board(seed=3, defect=code, position="U9")


def test_what_is_coded_and_printed_is_the_truth() -> None:
    board = render_board(seed=11)
    (code,) = zxingcpp.read_barcodes(board.image)
    truth = board.truth
    assert code.text == truth.coded == f"(01)04012345678901(10){truth.lot}(21){truth.serial}"
    assert truth.printed == f"LOT {truth.lot} SN {truth.serial}"
    wrong = render_board(seed=11, defect="wrong_text").truth
    assert wrong.printed != truth.printed
    assert wrong.coded == truth.coded
    other = render_board(seed=11, defect="wrong_code").truth
    assert (other.printed, other.coded == truth.coded) == (truth.printed, False)


def test_the_bill_holds_every_position_within_the_board(tmp_path: Path) -> None:
    path = tmp_path / "positions.toml"
    path.write_text(bill())
    read = read_bill(path).positions
    assert len(read) == len(POSITIONS) + len(FREE) == 27
    assert {one.name for one in read if one.expected == "absent"} == {"x1", "x2", "x3"}
    areas = [one.region for one in read]
    for area in (*areas, TEXT, CODE):
        assert all(0 <= x <= WIDTH_PX and 0 <= y <= HEIGHT_PX for x, y in area.corners)


def test_a_line_of_boards_has_the_size_the_recipe_was_taught() -> None:
    feed = Synthetic(product="board", rate_per_s=0, parts=1).open()
    frame = feed.grab(1.0)
    assert frame is not None
    assert frame.image.shape == (1024, 1280, 3)
    assert nominal_size("ring") == (640, 480)
    small = render("board", seed=2, defect="wrong_code", size=(640, 512))
    assert small.image.shape == (512, 640, 3)
    assert isinstance(render_board(seed=2).truth.pose, Pose)
    with pytest.raises(SettingsError, match="missing_component"):
        render("board", seed=2, defect="scratch")
