"""What the libraries alone cost for the same pictures, and what the station adds to them."""

import statistics
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import prepare
from station.inspection import inspect
from station.line.batch import JPEG_QUALITY
from station.line.batch_pictures import find_batch
from station.tools.classify import plain_recipe
from station.vision.annotate import STRIP_LINES, text_size
from station.vision.card import find_model, read_card
from station.vision.geometry import resize
from station.vision.model import Model, load_model


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


def overhead(parts: Path, reference: str, site: Site, *, rounds: int = 400) -> float:
    """CPU ms that `inspect` takes beyond resizing and running: the median of paired differences."""
    card = read_card(find_model(reference, site.model_dirs))
    prepared = prepare(plain_recipe(card), site)
    model = load_model(find_model(reference, site.model_dirs))
    picture = find_batch([parts])[1][0]
    image = np.asarray(cv2.imread(str(picture.path)), np.uint8)
    frame = Frame(image=image, camera_id="camera", sequence=1, acquired_at=datetime.now(UTC))
    job = Job()
    added = []
    for _ in range(rounds):
        whole_s = _cpu(lambda: inspect(frame, prepared, job))
        added.append(whole_s - _cpu(lambda: _look(image, model)))
    return statistics.median(added) * 1e3


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
