"""Lens and plane from boards photographed by a simulated camera, held against its truth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from station.core.configuration import Configuration
from station.core.corrections import Lens
from station.core.errors import CalibrationError, SettingsError
from station.core.frame import Image
from station.vision.calibrating.board import Board, BoardKind, BoardView, find_board
from station.vision.calibrating.coverage import count_corners, draw_report, missing_views
from station.vision.calibrating.lens import LensFit, fit_lens
from station.vision.calibrating.plane import fit_plane
from station.vision.correction import corrected_image, to_corrected
from tests.simulated_camera import BoardPose, SimulatedCamera, photographed, twelve_poses

CAMERA = SimulatedCamera()
BOARD = Board()
LYING = BoardPose(at=(5, -4, 400), turns_deg=(20, -12, 7))


def views_of(board: Board, images: Sequence[Image]) -> list[BoardView]:
    found = [find_board(image, board, f"{number}.png") for number, image in enumerate(images)]
    return [view for view in found if view]


@pytest.fixture(scope="module")
def views() -> list[BoardView]:
    return views_of(BOARD, photographed(BOARD, CAMERA, twelve_poses()))


@pytest.fixture(scope="module")
def fit(views: list[BoardView]) -> LensFit:
    return fit_lens(views, CAMERA.size)


def worst_length_error(lens: Lens, lying: list[BoardView], pose: BoardPose) -> float:
    """The largest error of lengths above 50 mm in the plane, as a share, against the truth."""
    plane = fit_plane(lying, lens, CAMERA.size).plane
    x, y = np.meshgrid(np.linspace(0, 240, 7), np.linspace(0, 180, 5))
    true_mm = np.stack((x.ravel(), y.ravel()), axis=1)
    measured = plane.to_mm(to_corrected(CAMERA.project(true_mm, pose), lens))
    truth = np.linalg.norm(true_mm[:, None] - true_mm, axis=2)
    found = np.linalg.norm(measured[:, None] - measured, axis=2)
    return float(
        np.abs(found / np.where(truth > 50, truth, np.inf) - (truth > 50))[truth > 50].max()
    )


def test_the_lens_is_found(fit: LensFit) -> None:
    assert len(fit.views) == 12
    assert fit.lens.held_out_error_px < 0.15
    matrix = fit.lens.camera_matrix
    assert (matrix[0], matrix[4]) == pytest.approx(CAMERA.focal_px, rel=0.002)
    assert (matrix[2], matrix[5]) == pytest.approx(CAMERA.centre_px, abs=1.5)
    assert fit.lens.distortion[:2] == pytest.approx(CAMERA.distortion[:2], abs=0.02)
    assert 0.9 < fit.field_share <= 1


def test_the_corrected_picture_agrees_with_corrected_points(fit: LensFit) -> None:
    (image,) = photographed(BOARD, CAMERA, [LYING])
    configuration = Configuration(image_size_px=CAMERA.size, lens=fit.lens)
    raw, straight = (
        find_board(image, BOARD),
        find_board(corrected_image(image, configuration), BOARD),
    )
    assert raw is not None
    assert straight is not None
    expected = to_corrected(raw.points_px, fit.lens)[np.isin(raw.ids, straight.ids)]
    off = straight.points_px - expected
    assert np.abs(off.mean(axis=0)).max() < 0.03
    assert np.hypot(*off.T).max() < 0.4


@pytest.mark.parametrize("kind", ["charuco", "chessboard"])
def test_the_plane_is_true_to_a_thousandth(kind: BoardKind, fit: LensFit) -> None:
    board = Board(kind=kind)
    lying = views_of(board, photographed(board, CAMERA, [LYING, LYING]))
    assert worst_length_error(fit.lens, lying, LYING) < 0.001
    plane = fit_plane(lying, fit.lens, CAMERA.size)
    assert plane.tilt_deg == pytest.approx(23.2, abs=0.3)
    assert plane.mismatch is not None
    assert plane.mismatch < 0.003
    assert plane.repeatability_px is not None
    assert plane.repeatability_px < 0.05
    assert plane.warnings == ()


def test_a_spoilt_picture_is_found_and_left_out(views: list[BoardView], fit: LensFit) -> None:
    bent = views[4].points_px + 6 * np.sin(views[4].points_mm / 60)
    spoilt = [*views[:4], replace(views[4], points_px=bent), *views[5:]]
    again = fit_lens(spoilt, CAMERA.size)
    assert [entry.name for entry in again.dropped] == ["4.png"]
    assert "bent" in again.dropped[0].why
    assert again.lens.error_px < 1.2 * fit.lens.error_px


def test_views_that_do_not_suffice_are_refused(views: list[BoardView]) -> None:
    with pytest.raises(CalibrationError, match="only 5 of 5"):
        fit_lens(views[:5], CAMERA.size)
    with pytest.raises(CalibrationError, match="only 1 of 9"):
        fit_lens([views[0]] * 9, CAMERA.size)


def test_views_from_one_direction_are_refused() -> None:
    flat = [
        BoardPose(at=(x, y, away), turns_deg=(0, 0, turn))
        for x, y, away, turn in (
            (0, 0, 420, 0), (-40, -30, 420, 10), (40, -30, 430, 5), (40, 30, 500, 90),
            (-40, 30, 450, 0), (0, 20, 380, 20), (10, -20, 520, 45),
        )
    ]  # fmt: skip
    views = views_of(BOARD, photographed(BOARD, CAMERA, flat))
    with pytest.raises(CalibrationError, match="one direction"):
        fit_lens(views, CAMERA.size)


def test_pictures_no_lens_explains_are_refused(views: list[BoardView]) -> None:
    wavy = [
        replace(view, points_px=view.points_px + 4 * np.sin(view.points_mm / 40 + number))
        for number, view in enumerate(views)
    ]
    with pytest.raises(CalibrationError, match="no lens explains"):
        fit_lens(wavy, CAMERA.size)


def test_what_views_are_missing_is_said(fit: LensFit) -> None:
    assert missing_views(fit) == []
    view = fit.views[0].view
    left = replace(view, points_px=view.points_px * (0.4, 1))
    poor = replace(fit, views=(replace(fit.views[0], view=left),), focal_error_share=0.02)
    words = " ".join(missing_views(poor))
    assert "right of the picture" in words
    assert "tilted" in words
    assert "focal length" in words


def test_the_report_shows_fields_and_views(fit: LensFit) -> None:
    counts = count_corners([entry.view for entry in fit.views], CAMERA.size)
    assert counts.sum() == sum(len(entry.view.ids) for entry in fit.views)
    report = draw_report(fit, "camera")
    assert report.shape[2] == 3
    assert report.min() < 100


def test_a_board_that_moved_or_is_missing_gives_no_scale(fit: LensFit) -> None:
    moved = BoardPose(at=(8, -4, 400), turns_deg=(20, -12, 7))
    lying = views_of(BOARD, photographed(BOARD, CAMERA, [LYING, moved]))
    with pytest.raises(CalibrationError, match="moved"):
        fit_plane(lying, fit.lens, CAMERA.size)
    with pytest.raises(CalibrationError, match="no board"):
        fit_plane([], fit.lens, CAMERA.size)


def test_a_plane_that_contradicts_the_lens_is_refused(fit: LensFit) -> None:
    lying = views_of(BOARD, photographed(BOARD, CAMERA, [LYING]))
    printed_askew = [replace(view, points_mm=view.points_mm * (1.05, 1)) for view in lying]
    with pytest.raises(CalibrationError, match="contradicts the lens"):
        fit_plane(printed_askew, fit.lens, CAMERA.size)


def test_without_a_lens_the_scale_warns(views: list[BoardView]) -> None:
    plane = fit_plane([views[0]], None, CAMERA.size)
    assert "station calibrate lens" in plane.warnings[0]
    assert plane.tilt_deg is None


@pytest.mark.parametrize(
    "board",
    [
        {"columns": 2},
        {"marker_mm": 20},
        {"columns": 30, "rows": 30},
        {"dictionary": "DICT_9X9"},
        {"square_mm": 0},
    ],
)
def test_a_board_that_cannot_be_is_refused(board: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        Board(**board)  # type: ignore[arg-type]
