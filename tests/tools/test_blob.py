"""Blobs: counted, measured, judged; none are made up."""

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.errors import OutsideImageError, SettingsError
from station.core.frame import Frame, Image
from station.core.plugin import Site, Tool, parse
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding

OK, NOT_OK, NOT_DECIDABLE = Evaluation.OK, Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE
EMPTY = {"count_at_least": 0, "count_at_most": 0}
TWO = {"count_at_least": 2, "count_at_most": 2}


def look(image: Image, **settings: object) -> list[Finding]:
    entry = {"kind": "blob", "name": "holes", **settings}
    check = parse(Tool, entry).prepare(Site(model_dirs=(Path("none"),)))
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    return list(check.run(frame))


def sheet(level: int = 150, *, noise: float = 5.0) -> Image:
    grain = np.random.default_rng(1).normal(level, noise, (120, 160))
    return np.clip(np.round(grain), 0, 255).astype(np.uint8)


def holes(*places: tuple[int, int, int], level: int = 40) -> Image:
    """Discs (x, y, radius) on a sheet."""
    image = sheet()
    for x, y, radius in places:
        cv2.circle(image, (x, y), radius, level, -1)
    return image


PAIR = holes((40, 40, 10), (110, 70, 10))


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": "fixed", "level": 100},
        {"threshold": "otsu"},
        {"threshold": "adaptive", "window_px": 61, "offset_levels": 30},
        {"threshold": "range", "low": 20, "high": 60},
    ],
    ids=lambda settings: settings["threshold"],
)
@pytest.mark.parametrize("polarity", ["dark", "bright"])
def test_every_threshold_finds_both_holes(settings: dict[str, object], polarity: str) -> None:
    image = PAIR if polarity == "dark" else 255 - PAIR
    if settings["threshold"] == "range" and polarity == "bright":
        settings = {**settings, "low": 195, "high": 235}
    if settings["threshold"] == "fixed" and polarity == "bright":
        settings = {**settings, "level": 155}
    (finding,) = look(image, **settings, **TWO, polarity=polarity, area_at_least_px=300,
                      area_at_most_px=350, circularity_at_least=0.9)  # fmt: skip
    assert finding.evaluation is OK
    assert finding.measured["count"] == 2


@pytest.mark.parametrize(("places", "score"), [([(40, 40, 10)], 0.5), ([], 1.0)])
def test_too_few(places: list[tuple[int, int, int]], score: float) -> None:
    (finding,) = look(holes(*places), **TWO)
    assert (finding.evaluation, finding.reason_code) == (NOT_OK, "blob_count")
    assert finding.score == score


def test_too_many() -> None:
    (finding,) = look(holes((40, 40, 10), (110, 70, 10), (80, 20, 6)), **TWO)
    assert (finding.evaluation, finding.reason_code, finding.score) == (NOT_OK, "blob_count", 0.5)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"area_at_least_px": 330}, "blob_size"),
        ({"area_at_most_px": 200}, "blob_size"),
        ({"aspect_at_most": 1.5}, "blob_shape"),
        ({"circularity_at_least": 0.7}, "blob_shape"),
        ({"within": {"x": 0, "y": 0, "width": 80, "height": 120}}, "blob_place"),
    ],
)
def test_the_blob_that_breaks_a_limit_is_shown(limits: dict[str, object], reason: str) -> None:
    image = holes((40, 40, 8))
    cv2.rectangle(image, (96, 66), (125, 75), 40, -1)
    counted, *faults = look(image, **TWO, **limits)
    assert counted.evaluation is OK
    broken = faults[-1]
    assert (broken.evaluation, broken.reason_code) == (NOT_OK, reason)
    box = broken.region
    assert isinstance(box, Rectangle)
    if reason != "blob_size" or "area_at_most_px" in limits:
        assert (box.x, box.y, box.width, box.height) == (96, 66, 30, 10)
        assert broken.measured["area_px"] == 300
        assert broken.measured["x_px"] == 111


def test_a_limit_is_kept_up_to_itself_and_a_band_goes_to_a_person() -> None:
    image = sheet()
    cv2.rectangle(image, (50, 50), (69, 69), 40, -1)
    one = {"count_at_least": 1, "count_at_most": 1}
    assert len(look(image, **one, area_at_most_px=400, area_at_least_px=400)) == 1
    _, fault = look(image, **one, area_at_most_px=380)
    assert fault.evaluation is NOT_OK
    _, fault = look(image, **one, area_at_most_px=380, review_share=0.1)
    assert fault.evaluation is NOT_DECIDABLE
    assert fault.score == pytest.approx(20 / 380)


@pytest.mark.parametrize("noise", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("level", [0, 12, 150, 255])
@pytest.mark.parametrize("polarity", ["dark", "bright"])
def test_otsu_makes_no_blobs_up_where_there_is_nothing(
    noise: float, level: int, polarity: str
) -> None:
    counted, *unseen = look(
        sheet(level, noise=noise), **EMPTY, polarity=polarity, contrast_levels=30
    )
    assert (counted.evaluation, counted.measured["count"]) == (OK, 0)
    is_blind = level == 0 or (level < 30 if polarity == "dark" else level > 225)
    assert {one.reason_code for one in unseen} == ({"ground_unfit"} if is_blind else set())


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": "otsu"},
        {"threshold": "otsu", "polarity": "bright"},
        {"threshold": "fixed", "level": 100, "polarity": "bright"},
        {"threshold": "adaptive"},
        {"threshold": "adaptive", "polarity": "bright"},
        {"threshold": "range", "low": 100, "high": 200},
    ],
)
def test_no_blobs_in_a_black_picture_prove_nothing(settings: dict[str, object]) -> None:
    counted, unseen = look(np.zeros((60, 80), np.uint8), **EMPTY, **settings)
    assert (unseen.evaluation, unseen.reason_code) == (NOT_DECIDABLE, "ground_unfit")
    assert unseen.measured["ground_level"] == 0
    assert counted.measured["count"] == 0


def test_the_ground_must_be_as_bright_as_asked_for() -> None:
    assert len(look(PAIR, **TWO, ground_at_least=120, ground_at_most=200)) == 1
    for limits in ({"ground_at_least": 160}, {"ground_at_most": 140}):
        _, unseen = look(PAIR, **TWO, **limits)
        assert (unseen.evaluation, unseen.reason_code) == (NOT_DECIDABLE, "ground_unfit")


def test_otsu_finds_a_blob_too_small_to_be_a_group() -> None:
    (finding,) = look(holes((80, 60, 1)), **EMPTY, contrast_levels=30)
    assert (finding.evaluation, finding.measured["count"]) == (NOT_OK, 1)


def test_opening_and_closing() -> None:
    image = holes((40, 40, 10))
    image[40, 10:150] = 40  # a scratch
    assert look(image, **EMPTY)[0].measured["total_area_px"] > 400
    assert look(image, **EMPTY, opening_px=5)[0].measured["total_area_px"] < 340
    image = holes((40, 40, 10))
    image[:, 40] = 150  # parted in two
    assert look(image, **EMPTY)[0].measured["count"] == 2
    assert look(image, **EMPTY, closing_px=5)[0].measured["count"] == 1


def test_only_the_region_counts_and_boxes_lie_in_the_image() -> None:
    area = {"points": [(80, 40), (159, 30), (159, 119), (85, 110)]}
    counted, fault = look(PAIR, region=area, count_at_least=1, count_at_most=1, area_at_most_px=100)
    assert counted.evaluation is OK
    box = fault.region
    assert isinstance(box, Rectangle)
    assert (box.x, box.y, box.width) == (100, 60, 21)
    (finding,) = look(sheet(), region=area, **EMPTY)
    assert finding.evaluation is OK


def test_one_colour_of_a_colour_image() -> None:
    image = cv2.cvtColor(sheet(noise=0), cv2.COLOR_GRAY2BGR)
    image[50:60, 50:60] = (150, 150, 20)
    one = {"count_at_least": 1, "count_at_most": 1, "threshold": "fixed", "level": 100}
    assert look(np.asarray(image, np.uint8), **one, channel="red")[0].evaluation is OK
    assert look(np.asarray(image, np.uint8), **one, channel="blue")[0].evaluation is NOT_OK
    with pytest.raises(OutsideImageError, match="the red of a grey image"):
        look(sheet(), **one, channel="red")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"count_at_least": 3, "count_at_most": 2},
        {**TWO, "area_at_least_px": 9, "area_at_most_px": 8},
        {**TWO, "low": 9, "high": 8},
        {**TWO, "area_at_most_px": float("nan")},
        {**TWO, "ground_at_least": 9, "ground_at_most": 8},
        {**TWO, "threshold": "fixed", "level": 0},
        {**TWO, "threshold": "fixed", "level": 255, "polarity": "bright"},
    ],
)
def test_limits_that_mean_nothing_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        look(sheet(), **settings)


def test_more_blobs_than_can_be_told_never_pass() -> None:
    image = np.full((200, 200), 150, np.uint8)
    image[::4, ::4] = 0
    findings = look(
        image, count_at_least=0, count_at_most=512, minimum_area_px=1, threshold="fixed"
    )
    assert findings[0].measured["count"] == 2500
    assert findings[0].evaluation is NOT_OK
