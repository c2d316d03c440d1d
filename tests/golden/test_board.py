"""The bundled boards: every verdict is the true one, and the fault is found at its position."""

import json
from functools import lru_cache

import numpy as np
import pytest

from station.core.recipe import PreparedRecipe, prepare, read_recipe
from station.core.region import Polygon, Rectangle
from station.core.result import Evaluation, Finding, Result
from station.sources.synthetic.board import render_board
from station.sources.synthetic.samples import TRUTH_FILE
from station.sources.synthetic.seeds import ACCEPTANCE
from station.vision.images import read_image
from tests.golden.acceptance import ROOT, SITE, judge

FOLDER = ROOT / "sample_images" / "board"
TRUTH = json.loads((FOLDER / TRUTH_FILE).read_bytes())
ALSO = {"shifted_component": {"missing_component", "wrong_component", "reversed_component"}}
"""A component far off its place or turned may look like none, or like another."""


@lru_cache(maxsize=1)
def board() -> PreparedRecipe:
    return prepare(read_recipe(FOLDER / "recipe.json"), SITE)


def inspected(file: str) -> Result:
    return judge(read_image(FOLDER / file), board(), file)


def about(finding: Finding) -> tuple[float, float]:
    """The middle of a finding's region."""
    region = finding.region
    if isinstance(region, Polygon):
        xs, ys = zip(*region.points, strict=True)
        return sum(xs) / len(xs), sum(ys) / len(ys)
    assert isinstance(region, Rectangle)
    return region.x + region.width / 2, region.y + region.height / 2


@pytest.mark.parametrize("file", TRUTH)
def test_a_bundled_board_gets_its_true_verdict(file: str) -> None:
    truth, result = TRUTH[file], inspected(file)
    if truth["truth"] == "ok":
        assert result.passed, result.reason_text
        return
    assert result.evaluation is Evaluation.NOT_OK
    assert result.reason_code in {truth["truth"], *ALSO.get(truth["truth"], ())}
    worst = max(
        (one for one in result.findings if one.reason_code == result.reason_code),
        key=lambda one: one.score or 0.0,
    )
    x, y, width, height = truth["region"]
    across, down = about(worst)
    assert x - 10 <= across <= x + width + 10
    assert y - 10 <= down <= y + height + 10
    if truth["position"]:
        assert worst.text == truth["position"].lower()


def test_a_board_is_found_where_it_lies() -> None:
    truth = TRUTH["ok/board_00.jpg"]
    located = next(one for one in inspected("ok/board_00.jpg").findings if one.tool == "board")
    for name, within in (("angle_deg", 0.05), ("scale", 0.001)):
        assert located.measured[name] == pytest.approx(truth["pose"][name], abs=within)


def test_half_a_picture_of_a_board_is_no_picture() -> None:
    image = np.array(render_board(seed=ACCEPTANCE).image)
    assert judge(image.copy(), board()).passed
    image[600:] = 0
    result = judge(image, board())
    assert (result.passed, result.reason_code) == (False, "incomplete_frame")
    result = judge(image[:, :1000].copy(), board())
    assert (result.passed, result.reason_code) == (False, "unhealthy_image")
