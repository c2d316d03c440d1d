"""The golden template: what is tolerated, what is not, and what is refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from station.core.errors import (
    ModelError,
    OutsideImageError,
    PictureError,
    SettingsError,
    TeachError,
)
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool, parse
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding
from station.teach.compare import CompareLesson, TaughtCompare, teach_compare
from station.teach.keep import keep_taught
from tests.boards import HEIGHT, WIDTH, board, lit, painted

OK, NOT_OK, NOT_DECIDABLE = Evaluation.OK, Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE


def teach(
    folder: Path,
    *goods: Image,
    region: Rectangle | None = None,
    ignore: Image | None = None,
) -> TaughtCompare:
    paths = []
    for number, good in enumerate(goods):
        paths.append(folder / f"good{number}.png")
        cv2.imwrite(str(paths[-1]), good)
    mask = None
    if ignore is not None:
        mask = folder / "mask.png"
        cv2.imwrite(str(mask), ignore)
    lesson = CompareLesson(pictures=tuple(paths), name="lid", region=region, ignore=mask)
    return teach_compare(lesson, (folder / "models",))


def opened(folder: Path, **settings: object) -> Check:
    entry = {"kind": "compare", "name": "print", "taught": "lid", **settings}
    return parse(Tool, entry).prepare(Site(model_dirs=(folder / "models",)))


def look(check: Check, image: Image) -> list[Finding]:
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    return list(check.run(frame))


def worst(findings: list[Finding]) -> tuple[Evaluation, str | None]:
    return findings[0].evaluation, findings[0].reason_code


def covers(finding: Finding, x: float, y: float) -> bool:
    assert isinstance(finding.region, Rectangle)
    box = finding.region
    return box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height


@pytest.fixture(scope="module")
def lid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lid")
    teach(folder, board())
    return folder


@pytest.fixture(scope="module")
def check(lid: Path) -> Check:
    return opened(lid)


@pytest.mark.parametrize(
    "image",
    [
        board(seed=1),
        board(seed=2, shift=(3.4, -2.6)),
        board(seed=3, shift=(-6, 5)),
        lit(board(seed=4), 1.2),
        lit(board(seed=5), 0.8, 10),
        lit(board(seed=6), 0.9) + np.linspace(0, 14, WIDTH).astype(np.uint8),
        cv2.GaussianBlur(board(seed=7), (0, 0), 0.8),
    ],
    ids=["again", "shifted", "shifted far", "brighter", "darker", "uneven", "softer"],
)
def test_a_good_part_passes(check: Check, image: Image) -> None:
    (finding,) = look(check, image)
    assert finding.evaluation is OK
    assert finding.score is not None
    assert finding.accept_limit == 6


@pytest.mark.parametrize(
    ("box", "level", "reason", "place"),
    [
        ((185, 35, 8, 8), 200, "material_missing", (189, 39)),
        ((80, 150, 10, 8), 200, "material_missing", (85, 154)),
        ((80, 85, 8, 8), 55, "material_extra", (84, 89)),
        ((0, 80, 12, 8), 55, "material_extra", (6, 84)),
        ((80, 80, 14, 10), 140, "smeared", (87, 85)),
    ],
    ids=["pinhole", "cut in a thin line", "spot", "spot at the border", "faint print"],
)
@pytest.mark.parametrize("colour", [False, True])
def test_a_change_is_found(
    lid: Path,
    tmp_path: Path,
    box: tuple[int, int, int, int],
    level: int,
    reason: str,
    place: tuple[int, int],
    colour: bool,
) -> None:
    folder = lid
    if colour:
        folder = tmp_path
        teach(folder, board(colour=True))
    image = painted(board(seed=9, colour=colour), box, level)
    findings = look(opened(folder), image)
    assert worst(findings) == (NOT_OK, reason)
    assert len(findings) == 1
    assert covers(findings[0], *place)
    assert findings[0].score == findings[0].measured["area_px"]


def test_a_change_is_found_where_the_shifted_part_has_it(check: Check) -> None:
    image = board(seed=1, shift=(6, 5))
    findings = look(check, painted(image, (186, 36, 8, 8), 200))
    assert worst(findings) == (NOT_OK, "material_missing")
    region = findings[0].region
    assert isinstance(region, Rectangle)
    assert region.x + region.width / 2 == pytest.approx(190, abs=1)
    assert region.y + region.height / 2 == pytest.approx(40, abs=1)
    assert findings[0].measured["shift_px"] > 5


def test_the_area_decides_between_the_limits(lid: Path) -> None:
    image = painted(board(seed=1), (80, 85, 6, 6), 55)
    area = look(opened(lid), image)[0].measured["area_px"]
    for accept, reject, wanted in (
        (area - 2, area - 1, NOT_OK),
        (area - 1, area + 1, NOT_DECIDABLE),
        (area, area + 1, OK),
    ):
        findings = look(opened(lid, accept_limit=accept, reject_limit=reject), image)
        assert findings[0].evaluation is wanted
        assert findings[0].score == area


def test_too_far_a_shift_is_a_difference(check: Check) -> None:
    assert worst(look(check, board(seed=1, shift=(20, 14))))[0] is NOT_OK


def test_a_pad_beside_its_place_is_a_difference(check: Check) -> None:
    image = board(seed=1)
    pad = image[92:128, 92:128].copy()
    image[92:128, 92:128] = 200
    image[92:128, 101:137] = pad
    assert worst(look(check, image)) == (NOT_OK, "smeared")


@pytest.mark.parametrize("off_px", [3.5, 4, 6])
def test_one_pad_displaced_by_less_than_registration_takes_is_told(
    lid: Path, off_px: float
) -> None:
    image = board(seed=1)
    pad = board(seed=1, shift=(off_px, 0))[88:132, 86:140]
    image[88:132, 86:140] = pad
    reasons = {one.reason_code for one in look(opened(lid), image)}
    assert reasons & {"displaced", "smeared"}
    loose = look(opened(lid, displaced_at_most_px=32, accept_limit=200, reject_limit=300), image)
    assert [one.evaluation for one in loose] == [OK]


def test_how_far_good_parts_are_displaced_is_learnt(tmp_path: Path) -> None:
    goods = []
    for seed, off_px in enumerate((0, 4, -4, 3, -3)):
        goods.append(board(seed=seed))
        goods[-1][88:132, 80:146] = board(seed=seed, shift=(off_px, 0))[88:132, 80:146]
    taught = teach(tmp_path, *goods)
    assert cast(float, taught.card.settings["displaced_at_most_px"]) > 1.5
    assert teach(tmp_path, goods[0]).card.settings["displaced_at_most_px"] == 1.5
    reasons = {one.reason_code for one in look(opened(tmp_path, taught="lid/1"), goods[1])}
    assert "displaced" not in reasons


def test_a_part_turned_or_stretched_as_a_whole_is_not_displaced(check: Check) -> None:
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0.8, 1.01)
    border = cv2.BORDER_REPLICATE
    image = cv2.warpAffine(board(seed=8), matrix, (WIDTH, HEIGHT), borderMode=border)
    (finding,) = look(check, np.asarray(image, np.uint8))
    assert finding.evaluation is OK
    assert finding.measured["displaced_px"] < 1


@pytest.mark.parametrize(("kept", "wanted"), [(0.95, OK), (0.8, NOT_OK), (0.6, NOT_OK)])
def test_print_that_faded_evenly_is_no_less_light(
    check: Check, kept: float, wanted: Evaluation
) -> None:
    level = board().astype(np.float64)
    ground = float(np.percentile(level, 90))
    findings = look(check, lit(np.asarray(ground + (level - ground) * kept), 1.0))
    assert findings[0].evaluation is wanted
    assert wanted is OK or "faded" in {one.reason_code for one in findings}
    (dim,) = look(check, lit(board(seed=5), max(kept, 0.75)))
    assert dim.evaluation is OK


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.full((HEIGHT, WIDTH), 255, np.uint8),
        np.full((HEIGHT, WIDTH), 190, np.uint8),
        lit(board(), 0.35),
        lit(board(), 0.5),
        255 - board(),
    ],
    ids=["dark", "white", "empty", "far too dark", "too dark", "negative"],
)
def test_what_is_no_part_never_passes(check: Check, image: Image) -> None:
    findings = look(check, image)
    assert worst(findings)[0] is NOT_OK
    assert all(np.isfinite(list(finding.measured.values())).all() for finding in findings)


def test_a_colour_change_of_the_same_grey_is_found(tmp_path: Path) -> None:
    teach(tmp_path, board(colour=True))
    image = board(seed=1, colour=True)
    image[80:92, 80:92] = (255, 180, 224)
    assert abs(float(cv2.cvtColor(image[80:92, 80:92], cv2.COLOR_BGR2GRAY).mean()) - 200) < 4
    assert worst(look(opened(tmp_path), image))[0] is NOT_OK


def test_what_differs_between_good_parts_is_tolerated_there_and_nowhere_else(
    tmp_path: Path,
) -> None:
    goods = [painted(board(seed=n), (80, 85, 12, 12), 190 - 40 * n) for n in range(4)]
    image = painted(board(seed=8), (80, 85, 12, 12), 110)
    teach(tmp_path, *goods[:1])
    assert worst(look(opened(tmp_path), image))[0] is NOT_OK
    teach(tmp_path, *goods)
    check = opened(tmp_path)
    assert worst(look(check, image))[0] is OK
    assert worst(look(check, painted(image, (130, 85, 12, 12), 110)))[0] is NOT_OK


def test_a_good_part_unlike_the_others_is_named(tmp_path: Path) -> None:
    goods = [board(seed=n) for n in range(4)]
    assert teach(tmp_path, *goods).held_out_rejected == ()
    goods[2] = painted(goods[2], (80, 85, 12, 12), 60)
    taught = teach(tmp_path, *goods)
    assert taught.held_out_rejected == ("good2.png",)
    assert (taught.folder / "reference.png").is_file()


def test_nobody_looks_where_the_mask_is_white(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[70:105, 70:105] = 255
    teach(tmp_path, board(), ignore=mask)
    check = opened(tmp_path)
    assert worst(look(check, painted(board(seed=1), (80, 85, 8, 8), 55)))[0] is OK
    assert worst(look(check, painted(board(seed=1), (130, 85, 8, 8), 55)))[0] is NOT_OK


def test_a_region_is_compared_and_nothing_else(tmp_path: Path) -> None:
    region = Rectangle(x=60, y=70, width=100, height=60)
    teach(tmp_path, board(), region=region)
    check = opened(tmp_path)
    assert check.regions == (region,)
    assert worst(look(check, painted(board(seed=1), (185, 35, 8, 8), 200)))[0] is OK
    findings = look(check, painted(board(seed=1), (80, 80, 8, 8), 55))
    assert worst(findings) == (NOT_OK, "material_extra")
    assert covers(findings[0], 84, 84)


def test_what_a_shift_leaves_of_a_region_is_looked_at_beside_it(tmp_path: Path) -> None:
    teach(tmp_path, board(), region=Rectangle(x=30, y=75, width=100, height=70))
    check = opened(tmp_path)
    image = board(seed=1, shift=(7, -6))
    (finding,) = look(check, image)
    assert finding.evaluation is OK
    assert finding.measured["seen_share"] == 1
    spot = painted(image, (130, 80, 6, 8), 55)  # beside the region, on the part inside it
    assert worst(look(check, spot))[0] is not OK


def test_too_little_in_view_is_for_a_person(lid: Path) -> None:
    image = board(seed=1, shift=(7, -6))
    assert worst(look(opened(lid), image))[0] is OK
    findings = look(opened(lid, seen_at_least=0.97), image)
    assert worst(findings) == (NOT_DECIDABLE, "not_compared")


def test_a_hairline_counts_where_that_is_asked_for(lid: Path) -> None:
    image = painted(board(seed=1), (190, 25, 1, 40), 200)
    assert worst(look(opened(lid), image))[0] is OK
    assert worst(look(opened(lid, thinnest_px=1), image)) == (NOT_OK, "material_missing")


def test_the_score_map_is_hot_where_the_change_is(check: Check) -> None:
    image = painted(board(seed=1, shift=(4, 3)), (80, 85, 8, 8), 55)
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    assert check.score_map is not None
    heat = check.score_map(frame)
    assert heat.shape == image.shape
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    assert 79 <= x <= 89
    assert 84 <= y <= 94
    assert float(heat[:60].max()) < 40


@pytest.mark.parametrize("image", [board()[:, :200].copy(), board()[:100].copy()])
def test_another_size_is_refused(check: Check, image: Image) -> None:
    with pytest.raises(OutsideImageError, match="the template 240 x 180"):
        look(check, image)


def test_a_grey_view_of_a_colour_template_is_refused(tmp_path: Path) -> None:
    teach(tmp_path, board(colour=True))
    with pytest.raises(PictureError, match="the picture is grey"):
        look(opened(tmp_path), board())


def test_unfit_pictures_teach_nothing(tmp_path: Path) -> None:
    with pytest.raises(TeachError, match="even all over"):
        teach(tmp_path, np.full((60, 60), 90, np.uint8))
    with pytest.raises(TeachError, match="good view 2 is 200 x 180"):
        teach(tmp_path, board(), board()[:, :200].copy())
    with pytest.raises(TeachError, match="ignores the whole view"):
        teach(tmp_path, board(), ignore=np.full((HEIGHT, WIDTH), 255, np.uint8))
    with pytest.raises(TeachError, match="mask of what is ignored is 50 x 40"):
        teach(tmp_path, board(), ignore=np.zeros((40, 50), np.uint8))


def test_unfit_arrays_and_limits_are_refused(tmp_path: Path) -> None:
    arrays = {name: np.zeros((4, 4), np.uint8) for name in ("mean", "darkest", "ignored")}
    models = tmp_path / "models"
    keep_taught([models], "lid", "compare", {**arrays, "brightest": np.zeros((5, 4), np.uint8)})
    with pytest.raises(ModelError, match="do not fit"):
        opened(tmp_path)
    with pytest.raises(SettingsError, match="must not be above"):
        opened(tmp_path, accept_limit=9, reject_limit=8)
