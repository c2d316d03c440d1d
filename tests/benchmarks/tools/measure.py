"""Diameters of rendered rings in pixels, and in mm through a tilted, distorted camera."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.configuration import Configuration, Plane
from station.core.corrections import Lens
from station.core.frame import Frame, Image
from station.core.plugin import Site, Tool, parse
from station.core.result import Finding
from station.vision.calibrating.board import Board, BoardView, find_board
from station.vision.calibrating.lens import fit_lens
from station.vision.calibrating.plane import fit_plane
from station.vision.correction import corrected
from tests.benchmarks.tools.figures import Figures
from tests.benchmarks.tools.rings import Light, draw, ring
from tests.benchmarks.tools.tilted_camera import DISTORTION, FOCAL_PX, MIDDLE, SIZE, View

RINGS = 200
TILTED = 8
VIEWS = 12
BOARD = Board(kind="chessboard", columns=10, rows=7, square_mm=5.0)
SEED = 20261122


def measure(data: Path) -> Figures:
    """Both; needs no photographs."""
    del data
    cv2.setNumThreads(1)
    rng = np.random.default_rng(SEED)
    rows = [row for _ in range(RINGS) for row in _flat_ring(rng)]
    lines, numbers = _pixel_figures(rows)
    lens = calibrated_lens(rng)
    of_true, of_calibrated = (
        np.array(errors)
        for errors in zip(*(_tilted_ring(rng, lens) for _ in range(TILTED)), strict=True)
    )
    for name, errors in (("true", of_true), ("calibrated", of_calibrated)):
        lines.append(
            f"mm, {name} lens and plane: worst error {_percent(errors):.4f} % of the diameter, "
            f"mean {errors.mean() * 100:+.4f} % (asked: within 0.1 %; {errors.size} edges, "
            "camera tilted 10 degrees and distorted)"
        )
    numbers["mm_error_percent"] = round(_percent(of_calibrated), 4)
    numbers["mm_error_percent_true_camera"] = round(_percent(of_true), 4)
    return Figures(lines=tuple(lines), numbers=numbers)


def _percent(errors: NDArray[np.float64]) -> float:
    """The worst one."""
    return float(np.abs(errors).max()) * 100


def _pixel_figures(
    rows: list[tuple[float, float, float, float]],
) -> tuple[list[str], dict[str, float]]:
    """Lines and numbers of (error, stated uncertainty, blur, noise), all in pixels or grey."""
    errors, stated, blurs, noises = np.array(rows).T
    missing = int((~np.isfinite(errors)).sum())
    seen = np.isfinite(errors)
    bias, sigma = float(errors[seen].mean()), float(errors[seen].std(ddof=1))
    within = int((np.abs(errors[seen]) <= 0.05).sum())
    proven = int((np.abs(errors[seen]) <= stated[seen]).sum())
    asked = (
        f"diameter: bias {bias:+.4f} px, 3 sigma {3 * sigma:.4f} px (asked: within 0.05 px); "
        f"{within} of {len(errors)} within 0.05 px, worst {np.abs(errors[seen]).max():.4f} px, "
        f"{missing} not found; blur 0.7-2 px, noise 0-8, radius 30-100 px"
    )
    honest = (
        f"diameter: {proven} of {int(seen.sum())} within the stated uncertainty "
        "(coverage factor 2: at least 95 % wanted)"
    )
    lines = [asked, honest]
    for name, chosen in (
        ("noise up to 2", noises <= 2),
        ("noise 2 to 5", (noises > 2) & (noises <= 5)),
        ("noise above 5", noises > 5),
        ("blur up to 1.2 px", blurs <= 1.2),
        ("blur above 1.2 px", blurs > 1.2),
    ):
        some = errors[chosen & seen]
        lines.append(
            f"diameter, {name}: bias {some.mean():+.4f} px, 3 sigma {3 * some.std(ddof=1):.4f} px "
            f"({len(some)})"
        )
    numbers = {
        "bias_px": round(bias, 5),
        "sigma_px": round(sigma, 5),
        "missing": missing,
        "within_uncertainty": round(proven / int(seen.sum()), 4),
    }
    return lines, numbers


def _flat_ring(rng: np.random.Generator) -> Iterator[tuple[float, float, float, float]]:
    """Error and stated uncertainty of both diameters of one ring, with its blur and noise."""
    outer = rng.uniform(60, 100)
    inner = rng.uniform(30, outer - 25)
    size = (2 * round(outer) + 50,) * 2
    centre = tuple(size[0] / 2 + rng.uniform(-2, 2, 2))
    light = _light(rng)
    image = draw(size, ring((centre[0], centre[1]), outer, inner), light, rng)
    middle = (size[0] / 2, size[1] / 2)
    wanted = {"outer": outer, "inner": inner}
    features = {
        name: _circle(middle, radius + rng.uniform(-2, 2), 10.0) for name, radius in wanted.items()
    }
    found = _measured(image, features, "px", Configuration())
    for (_, radius), finding in zip(wanted.items(), found, strict=True):
        value = finding.measured.get("value_px", math.nan)
        stated = finding.measured.get("uncertainty_px", math.nan)
        yield value - 2 * radius, stated, light.blur_px, light.noise_grey


def _light(rng: np.random.Generator) -> Light:
    """Either polarity, blur 0.7 to 2 px, noise up to 8, light that falls off by up to a fifth."""
    dark, bright = rng.uniform(30, 80), rng.uniform(150, 210)
    ground, part = (dark, bright) if rng.random() < 0.5 else (bright, dark)
    return Light(
        ground=ground,
        part=part,
        blur_px=rng.uniform(0.7, 2.0),
        noise_grey=rng.uniform(0, 8),
        slant=(rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)),
    )


def _tilted_ring(rng: np.random.Generator, lens: Lens) -> tuple[list[float], list[float]]:
    """Relative errors of both diameters of one ring before the tilted camera.

    Once with the true camera, once with the calibrated lens and a scale from one picture of a
    board in the ring's plane.
    """
    turn = rng.uniform(0, 2 * math.pi)
    view = View(tilt_deg=(10 * math.cos(turn), 10 * math.sin(turn)))
    at = rng.uniform(-8, 8), rng.uniform(-4, 4)
    radii = rng.uniform(14, 17), rng.uniform(7, 10)
    light = Light(ground=60, part=180, blur_px=rng.uniform(0.7, 1.5), noise_grey=3)
    image = draw(SIZE, view.seen(ring(at, *radii)), light, rng)
    plane = fit_plane([_board_seen(view, rng)], lens, SIZE).plane
    found = Configuration(image_size_px=SIZE, lens=lens, plane=plane)
    true, calibrated = (
        _mm_errors(image, view, at, radii, configuration) for configuration in (known(view), found)
    )
    return true, calibrated


def _mm_errors(
    image: Image,
    view: View,
    at: tuple[float, float],
    radii: tuple[float, float],
    configuration: Configuration,
) -> list[float]:
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    straight = corrected(frame, configuration).image
    features = {
        f"edge_{number}": _circle(
            _pixel_of(view, at, configuration), radius * FOCAL_PX / view.distance_mm, 20.0
        )
        for number, radius in enumerate(radii)
    }
    found = _measured(straight, features, "mm", configuration)
    return [
        finding.measured.get("value_mm", math.inf) / (2 * radius) - 1
        for radius, finding in zip(radii, found, strict=True)
    ]


def calibrated_lens(rng: np.random.Generator) -> Lens:
    """The lens as the station calibrates it, from pictures of a chessboard held before it."""
    views = []
    for number in range(VIEWS):
        turn, tilt = number * 2.4, 8 + 22 * (number % 3) / 2
        views.append(
            View(
                tilt_deg=(tilt * math.cos(turn), tilt * math.sin(turn)),
                distance_mm=rng.uniform(80, 110),
                shift_mm=(rng.uniform(-12, 12), rng.uniform(-8, 8)),
            )
        )
    return fit_lens([_board_seen(view, rng) for view in views], SIZE).lens


def _board_seen(view: View, rng: np.random.Generator) -> BoardView:
    """The chessboard in a picture of it, its middle where the view's mm are counted from."""
    light = Light(ground=200, part=30, blur_px=0.8, noise_grey=2)
    image = draw(SIZE, view.seen(_is_black), light, rng)
    seen = find_board(image, BOARD)
    if seen is None:
        raise RuntimeError(f"the board is not found before {view}")
    return seen


def _is_black(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    width, height = BOARD.size_mm
    column = np.floor((x + width / 2) / BOARD.square_mm)
    row = np.floor((y + height / 2) / BOARD.square_mm)
    on_board = (np.abs(x) < width / 2) & (np.abs(y) < height / 2)
    return np.asarray(on_board & ((column + row) % 2 == 0))


def known(view: View) -> Configuration:
    """The camera's true lens and plane, as a perfect calibration would find them."""
    matrix = (FOCAL_PX, 0, MIDDLE[0], 0, FOCAL_PX, MIDDLE[1], 0, 0, 1)
    lens = Lens(
        camera_matrix=matrix,
        distortion=(*DISTORTION, 0, 0, 0),
        corrected_matrix=matrix,
        error_px=0.01,
        held_out_error_px=0.01,
        views=1,
    )
    to_px = np.array(matrix).reshape(3, 3) @ view.homography
    back = np.linalg.inv(to_px)
    plane = Plane(homography=tuple((back / back[2, 2]).ravel().tolist()), error_mm=0.001)
    return Configuration(image_size_px=SIZE, lens=lens, plane=plane)


def _pixel_of(
    view: View, mm: tuple[float, float], configuration: Configuration
) -> tuple[float, float]:
    """About where a place of the plane lies in the corrected picture."""
    ray: NDArray[np.float64] = view.homography @ np.array((*mm, 1.0))
    lens = configuration.lens
    fx, _, cx, _, fy, cy, *_ = lens.corrected_matrix if lens else (1, 0, 0, 0, 1, 0)
    return float(fx * ray[0] / ray[2] + cx), float(fy * ray[1] / ray[2] + cy)


def _circle(centre: tuple[float, float], radius_px: float, reach_px: float) -> dict[str, Any]:
    """A circle with calipers five pixels wide all around."""
    return {
        "kind": "circle",
        "centre": centre,
        "radius_px": radius_px,
        "reach_px": reach_px,
        "count": int(2 * math.pi * radius_px / 5),
    }


def _measured(
    image: Image, features: Mapping[str, Any], unit: str, configuration: Configuration
) -> list[Finding]:
    """The diameters of the features, by the tool as a recipe would set it up."""
    entry = {
        "kind": "measure",
        "name": "size",
        "features": features,
        "measurements": {
            f"{name}_diameter": {
                "size": "diameter", "of": [name], "unit": unit,
                "nominal": 1, "tolerance_plus": 1000,
            }
            for name in features
        },
    }  # fmt: skip
    check = parse(Tool, entry).prepare(Site(model_dirs=(), configuration=configuration))
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    return list(check.run(frame))
