"""The sample pictures of the demo products: rendered again, byte for byte, whenever asked."""

import json
from pathlib import Path

import cv2

from station.core.errors import PictureError
from station.core.files import write_whole
from station.sources.synthetic.board import Board, render_board
from station.sources.synthetic.board_bill import bill
from station.sources.synthetic.exact import Bytes
from station.sources.synthetic.label import Label, render_label
from station.sources.synthetic.rendering import (
    BOARD,
    LABEL,
    OK,
    PRODUCTS,
    reason_codes_of,
    render,
)
from station.sources.synthetic.seeds import SAMPLES

TRUTH_FILE = "truth.json"
POSITIONS_FILE = "positions.toml"
_GOOD, _OF_EACH_DEFECT, _JPEG_QUALITY = 20, 5, 90
_FEWER = {BOARD: (9, 3, 75), LABEL: (12, 2, 80)}
"""Boards are four times as large, labels have twice the faults: fewer, and packed tighter."""


def render_samples(out_dir: Path) -> list[Path]:
    """Write `ok/*.jpg`, `not_ok/<reason_code>/*.jpg` and `truth.json` for each demo product.

    `truth.json` maps each file to its truth, the defect's region (x, y, w, h) in pixels and the
    seed, of a board also its pose, its lot and serial number and the position at fault, of a label
    what is printed and coded; beside it lies a board's `positions.toml`. Gives the pictures
    written; files that are there already are replaced.
    """
    written = []
    for product in (*PRODUCTS, BOARD, LABEL):
        folder, truth = out_dir / product, {}
        for number, (seed, defect) in enumerate(sample_parts(product)):
            image, facts = _sample(product, seed, defect)
            file = f"{_subfolder(defect)}/{product}_{number:02d}.jpg"
            write_whole(folder / file, _as_jpeg(image, product))
            written.append(folder / file)
            truth[file] = facts
        lines = ",\n".join(f"  {json.dumps(file)}: {json.dumps(truth[file])}" for file in truth)
        write_whole(folder / TRUTH_FILE, f"{{\n{lines}\n}}\n".encode())
    write_whole(out_dir / BOARD / POSITIONS_FILE, bill().encode())
    return written


def sample_parts(product: str) -> list[tuple[int, str | None]]:
    """Seed and defect of each sample picture of a product, in order."""
    good, of_each, _ = _FEWER.get(product, (_GOOD, _OF_EACH_DEFECT, _JPEG_QUALITY))
    bad = [code for code in reason_codes_of(product) for _ in range(of_each)]
    defects: list[str | None] = [*[None] * good, *bad]
    return [(SAMPLES + number, defect) for number, defect in enumerate(defects)]


def _sample(product: str, seed: int, defect: str | None) -> tuple[Bytes, dict[str, object]]:
    if product == BOARD:
        board = render_board(seed=seed, defect=defect)
        facts = {"truth": defect or OK, "region": board.region, "seed": seed, **_more(board)}
        return board.image, facts
    if product == LABEL:
        label = render_label(seed=seed, defect=defect)
        facts = {"truth": defect or OK, "region": label.region, "seed": seed, **_said(label)}
        return label.image, facts
    part = render(product, seed=seed, defect=defect)
    return part.image, {"truth": part.truth, "region": part.region, "seed": seed}


def _more(board: Board) -> dict[str, object]:
    truth = board.truth
    pose = {name: getattr(truth.pose, name) for name in ("x", "y", "angle_deg", "scale")}
    return {
        "pose": pose, "position": truth.position, "lot": truth.lot, "serial": truth.serial,
    }  # fmt: skip


def _said(label: Label) -> dict[str, object]:
    printed = label.printed
    return {
        "font": printed.font, "lot": printed.lot, "expiry": printed.expiry.isoformat(),
        "coded_lot": printed.coded_lot, "coded_expiry": printed.coded_expiry.isoformat(),
    }  # fmt: skip


def _subfolder(defect: str | None) -> str:
    return OK if defect is None else f"not_ok/{defect}"


def _as_jpeg(image: Bytes, product: str) -> bytes:
    *_, quality = _FEWER.get(product, (_GOOD, _OF_EACH_DEFECT, _JPEG_QUALITY))
    done, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise PictureError("OpenCV could not encode a sample picture as JPEG")
    return packed.tobytes()
