"""Flat field, colour and focus on simulated vignetting, colour casts and blur."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from station.core.configuration import Configuration
from station.core.errors import CalibrationError, SettingsError
from station.core.frame import Image
from station.vision.calibrating.colour import fit_colour
from station.vision.calibrating.colour_card import SRGB, find_card, read_values
from station.vision.calibrating.flat import fit_flat, unevenness
from station.vision.calibrating.focus import sharpness
from station.vision.calibrating.target import draw_colour_card
from station.vision.correction import corrected_image, decoded, encoded
from tests.simulated_camera import BoardPose, Sheet, SimulatedCamera

SIZE = (320, 240)
REFERENCE = np.array(SRGB, np.float64)
Floats = NDArray[np.float64]


def shading(size: tuple[int, int] = SIZE) -> Floats:
    """A lamp beside the middle and a lens darker towards its corners: 0.55 to 1."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    return np.asarray((1 - 0.25 * (x**2 + y**2) / 2) * (1 - 0.15 * (x - 0.3) ** 2))


def shot(scene: float | Floats, seed: int = 0, dark: float = 0.0, noise: float = 2.0) -> Image:
    light = np.asarray(scene) * shading() + dark
    noisy = light + np.random.default_rng(seed).normal(0, noise, light.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def test_uneven_light_is_evened_on_a_picture_not_seen() -> None:
    fit = fit_flat([shot(180, seed, dark=6) for seed in range(6)], [shot(0, 9, dark=6, noise=1)])
    assert fit.is_held_out
    assert fit.uneven_before > 0.3
    assert fit.uneven_after < 0.02
    configuration = Configuration(image_size_px=SIZE, flat_field=fit.flat)
    part = corrected_image(shot(90, 20, dark=6), configuration)
    assert unevenness(part.astype(np.float32)) < 0.03
    assert fit.flat.dark
    assert fit.warnings == ()


def test_a_flat_field_keeps_colours_and_finds_defect_pixels() -> None:
    bright = [np.dstack([shot(level, seed) for level in (90, 150, 200)]) for seed in range(4)]
    dark = [np.zeros((*SIZE[::-1], 3), np.uint8) for _ in range(3)]
    for image in (*bright, *dark):
        image[100, 50] = 255
    for image in bright:
        image[10, 200] = 5
    fit = fit_flat(bright, dark)
    assert set(fit.flat.defect_pixels) == {(50, 100), (200, 10)}
    evened = corrected_image(bright[0], Configuration(image_size_px=SIZE, flat_field=fit.flat))
    means = evened.reshape(-1, 3).mean(axis=0) / bright[0].reshape(-1, 3).mean(axis=0)
    assert means == pytest.approx((1, 1, 1), abs=0.01)
    assert abs(int(evened[100, 50, 0]) - int(evened[100, 60, 0])) < 15


@pytest.mark.parametrize(
    ("bright", "dark", "why"),
    [
        ([], [], "no bright"),
        ([shot(400)], [], "saturated"),
        ([shot(40)], [], "too dark"),
        ([shot(180)], [shot(120)], "not dark"),
        ([shot(180), shot(180)[:100]], [], "differ in size"),
    ],
)
def test_pictures_no_flat_field_can_rest_on_are_refused(
    bright: list[Image], dark: list[Image], why: str
) -> None:
    with pytest.raises(CalibrationError, match=why):
        fit_flat(bright, dark)


def test_light_too_uneven_is_refused() -> None:
    image = shot(200)
    image[:120, :160] = 20
    with pytest.raises(CalibrationError, match="darkest place"):
        fit_flat([image], [])


@pytest.fixture(scope="module")
def card() -> Callable[[Floats], Image]:
    """card(mix): the printed card through a camera whose linear R G B are `mix` of the true."""
    page = draw_colour_card("A4")
    small = page.page.resize((297 * 4, 210 * 4))
    picture = np.asarray(small)[:, :, ::-1].copy()
    sheet = Sheet(image=picture, px_per_mm=4, around=(128, 128, 128))
    pose = BoardPose(at=(0, 0, 380), turns_deg=(8, -6, 3), middle_mm=(148, 105))
    seen = SimulatedCamera(focal_px=(780, 780), noise=0).photograph(sheet, pose)

    def through(mix: Floats) -> Image:
        light = decoded(seen[:, :, ::-1] / 255, "srgb") @ mix.T
        cast = encoded(light)[:, :, ::-1] * 255
        noisy = cast + np.random.default_rng(0).normal(0, 1.5, cast.shape)
        return np.clip(np.round(noisy), 0, 255).astype(np.uint8)

    return through


CAST = np.array(((0.55, 0.10, 0.02), (0.06, 0.80, 0.05), (0.03, 0.12, 0.62)))


def test_a_colour_cast_is_taken_back(card: Callable[[Floats], Image]) -> None:
    view = find_card(card(CAST))
    assert view is not None
    fit = fit_colour([view], REFERENCE, "srgb")
    assert fit.colour.delta_e_before > 8
    assert fit.colour.delta_e_after < 1
    assert fit.colour.delta_e_held_out < 1
    again = find_card(corrected_image(card(CAST), Configuration(colour=fit.colour)))
    assert again is not None
    assert np.abs(again.values - REFERENCE).mean() < 4
    greys = again.values[18:]
    assert (greys.max(axis=1) - greys.min(axis=1)).max() < 5


def test_a_card_that_shows_nothing_is_refused(card: Callable[[Floats], Image]) -> None:
    image = card(np.eye(3))
    with pytest.raises(CalibrationError, match="four of its markers"):
        fit_colour([], REFERENCE, "srgb")
    with pytest.raises(CalibrationError, match="grey"):
        find_card(image[:, :, 0])
    assert find_card(np.full_like(image, 128)) is None
    overexposed = find_card(card(np.eye(3) * 6))
    assert overexposed is None or overexposed.clipped.sum() > 4
    view = find_card(image)
    assert view is not None
    with pytest.raises(CalibrationError, match="no truer"):
        fit_colour([view], view.values, "srgb")
    shaded = image.copy()
    shaded[235:245, 300:340] = 255
    with pytest.raises(CalibrationError, match="uneven"):
        find_card(shaded)


def test_measured_values_of_a_card_are_read(tmp_path: Path) -> None:
    path = tmp_path / "card.csv"
    rows = [f"{number},{r},{g},{b}" for number, (r, g, b) in enumerate(SRGB, 1)]
    path.write_text("\n".join(["patch,r,g,b", *rows]))
    assert np.array_equal(read_values(path), REFERENCE)
    for broken in ("", "patch,r,g\n1,2,3", "patch,r,g,b\n1,2,3,4", "patch,r,g,b\n1,x,3,4"):
        path.write_text(broken)
        with pytest.raises(SettingsError, match="patch"):
            read_values(path)


def test_sharpness_falls_with_blur_and_not_with_light() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (24, 32)).astype(np.uint8)
    scene: Image = np.asarray(cv2.resize(coarse, SIZE), np.uint8)
    blurred = [np.asarray(cv2.GaussianBlur(scene, (0, 0), sigma), np.uint8) for sigma in (1, 2, 4)]
    values = [sharpness(image) for image in blurred]
    assert values == sorted(values, reverse=True)
    assert sharpness((scene * 0.6).astype(np.uint8)) == pytest.approx(sharpness(scene), rel=0.05)
