"""A plate with four places for things, drawn with what lies on them, and what is taught of it."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from station.core.frame import Image
from station.teach.presence import PresenceLesson, TaughtPositions, teach_presence
from station.vision.images import encode_png

SIZE = (200, 150)
CENTRES = {"a": (50, 40), "b": (150, 40), "c": (50, 110), "d": (150, 110)}
SIDE = 40
FULL = {"a": "disc", "b": "disc", "c": "disc", "d": "none"}
"""What a complete plate has: three discs and an empty place."""
BILL = "\n".join(
    f'[[positions]]\nname = "{name}"\nx = {x - SIDE / 2}\ny = {y - SIDE / 2}\n'
    f'width = {SIDE}\nheight = {SIDE}\ngroup = "{"spare" if name == "d" else "disc"}"\n'
    f'expected = "{"absent" if name == "d" else "present"}"\nshift_at_most_px = 3.0\n'
    for name, (x, y) in CENTRES.items()
)


def plate(
    things: Mapping[str, str] = FULL,
    *,
    seed: int = 0,
    light: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    of: str = "",
) -> Image:
    """(150, 200, 3): things by position (disc, ring, bar, half, none); `of` lies shifted."""
    draw = np.random.default_rng(seed)
    image = np.full((SIZE[1], SIZE[0], 3), (70, 110, 90), np.float64)
    image += cv2.resize(draw.normal(0, 4, (15, 20, 3)), SIZE, interpolation=cv2.INTER_CUBIC)
    for name, (x, y) in CENTRES.items():
        moved = shift if name == of else (0.0, 0.0)
        _draw(image, things.get(name, "none"), (x + moved[0], y + moved[1]))
    image = image * light + draw.normal(0, 2, image.shape)
    return np.asarray(np.clip(np.round(image), 0, 255), np.uint8)


def write_pictures(folder: Path, images: Mapping[str, Image]) -> None:
    """Write pictures by name, with folders where the name has some."""
    for name, image in images.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(image))


def teach_plate(
    folder: Path, pictures: Mapping[str, Image], *, name: str = "plate", bill: str = BILL
) -> TaughtPositions:
    """Write pictures and bill below a folder, and teach them into its `models`."""
    write_pictures(folder / name, pictures)
    positions = folder / f"{name}.toml"
    positions.write_text(bill)
    lesson = PresenceLesson(folder=folder / name, name=name, positions=positions)
    return teach_presence(lesson, [folder / "models"])


def write_plate(models: Path) -> None:
    """Write `corner/1` for `presence`: one position within the first 64 x 48 pixels."""
    bill = '[[positions]]\nname = "a"\nx = 20\ny = 8\nwidth = 40\nheight = 40\n'
    pictures = {str(seed): plate(seed=seed)[12:, 10:].copy() for seed in range(2)}
    with TemporaryDirectory() as drafts:
        taught = teach_plate(Path(drafts), pictures, name="corner", bill=bill)
        shutil.copytree(taught.folder, models / "corner" / "1")


def _draw(image: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", thing: str,
          centre: tuple[float, float]) -> None:  # fmt: skip
    at = (round(centre[0] * 16 - 8), round(centre[1] * 16 - 8))
    steel = (200.0, 190.0, 180.0)
    if thing in ("disc", "half"):
        cv2.circle(image, at, 12 * 16, steel, cv2.FILLED, cv2.LINE_AA, 4)
        cv2.circle(image, at, 4 * 16, (40.0, 40.0, 40.0), cv2.FILLED, cv2.LINE_AA, 4)
    if thing == "ring":
        cv2.circle(image, at, 12 * 16, (60.0, 60.0, 190.0), cv2.FILLED, cv2.LINE_AA, 4)
        cv2.circle(image, at, 8 * 16, (70.0, 110.0, 90.0), cv2.FILLED, cv2.LINE_AA, 4)
    x, y = round(centre[0]), round(centre[1])
    if thing == "bar":
        cv2.rectangle(image, (x - 14, y - 5), (x + 14, y + 5), (30.0, 30.0, 30.0), cv2.FILLED)
    if thing == "half":
        cv2.rectangle(image, (x, y - 18), (x + 18, y + 18), (70.0, 110.0, 90.0), cv2.FILLED)
