"""What the libraries alone cost for the same pictures, and what the station adds to them."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from station.core.configuration import Configuration
from station.core.corrections import Colour, FlatField, Lens
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import HealthLimits, prepare
from station.inspection import inspect
from station.line.batch import JPEG_QUALITY
from station.line.batch_pictures import find_batch
from station.tools.plain import plain_recipe
from station.vision.annotate import STRIP_LINES, text_size
from station.vision.card import find_model, read_card, write_model
from station.vision.correction import corrected_image
from station.vision.geometry import resize
from station.vision.health import find_fault
from station.vision.images import read_image
from station.vision.model import Model, load_model
from tests.conftest import bright_card, bright_graph

QUIET = 0.2
"""Other processes only ever add time, so the lower quantile is the truer one."""


def bare_kernels(parts: Path, reference: str, site: Site, workers: int) -> dict[str, float]:
    """CPU ms a picture of decode, resize, run and encode alone, in as many threads as workers."""
    model = load_model(find_model(reference, site.model_dirs))
    files = [picture.path.read_bytes() for picture in find_batch([parts])[1]]
    spent: dict[str, float] = dict.fromkeys(("decode", "resize", "run", "encode"), 0.0)
    lock = threading.Lock()

    def work(mine: Iterable[bytes]) -> None:
        own = dict.fromkeys(spent, 0.0)
        for data in mine:
            _kernels(data, model, own)
        with lock:
            for kernel, seconds in own.items():
                spent[kernel] += seconds

    threads = [
        threading.Thread(target=work, args=(files[number::workers],)) for number in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {kernel: seconds / len(files) * 1e3 for kernel, seconds in spent.items()}


def overhead(picture: Path, reference: str, site: Site, *, rounds: int = 800) -> float:
    """CPU ms that `inspect` takes beyond resizing and running, in the quieter moments of both.

    Every picture is decoded anew before it is measured, as on the line, so that the caches hold
    what they hold there; with a model and picture that cost nothing it is the bare code.
    """
    card = read_card(find_model(reference, site.model_dirs))
    prepared = prepare(plain_recipe(card), site)
    model = load_model(find_model(reference, site.model_dirs))
    now, job = datetime.now(UTC), Job()
    whole_s, bare_s = [], []
    for number in range(rounds):
        image = read_image(picture)
        if number % 2:
            bare_s.append(_cpu(partial(_look, image, model)))
        else:
            frame = Frame(image=image, camera_id="camera", sequence=number, acquired_at=now)
            whole_s.append(_cpu(partial(inspect, frame, prepared, job)))
    return float(np.quantile(whole_s, QUIET) - np.quantile(bare_s, QUIET)) * 1e3


def overhead_alone(folder: Path) -> float:
    """The same with a picture of 32 x 32 and a model of eight small nodes: the code alone."""
    data = bright_graph().SerializeToString()
    write_model(folder / "bright" / "1", bright_card(data), data)
    picture = folder / "small.bmp"
    noise = np.random.default_rng(0).integers(60, 120, (32, 32, 3), np.uint8)
    cv2.imwrite(str(picture), noise)
    return overhead(picture, "bright/1", Site(model_dirs=(folder,)), rounds=4000)


def health_ms(width: int, height: int, *, rounds: int = 200) -> float:
    """CPU ms of all checks of a picture's fitness, on a noisy colour picture just copied."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(40, 200, (height // 8, width // 8, 3), np.uint8)
    scene = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_LINEAR)
    picture = cv2.add(scene, rng.integers(0, 6, scene.shape, np.uint8))
    limits = HealthLimits(
        width_px=width, height_px=height, channels=3, dark_share_at_most=1,
        saturated_share_at_most=1, sharpness_at_least=0.01, noise_at_most=255,
        repeated_rows_at_most=1, tear_at_most=1,
    )  # fmt: skip
    spent = []
    for _ in range(rounds):
        fresh = np.array(picture, np.uint8)
        spent.append(_cpu(partial(find_fault, fresh, limits)))
    return float(np.quantile(spent, QUIET)) * 1e3


def correction_ms(width: int = 1280, height: int = 1024, *, rounds: int = 60) -> dict[str, float]:
    """CPU ms that correcting one picture takes, for each step and channel count, and for all."""
    camera = (1400.0, 0.0, width / 2, 0.0, 1400.0, height / 2, 0.0, 0.0, 1.0)
    lens = Lens(
        camera_matrix=camera, distortion=(-0.2, 0.1, 0, 0, 0), corrected_matrix=camera,
        error_px=0.1, held_out_error_px=0.1, views=12,
    )  # fmt: skip
    slope = tuple(tuple(1 + 0.01 * column for column in range(17)) for _ in range(13))
    flat = FlatField(gain=(slope,), dark=(slope,), defect_pixels=((10, 10), (600, 500)))
    colour = Colour(
        encoding="srgb", gains=(1.2, 1, 1.5),
        matrix=(1.2, -0.1, -0.1, -0.1, 1.2, -0.1, 0, -0.2, 1.2), delta_e_before=9,
        delta_e_after=1, delta_e_held_out=1,
    )  # fmt: skip
    size = (width, height)
    steps: dict[str, tuple[int, Configuration]] = {
        "lens grey": (1, Configuration(image_size_px=size, lens=lens)),
        "lens colour": (3, Configuration(image_size_px=size, lens=lens)),
        "flat grey": (1, Configuration(image_size_px=size, flat_field=flat)),
        "flat colour": (3, Configuration(image_size_px=size, flat_field=flat)),
        "colour": (3, Configuration(colour=colour)),
        "all grey": (1, Configuration(image_size_px=size, lens=lens, flat_field=flat)),
        "all colour": (
            3, Configuration(image_size_px=size, lens=lens, flat_field=flat, colour=colour)
        ),
    }  # fmt: skip
    return {name: _correction_ms(size, *step, rounds) for name, step in steps.items()}


def _correction_ms(
    size: tuple[int, int], channels: int, configuration: Configuration, rounds: int
) -> float:
    shape = size[::-1] if channels == 1 else (*size[::-1], channels)
    image: Image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    corrected_image(image, configuration)
    spent = [_cpu(partial(corrected_image, image, configuration)) for _ in range(rounds)]
    return float(np.quantile(spent, QUIET)) * 1e3


def _look(image: Image, model: Model) -> None:
    contract = model.card.input
    tensor = resize(image, contract.width, contract.height)[np.newaxis]
    model.session.run([model.card.outputs[0].name], {contract.name: tensor})


def _kernels(data: bytes, model: Model, spent: dict[str, float]) -> None:
    contract, output = model.card.input, model.card.outputs[0].name
    kept: list[Image] = []
    buffer = np.frombuffer(data, np.uint8)
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    spent["decode"] += _cpu(lambda: kept.append(np.asarray(cv2.imdecode(buffer, flags), np.uint8)))
    image = kept[0]
    spent["resize"] += _cpu(lambda: kept.append(resize(image, contract.width, contract.height)))
    tensor = kept[1][np.newaxis]
    spent["run"] += _cpu(lambda: model.session.run([output], {contract.name: tensor}))
    quality = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    saved = cv2.copyMakeBorder(image, strip_px(image), 0, 0, 0, cv2.BORDER_CONSTANT)
    spent["encode"] += _cpu(lambda: cv2.imencode(".jpg", saved, quality))


def strip_px(image: Image) -> int:
    """The height of the strip an annotated picture has above the image."""
    return round(text_size(image.shape[1], image.shape[0]) * STRIP_LINES)


def _cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this thread; with one thread a session this is all there is."""
    started_s = time.thread_time()
    work()
    return time.thread_time() - started_s
