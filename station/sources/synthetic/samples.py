"""The sample pictures of the demo products: rendered again, byte for byte, whenever asked."""

import json
from pathlib import Path

import cv2

from station.core.errors import PictureError
from station.core.files import write_whole
from station.sources.synthetic.rendering import OK, PRODUCTS, Rendered, render
from station.sources.synthetic.seeds import SAMPLES

TRUTH_FILE = "truth.json"
_GOOD, _OF_EACH_DEFECT = 20, 5
_JPEG_QUALITY = 90


def render_samples(out_dir: Path) -> list[Path]:
    """Write `ok/*.jpg`, `not_ok/<reason_code>/*.jpg` and `truth.json` for each demo product.

    `truth.json` maps each file to its truth, the defect's region (x, y, w, h) in pixels and the
    seed. Gives the pictures written; files that are there already are replaced.
    """
    written = []
    for product in PRODUCTS:
        folder, truth = out_dir / product, {}
        for number, (seed, defect) in enumerate(sample_parts(product)):
            part = render(product, seed=seed, defect=defect)
            file = f"{_subfolder(defect)}/{product}_{number:02d}.jpg"
            write_whole(folder / file, _as_jpeg(part))
            written.append(folder / file)
            truth[file] = {"truth": part.truth, "region": part.region, "seed": seed}
        lines = ",\n".join(f"  {json.dumps(file)}: {json.dumps(truth[file])}" for file in truth)
        write_whole(folder / TRUTH_FILE, f"{{\n{lines}\n}}\n".encode())
    return written


def sample_parts(product: str) -> list[tuple[int, str | None]]:
    """Seed and defect of each sample picture of a product, in order."""
    bad = [code for code in PRODUCTS[product].reason_codes for _ in range(_OF_EACH_DEFECT)]
    defects: list[str | None] = [*[None] * _GOOD, *bad]
    return [(SAMPLES + number, defect) for number, defect in enumerate(defects)]


def _subfolder(defect: str | None) -> str:
    return OK if defect is None else f"not_ok/{defect}"


def _as_jpeg(part: Rendered) -> bytes:
    done, packed = cv2.imencode(".jpg", part.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise PictureError("OpenCV could not encode a sample picture as JPEG")
    return packed.tobytes()
