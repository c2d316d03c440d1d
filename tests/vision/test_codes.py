"""When a reading counts: the agreement of looks, and what speaks against it."""

import numpy as np
import pytest

from station.core.frame import Image
from station.vision.codes.ladder import Candidate, Search, read_codes
from station.vision.codes.reading import Reading, place_of
from station.vision.codes.symbologies import Symbology
from station.vision.codes.upright import upright
from tests.codes import on_label, render

LOOKS = ("plain", "enlarged", "equalized", "sharpened")


def candidate(
    symbology: Symbology, votes: int, *, spare: float | None = None, against: float = 0.0
) -> Candidate:
    corners = np.array(((0, 0), (9, 0), (9, 9), (0, 9)), np.float64)
    reading = Reading(
        text="A", raw=b"A", symbology=symbology, identifier="", corners=corners, is_valid=True,
        unused_error_correction=spare,
    )  # fmt: skip
    return Candidate(
        votes=dict.fromkeys(LOOKS[:votes], reading), against={"framed": against} if against else {}
    )


@pytest.mark.parametrize(
    ("symbology", "spare", "needed"),
    [
        ("data_matrix", 0.5, 1),
        ("qr_code", None, 2),
        ("code128", None, 2),
        ("ean13", None, 3),
        ("itf", None, 3),
        ("pdf417", 0.9, 3),
    ],
)
def test_the_weaker_a_code_is_guarded_the_more_looks_must_agree(
    symbology: Symbology, spare: float | None, needed: int
) -> None:
    assert candidate(symbology, needed, spare=spare).is_sure(1)
    assert needed == 1 or not candidate(symbology, needed - 1, spare=spare).is_sure(1)
    assert not candidate(symbology, needed, spare=spare).is_sure(needed + 1)


def test_without_error_correction_left_nothing_is_proven() -> None:
    for symbology in ("data_matrix", "pdf417"):
        assert not candidate(symbology, 4, spare=0.0).is_sure(1)


def test_a_look_that_reads_something_else_must_be_outvoted() -> None:
    assert not candidate("ean13", 3, against=1.0).is_sure(1)
    assert candidate("ean13", 4, against=1.0).is_sure(1)
    assert not candidate("ean13", 3, against=1 / 3).is_sure(1)


def test_the_work_is_bounded_by_pixels() -> None:
    place = place_of(on_label(np.full((9, 9), 255, np.uint8)), None)
    looks = [
        read_codes([place], Search(symbologies=("ean13",), retry_megapixels=limit)).looks
        for limit in (0.0, 1.0, 100.0)
    ]
    assert looks[0] == 1
    assert looks[0] < looks[1] < looks[2]


def test_the_same_picture_gives_the_same_readings() -> None:
    place = place_of(on_label(render("4006381333931", "ean13", scale=2), blur_px=1.5), None)
    search = Search(symbologies=("ean13", "upc_a"))
    seen = [read_codes([place], search) for _ in range(2)]
    assert [one.text for one in seen[0].sure] == ["4006381333931"]
    assert seen[0].looks == seen[1].looks
    assert np.array_equal(seen[0].sure[0].corners, seen[1].sure[0].corners)


@pytest.mark.parametrize("turn_deg", [15, 40, -60])
def test_low_bars_aslant_are_brought_upright_and_found_where_they_are(turn_deg: float) -> None:
    low: Image = render("LOT-A1", "code128", scale=3)[60:110]
    image = on_label(low, at=((120, 200),), turn_deg=turn_deg, size=(480, 640))
    seen = read_codes([place_of(image, None)], Search(symbologies=("code128",)))
    assert [one.text for one in seen.sure] == ["LOT-A1"]
    middle = np.array((120 + low.shape[1] / 2 - 320, 200 + low.shape[0] / 2 - 240))
    angle = np.radians(turn_deg)
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    expected = turn @ middle + (320, 240)
    assert np.abs(seen.sure[0].corners.mean(axis=0) - expected).max() < 12


def test_upright_bars_and_modules_are_left_alone() -> None:
    for symbology in ("code128", "data_matrix"):
        image = on_label(render("LOT-A1", symbology, scale=3))
        assert upright(place_of(image, None)) is None
