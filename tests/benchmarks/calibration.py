"""python -m tests.benchmarks.calibration: what calibrations are worth against a simulated truth."""

import argparse
import json
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.vision.calibrating.board import Board, BoardKind, BoardView, find_board
from station.vision.calibrating.colour import fit_colour
from station.vision.calibrating.colour_card import SRGB, find_card
from station.vision.calibrating.flat import fit_flat
from station.vision.calibrating.lens import fit_lens
from station.vision.calibrating.plane import fit_plane
from station.vision.calibrating.target import draw_colour_card
from station.vision.correction import decoded, encoded, to_corrected
from tests.benchmarks.kernels import correction_ms
from tests.simulated_camera import (
    BoardPose,
    Sheet,
    SimulatedCamera,
    photographed,
    twelve_poses,
)

Points = NDArray[np.float64]

CAMERAS = {
    "640 x 480, barrel": SimulatedCamera(),
    "1280 x 1024, strong barrel": SimulatedCamera(
        size=(1280, 1024), focal_px=(1250.0, 1252.0), centre_px=(652.0, 500.0),
        distortion=(-0.32, 0.14, 0.001, -0.0012, -0.02), blur_px=0.8, noise=2.5,
    ),
    "1280 x 960, pincushion": SimulatedCamera(
        size=(1280, 960), focal_px=(1700.0, 1700.0), centre_px=(630.0, 492.0),
        distortion=(0.12, -0.05, -0.0007, 0.0005, 0.0), blur_px=0.8, noise=2.5,
    ),
}  # fmt: skip
TILTS = ((0.0, 0.0), (20.0, -12.0), (-30.0, 8.0), (5.0, 35.0))
LONG_MM = 50.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    asked = parser.parse_args()
    figures: dict[str, float] = {}
    for name, camera in CAMERAS.items():
        for kind in ("charuco", "chessboard"):
            figures |= _print(_geometry(name, camera, kind))
    figures |= _print(_light())
    figures |= _print(_colours())
    for name, ms in correction_ms().items():
        limit = " (at most 5)" if name.startswith("lens") else ""
        figures |= _print([(f"correct 1.3 MP, {name}, CPU ms{limit}", ms)])
    if asked.json:
        print(json.dumps({name: round(value, 5) for name, value in figures.items()}))


def _print(rows: Sequence[tuple[str, float]] | Iterator[tuple[str, float]]) -> dict[str, float]:
    found = dict(rows)
    for name, value in found.items():
        print(f"{name:<78} {value:10.4f}", flush=True)
    return found


def _geometry(name: str, camera: SimulatedCamera, kind: BoardKind) -> Iterator[tuple[str, float]]:
    board, what = Board(kind=kind), f"{name}, {kind}"
    away_mm = 420 * camera.focal_px[0] / camera.size[0] / 1.25
    fit = fit_lens(_views(board, photographed(board, camera, twelve_poses(away_mm))), camera.size)
    yield f"{what}: reprojection px (below 0.2)", fit.lens.error_px
    yield f"{what}: reprojection on views held out px (below 0.2)", fit.lens.held_out_error_px
    poses = [
        BoardPose(at=(5, -4, away_mm), turns_deg=(*tilt, 7.0 * number))
        for number, tilt in enumerate(TILTS)
    ]
    errors = []
    for pose, image in zip(poses, photographed(board, camera, poses), strict=True):
        plane = fit_plane(_views(board, [image]), fit.lens, camera.size).plane
        true_mm = _grid((0, 240), (0, 180))
        seen = to_corrected(camera.project(true_mm, pose), fit.lens)
        errors.append(_length_error(plane.to_mm(seen), true_mm))
    yield f"{what}: worst length in mm off by % (below 0.1)", 100 * max(errors)


def _views(board: Board, images: Sequence[Image]) -> list[BoardView]:
    found = [find_board(image, board, str(number)) for number, image in enumerate(images)]
    return [view for view in found if view]


def _grid(across: tuple[float, float], down: tuple[float, float]) -> Points:
    x, y = np.meshgrid(np.linspace(*across, 9), np.linspace(*down, 7))
    return np.stack((x.ravel(), y.ravel()), axis=1)


def _length_error(found: Points, truth: Points) -> float:
    """The largest error of lengths above 50 mm, as a share of them."""
    true_mm = np.linalg.norm(truth[:, np.newaxis] - truth, axis=2)
    found_mm = np.linalg.norm(found[:, np.newaxis] - found, axis=2)
    long = true_mm > LONG_MM
    return float(np.abs(found_mm[long] / true_mm[long] - 1).max())


def _light() -> Iterator[tuple[str, float]]:
    x, y = np.meshgrid(np.linspace(-1, 1, 1280), np.linspace(-1, 1, 1024))
    fall = (1 - 0.25 * (x**2 + y**2) / 2) * (1 - 0.15 * (x - 0.3) ** 2)

    def shot(scene: float, seed: int) -> Image:
        noise = np.random.default_rng(seed).normal(0, 2.5, fall.shape)
        return np.clip(np.round(scene * fall + 5 + noise), 0, 255).astype(np.uint8)

    fit = fit_flat([shot(180, seed) for seed in range(6)], [shot(0, seed) for seed in (7, 8)])
    yield "flat field: unevenness before %", 100 * fit.uneven_before
    yield "flat field: unevenness after, on a picture held out %", 100 * fit.uneven_after


def _colours() -> Iterator[tuple[str, float]]:
    small = draw_colour_card("A4").page.resize((297 * 4, 210 * 4))
    sheet = Sheet(image=np.asarray(small)[:, :, ::-1].copy(), px_per_mm=4, around=(128.0,) * 3)
    pose = BoardPose(at=(0, 0, 380), turns_deg=(8, -6, 3), middle_mm=(148, 105))
    seen = SimulatedCamera(focal_px=(780, 780), noise=0).photograph(sheet, pose)
    before, held_out, after = [], [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        mix = np.diag(rng.uniform(0.45, 0.85, 3)) + rng.uniform(0, 0.12, (3, 3))
        light = decoded(seen[:, :, ::-1] / 255, "srgb") @ mix.T
        cast = encoded(light)[:, :, ::-1] * 255 + rng.normal(0, 1.5, seen.shape)
        view = find_card(np.clip(np.round(cast), 0, 255).astype(np.uint8))
        if view is None:
            raise RuntimeError("the card was not found")
        colour = fit_colour([view], np.array(SRGB, np.float64), "srgb").colour
        before.append(colour.delta_e_before)
        after.append(colour.delta_e_after)
        held_out.append(colour.delta_e_held_out)
    yield "colour: mean difference before, 10 casts", float(np.mean(before))
    yield "colour: mean difference after", float(np.mean(after))
    yield "colour: mean difference after, on patches held out", float(np.mean(held_out))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
