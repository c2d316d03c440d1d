"""Colours against taught ones: mean, mix and area; grey is refused."""

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.errors import ModelError, PictureError, SettingsError, TeachError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool, parse
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding
from station.teach.colour import ColourLesson, TaughtColour, teach_colour
from station.teach.keep import keep_taught

OK, NOT_OK, NOT_DECIDABLE = Evaluation.OK, Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE
Triple = tuple[int, int, int]
BODY, CAP = (150, 160, 165), (40, 40, 170)


def cap(colour: Triple = CAP, edge: int = 60, *, seed: int = 0, body: Triple = BODY) -> Image:
    """A square of one colour on another, with noise (BGR)."""
    image = np.full((120, 160, 3), body, np.float64)
    image[30 : 30 + edge, 40 : 40 + edge] = colour
    image += np.random.default_rng(seed).normal(0, 2, image.shape)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def teach(folder: Path, *goods: Image, **lesson: object) -> TaughtColour:
    paths = []
    for number, good in enumerate(goods):
        paths.append(folder / f"good{number}.png")
        cv2.imwrite(str(paths[-1]), good)
    told = {"pictures": tuple(paths), "name": "red", **lesson}
    return teach_colour(ColourLesson(**told), (folder / "models",))  # type: ignore[arg-type]


def opened(folder: Path, **settings: object) -> Check:
    entry = {"kind": "colour", "name": "cap", "taught": "red", **settings}
    return parse(Tool, entry).prepare(Site(model_dirs=(folder / "models",)))


def look(check: Check, image: Image) -> list[Finding]:
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    return list(check.run(frame))


def reasons(findings: list[Finding]) -> list[str | None]:
    return [finding.reason_code for finding in findings if finding.evaluation is not OK]


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    folder = tmp_path_factory.mktemp("cap")
    patch = Rectangle(x=50, y=40, width=40, height=40)
    teach(folder, *(cap(seed=n) for n in range(3)), patch=patch)
    return opened(folder)


def test_a_good_part_passes_with_three_findings(check: Check) -> None:
    findings = look(check, cap(seed=9))
    assert [finding.evaluation for finding in findings] == [OK, OK, OK]
    assert findings[0].score is not None
    assert findings[0].score < 0.5
    assert findings[2].measured["share"] == pytest.approx(3600 / 19200, abs=0.002)


def test_a_drifting_lamp_is_tolerated(check: Check) -> None:
    image = np.clip(np.round(cap(seed=9) * 1.02), 0, 255).astype(np.uint8)
    assert reasons(look(check, image)) == []


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (cap((170, 40, 40)), "wrong_colour_area"),
        (cap((40, 90, 170)), "wrong_colour_area"),
        (cap(edge=50), "wrong_colour_area"),
        (cap(edge=70), "wrong_colour_area"),
        (cap(body=(120, 160, 165)), "wrong_colour"),
        (cap(body=(135, 145, 150)), "wrong_colour"),
        (cap(body=(165, 165, 165), colour=(40, 40, 170)), "wrong_colour"),
    ],
    ids=["blue", "orange", "small", "large", "yellowish", "darker", "no tint"],
)
def test_another_colour_or_area_is_found(check: Check, image: Image, reason: str) -> None:
    findings = look(check, image)
    assert reason in reasons(findings)
    assert NOT_OK in {finding.evaluation for finding in findings}


def test_the_same_mean_of_other_colours_is_another_mix(tmp_path: Path) -> None:
    teach(tmp_path, np.full((64, 64, 3), (90, 120, 150), np.uint8))
    stripes = np.full((64, 64, 3), (70, 100, 130), np.uint8)
    stripes[:, ::2] = (110, 140, 170)
    findings = look(opened(tmp_path, delta_e_at_most=3), stripes)
    assert findings[0].evaluation is OK
    assert (findings[1].evaluation, findings[1].reason_code) == (NOT_OK, "wrong_colour_mix")


@pytest.mark.parametrize("level", [0, 255])
def test_dark_and_white_pictures_never_pass(check: Check, level: int) -> None:
    findings = look(check, np.full((120, 160, 3), level, np.uint8))
    assert [finding.evaluation for finding in findings] == [NOT_OK] * 3


def test_grey_is_refused(check: Check, tmp_path: Path) -> None:
    grey = np.full((120, 160), 90, np.uint8)
    with pytest.raises(PictureError, match="the picture is grey"):
        look(check, grey)
    with pytest.raises(TeachError, match=r"good0\.png: the picture is grey"):
        teach(tmp_path, grey)


def test_limits_come_from_the_good_parts_or_the_recipe(tmp_path: Path) -> None:
    goods = [cap(body=(150 + 8 * n, 160 + 8 * n, 165 + 8 * n), seed=n) for n in range(3)]
    taught = teach(tmp_path, *goods)
    alike = teach(tmp_path, *(cap(seed=n) for n in range(3)))
    assert taught.limits.delta_e_at_most > 2 * alike.limits.delta_e_at_most
    image = cap(body=(152, 163, 168), seed=7)
    score = look(opened(tmp_path), image)[0].score
    assert score is not None
    for limit, wanted in ((score, OK), (score * 0.9, NOT_DECIDABLE), (score * 0.8, NOT_OK)):
        assert look(opened(tmp_path, delta_e_at_most=limit), image)[0].evaluation is wanted
    with pytest.raises(SettingsError, match="must not be above"):
        opened(tmp_path, share_at_least=0.9, share_at_most=0.1)


def test_only_the_region_counts(tmp_path: Path) -> None:
    region = Rectangle(x=45, y=35, width=40, height=40)
    taught = teach(tmp_path, cap(), region=region)
    check = opened(tmp_path)
    assert check.regions == (region,)
    assert taught.shares[0] > 0.98
    findings = look(check, cap(body=(20, 20, 20)))
    assert reasons(findings) == []
    assert {finding.region for finding in findings} == {region}
    assert reasons(look(check, cap((170, 40, 40)))) != []


def test_broken_arrays_are_refused(tmp_path: Path) -> None:
    taught = teach(tmp_path, cap())
    arrays = {"mean": np.full(3, np.nan), "quantiles": np.zeros((64, 3)), "colour": np.zeros(3)}
    keep_taught([tmp_path / "models"], "red", "colour", arrays, settings=taught.card.settings)
    with pytest.raises(ModelError, match="'mean' is broken"):
        opened(tmp_path)
    keep_taught([tmp_path / "models"], "red", "colour", arrays, settings={"tolerance": 5})
    with pytest.raises(ModelError, match="delta_e_at_most"):
        opened(tmp_path)
