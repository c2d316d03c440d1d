"""What the line, its worker processes, the journal and HTTP add to an inspection, in CPU time."""

import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
import uvicorn

from station.api.app import create_app
from station.api.context import Context
from station.api.plc.desk import Terms
from station.api.plc.doors import Doors, bind_ports
from station.api.server import listen
from station.cli.home import model_dirs, shipped, site
from station.core.frame import Frame, Image, Job
from station.core.recipe import PreparedRecipe, prepare, read_recipe
from station.inspection import inspect
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.line.line import Line
from station.line.settings import ApiSettings, PlcSettings, parse_settings
from station.line.shelf import Shelf
from station.sources.synthetic import part_seed, render
from station.sources.upload import encoded_from_upload
from station.tools.classify import Classify
from station.vision.card import find_model
from station.vision.images import encode_jpeg
from station.vision.memory import keep_picture_memory
from station.vision.model import load_model, to_tensor

PARTS, ROUNDS = 200, 5
UPLOAD = {"kind": "upload"}
CAMERA = {"kind": "synthetic", "product": "ring", "rate_per_s": 0, "prerendered": 20}


def say(text: str) -> None:
    """One line for whoever watches."""
    print(text, file=sys.stderr, flush=True)


def measure_costs() -> float:
    """Print the costs of one part, step by step; the CPU of a bare inspection in ms."""
    keep_picture_memory()
    images = [render("ring", seed=part_seed(9, n), defect=None).image for n in range(20)]
    prepared = int8_recipe()
    kernels = kernel_ms(images)
    bare = inspect_ms(images, prepared)
    say(f"kernels (resize + run), int8              {kernels:7.3f} ms CPU a part")
    say(f"inspect() adds                            {bare - kernels:7.3f} ms")
    for isolation in ("thread", "process"):
        with running_line(prepared, isolation=isolation) as (line, _):
            with_line = line_ms(line, images)
        say(f"line and journal add, {isolation:<8}            {with_line - bare:7.3f} ms")
    say(f"HTTP adds to the same job in process      {http_adds_ms(prepared):7.3f} ms")
    say(f"the PLC's door adds to the same trigger   {plc_adds_ms(prepared):7.3f} ms")
    return bare


def int8_recipe() -> PreparedRecipe:
    """The ring's recipe with the int8 model."""
    recipe = read_recipe(shipped() / "sample_images" / "ring" / "recipe.json")
    faster = Classify(name="surface", model="ring-int8/1")
    return prepare(recipe.model_copy(update={"tools": (faster,)}), site())


def frame_of(image: Image) -> Frame:
    """A frame without a camera."""
    return Frame(
        image=image, camera_id="bench", sequence=1, acquired_at=datetime.now(UTC), is_simulated=True
    )


def kernel_ms(images: list[Image]) -> float:
    """CPU of resize and model alone."""
    model = load_model(find_model("ring-int8/1", model_dirs()))
    name, output = model.card.input.name, model.card.outputs[0].name
    started = time.process_time()
    for n in range(PARTS):
        tensor = to_tensor(images[n % len(images)], model.card.input)
        model.session.run([output], {name: tensor})
    return (time.process_time() - started) / PARTS * 1e3


def inspect_ms(images: list[Image], prepared: PreparedRecipe) -> float:
    """CPU of a whole inspection in process, nothing recorded."""
    frames = [frame_of(image) for image in images]
    started = time.process_time()
    for n in range(PARTS):
        inspect(frames[n % len(frames)], prepared, Job())
    return (time.process_time() - started) / PARTS * 1e3


@contextmanager
def running_line(
    prepared: PreparedRecipe,
    *,
    isolation: str = "process",
    workers: int = 2,
    source: Mapping[str, object] = UPLOAD,
) -> Iterator[tuple[Line, Path]]:
    """A line with a journal on the disk, keeping no pictures."""
    with tempfile.TemporaryDirectory() as folder:
        entry = {
            "recipe": "ring", "queue_size": 8, "autostart": False,
            "isolation": isolation, "workers": workers,
        }  # fmt: skip
        settings = parse_settings({"line": entry, "source": source}, "benchmark")
        line = Line(
            settings.line,
            prepared,
            settings.source,
            Journal(Path(folder) / "journal.sqlite"),
            Pictures(Path(folder) / "pictures", KeepPolicy(keep="none")),
        )
        try:
            yield line, Path(folder)
        finally:
            line.close()


def line_ms(line: Line, images: list[Image]) -> float:
    """CPU of a job through queue, worker, journal and promise, two under way at a time."""
    frames = [frame_of(image) for image in images]
    started_s = cpu_s()
    for n in range(0, PARTS, 2):
        pair = [line.submit(frames[(n + k) % len(frames)], Job()) for k in range(2)]
        for promise in pair:
            promise.result()
    return (cpu_s() - started_s) / PARTS * 1e3


def cpu_s(process: psutil.Process | None = None) -> float:
    """CPU seconds of a process, this one if none is given, and of all below it."""
    process = process or psutil.Process()
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


POST = """
import httpx, sys
data = open(sys.argv[2], "rb").read()
headers = {"content-type": "image/jpeg"}
with httpx.Client(base_url=sys.argv[1], trust_env=False) as client:
    for _ in range(int(sys.argv[3])):
        client.post("/api/v1/jobs", content=data, headers=headers).raise_for_status()
"""


def http_adds_ms(prepared: PreparedRecipe) -> float:
    """CPU here for a posted JPEG of about 60 kB, less the same job in process; the median."""
    data = jpeg_of_about(60_000)
    with running_line(prepared) as (line, folder):
        picture = folder / "part.jpg"
        picture.write_bytes(data)
        with serving(line) as address:
            command = [sys.executable, "-c", POST, address, str(picture)]
            subprocess.run([*command, "20"], check=True)
            added = []
            for _ in range(ROUNDS):
                started = time.process_time()
                for n in range(PARTS):
                    frame = encoded_from_upload(data, camera_id="b", sequence=n)
                    line.submit(frame, Job()).result()
                between = time.process_time()
                subprocess.run([*command, str(PARTS)], check=True)
                added.append(time.process_time() - between - (between - started))
    return float(np.median(added)) / PARTS * 1e3


TRIGGER = """
import http.client, sys
plc, first = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1])), int(sys.argv[2])
for seq in range(first, first + int(sys.argv[3])):
    for path in (f"trigger?seq={seq}&part={seq}", f"ack?seq={seq}"):
        plc.request("POST", f"/plc/v1/{path}")
        plc.getresponse().read()
"""


def plc_adds_ms(prepared: PreparedRecipe) -> float:
    """CPU here for a trigger over HTTP and its acknowledgement, less the same trigger in process.

    The median of some rounds.
    """
    with running_line(prepared, source=CAMERA) as (line, _), plc_door(line) as port:
        numbers, added = itertools.count(1, PARTS), []
        for _ in range(ROUNDS):
            started = time.process_time()
            for _ in range(PARTS):
                line.trigger(Job()).result()
            between = time.process_time()
            command = [sys.executable, "-c", TRIGGER, str(port), str(next(numbers)), str(PARTS)]
            subprocess.run(command, check=True)
            added.append(time.process_time() - between - (between - started))
    return float(np.median(added)) / PARTS * 1e3


@contextmanager
def plc_door(line: Line) -> Iterator[int]:
    """A line's HTTP door for controllers on a free port."""
    terms = Terms(
        recipes={},
        prepare=lambda _: line.prepared,
        record_counts=lambda *_: None,
        deadline_ms=5000,
        most_under_way=10,
        reject_window=100,
    )
    ports = bind_ports(PlcSettings(port=0))
    doors = Doors(ports, line, terms)
    try:
        yield ports.bound[0].getsockname()[1]
    finally:
        doors.close()


def jpeg_of_about(size: int) -> bytes:
    """A rendered part as a JPEG whose quality makes it as large as wanted."""
    image = render("ring", seed=part_seed(9, 0), defect=None).image
    return min(
        (encode_jpeg(image, quality=quality) for quality in range(60, 100)),
        key=lambda data: abs(len(data) - size),
    )


@contextmanager
def serving(line: Line) -> Iterator[str]:
    """The API of a line on a free port."""
    settings = parse_settings({"line": {"recipe": "ring"}, "source": {"kind": "upload"}}, "bench")
    door = listen(ApiSettings(port=0))
    with ThreadPoolExecutor(2) as pool:
        shelf = Shelf((), site())
        app = create_app(Context(line=line, shelf=shelf, settings=settings, pool=pool))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
