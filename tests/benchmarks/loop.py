"""`python -m tests.benchmarks.loop`: the folder loop against a tutorial loop, in one run.

Every loop is a process of its own and saves every picture annotated, JPEG quality 85, 4:2:0. The
tutorial loop is what one writes first: cv2.imread, a default session, floats in numpy, draw,
cv2.imwrite. Its graph is the same model file with the two input nodes (transpose, divide by 255)
taken off, because it does these in numpy; its resize is the station's, so that scores are equal.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort

import station
from station.cli.home import shipped
from station.core.frame import Image
from station.core.plugin import Site
from station.core.recipe import prepare
from station.line.batch import JPEG_QUALITY, Batch
from station.line.batch_pictures import find_batch
from station.line.batch_store import BatchSettings, BatchStore, read_lines
from station.sources.synthetic import PRODUCTS, render
from station.tools.plain import plain_recipe
from station.vision.card import find_model, read_card
from station.vision.geometry import resize
from station.vision.memory import keep_picture_memory
from tests.benchmarks.kernels import bare_kernels, overhead, overhead_alone
from tests.benchmarks.line.costs import measure_costs

SIZE = (1280, 1024)
PRODUCT = "ring"
MODELS = {"fp32": "ring/1", "int8": "ring-int8/1"}
ROUNDS = 5
COPIES = 3
"""Rendering takes longer than inspecting: each picture lies there so many times."""


def main() -> None:
    """Render, run every loop in turn several times, print the ratios."""
    options = _options()
    if options.loop:
        print(json.dumps(_one_loop(options.loop, Path(options.folder), options.workers)))
        return
    with tempfile.TemporaryDirectory() as folder:
        parts = _render(Path(folder) / "parts", options.parts)
        print(f"{options.parts * COPIES} pictures {SIZE[0]}x{SIZE[1]}, {options.workers} workers, "
              f"median of {ROUNDS} rounds; load {os.getloadavg()[0]:.1f}")  # fmt: skip
        keep_picture_memory()
        _compare_loops(parts, options.workers)
        _shares(parts, options.workers)
        _first_verdict(parts)
    measure_costs()


def _compare_loops(parts: Path, workers: int) -> None:
    loops = ("tutorial", "tutorial-uint8", "fp32", "int8")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in loops}
    for _ in range(ROUNDS):
        for name in loops:  # in turns, so that the machine's moods hit all alike
            runs[name].append(_in_own_process(name, parts, workers))
    print(f"\n{'loop':<16}{'images/s':>10}{'CPU ms/image':>14}")
    for name in loops:
        print(f"{name:<16}{_median(runs[name], 'images_per_s'):>10.1f}"
              f"{_median(runs[name], 'cpu_ms'):>14.2f}")  # fmt: skip
    for name, wanted in (("fp32", 2.0), ("int8", 3.0)):
        for other in ("tutorial", "tutorial-uint8"):
            pairs = zip(runs[name], runs[other], strict=True)
            ratio = statistics.median(a["images_per_s"] / b["images_per_s"] for a, b in pairs)
            goal = f" (wanted {wanted:g})" if other == "tutorial" else ""
            print(f"station {name} / {other}: {ratio:.2f} x the images/s{goal}")
    for other in ("tutorial", "tutorial-uint8"):
        scores = zip(runs["fp32"][0]["scores"], runs[other][0]["scores"], strict=True)
        print(f"largest difference of a score, fp32 to {other}: "
              f"{max(abs(a - b) for a, b in scores):.1e} (wanted 1e-4)")  # fmt: skip


def _shares(parts: Path, workers: int) -> None:
    print()
    for name, reference in MODELS.items():
        shares = []
        for _ in range(ROUNDS):
            spent = _in_own_process(name, parts, workers)["cpu_ms"]
            kernels = bare_kernels(parts, reference, _site(), workers)
            shares.append(sum(kernels.values()) / spent)
        words = ", ".join(f"{kernel} {ms:.2f}" for kernel, ms in kernels.items())
        print(f"useful share {name}: {statistics.median(shares):.2f} (wanted 0.85); "
              f"CPU ms of the bare kernels: {words}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        alone = overhead_alone(Path(folder))
    print(f"station beyond the kernels, without journal: {alone:.3f} ms CPU a frame (wanted 0.1)")
    picture = next(iter(sorted(parts.rglob("*.jpg"))))
    for name, reference in MODELS.items():
        added = overhead(picture, reference, _site())
        print(f"    between decoding and {name}, which leave the caches cold: {added:.3f} ms CPU")


def _first_verdict(parts: Path) -> None:
    picture = next(iter(sorted(parts.rglob("*.jpg"))))
    seconds = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as out:
            command = ["inspect", str(picture), "--model", MODELS["fp32"], "--out", out]
            started_s = time.perf_counter()
            _python("-m", "station", *command)
            seconds.append(time.perf_counter() - started_s)
    print(
        f"\nstart to first verdict, with its report: {statistics.median(seconds):.2f} s (wanted 3)"
    )


def _one_loop(name: str, parts: Path, workers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        if name in MODELS:
            return batch(parts, out, MODELS[name], workers)
        paths = [picture.path for picture in find_batch([parts])[1]]
        return tutorial(paths, out, as_float=name == "tutorial")


class Clock:
    """Wall and CPU time of a loop, its session being ready."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def ran(self, scores: list[float]) -> dict[str, Any]:
        """What the loop did."""
        seconds, cpu_s = time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s
        return {
            "images_per_s": len(scores) / seconds,
            "cpu_ms": cpu_s / len(scores) * 1e3,
            "scores": scores,
        }


def tutorial(paths: list[Path], out: Path, *, as_float: bool) -> dict[str, Any]:
    """The loop of a tutorial; scores in the order of the paths."""
    folder = find_model(MODELS["fp32"], _site().model_dirs)
    card = read_card(folder)
    graph = onnx.load(folder / card.file)
    session = ort.InferenceSession((_float_input(graph) if as_float else graph).SerializeToString())
    name = session.get_inputs()[0].name
    scores = []
    clock = Clock()
    for number, path in enumerate(paths):
        image = cv2.imread(str(path))
        assert image is not None
        small = resize(np.asarray(image, np.uint8), card.input.width, card.input.height)
        if as_float:
            tensor = np.expand_dims(np.transpose(small.astype(np.float32) / 255.0, (2, 0, 1)), 0)
        else:
            tensor = np.expand_dims(small, 0)
        answer = session.run(None, {name: np.ascontiguousarray(tensor)})[0][0]
        score = float(1 - answer[card.good_class])
        scores.append(score)
        _draw(np.asarray(image, np.uint8), card.classes[int(answer.argmax())], score)
        target = str(out / f"{number}.jpg")
        cv2.imwrite(target, image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return clock.ran(scores)


def batch(parts: Path, out: Path, reference: str, workers: int) -> dict[str, Any]:
    """The station's batch, every picture annotated and saved; scores in natural order."""
    card = read_card(find_model(reference, _site().model_dirs))
    prepared = prepare(plain_recipe(card), _site())
    root, pictures = find_batch([parts], codes=prepared.severity)
    settings = BatchSettings(
        root=str(root), recipe_id=card.name, recipe_version=1, recipe_hash=prepared.recipe_hash,
        models=prepared.models, configuration_id=prepared.configuration_id,
        software_version=station.__version__, annotate="all", bits=16,
    )  # fmt: skip
    keep_picture_memory()  # as `station inspect` does
    store = BatchStore.open(out, settings)
    clock = Clock()
    run = Batch(pictures, prepared, store, annotate="all", workers=workers)
    run.start()
    while not run.wait(0.1):
        pass
    store.close()
    scores = [0.0] * len(pictures)
    ran = clock.ran(scores)
    return {**ran, "scores": [record["findings"][0]["score"] for record in read_lines(out)]}


def _draw(image: Image, label: str, score: float) -> None:
    colour = (0, 200, 0) if label == "ok" else (0, 0, 255)
    height, width = image.shape[:2]
    cv2.rectangle(image, (2, 2), (width - 3, height - 3), colour, 4)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, f"{label} {score:.3f}", (20, 50), font, 1.5, colour, 3, cv2.LINE_AA)


def _float_input(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without its first two nodes: planes of floats between 0 and 1 in."""
    transpose, dequantise = model.graph.node[:2]
    if (transpose.op_type, dequantise.op_type) != ("Transpose", "DequantizeLinear"):
        raise SystemExit("the model does not begin with Transpose and DequantizeLinear")
    card = read_card(find_model(MODELS["fp32"], _site().model_dirs))
    del model.graph.node[:2]
    del model.graph.input[:]
    shape = [1, card.input.channels, card.input.height, card.input.width]
    name = dequantise.output[0]
    model.graph.input.append(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
    )
    return model


def _render(folder: Path, count: int) -> Path:
    """Parts with every tenth one bad, as JPEGs a camera would give (quality 92)."""
    codes = PRODUCTS[PRODUCT].reason_codes
    for number in range(count):
        defect = codes[number // 10 % len(codes)] if number % 10 == 0 else None
        part = render(PRODUCT, seed=number, defect=defect, size=SIZE)
        path = folder / part.truth / f"part{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), part.image, [cv2.IMWRITE_JPEG_QUALITY, 92])
        for copy in range(1, COPIES):
            shutil.copy(path, path.with_name(f"copy{copy}-{path.name}"))
    return folder


def _in_own_process(name: str, parts: Path, workers: int) -> dict[str, Any]:
    module = ("-m", "tests.benchmarks.loop", "--loop", name)
    answer: dict[str, Any] = json.loads(
        _python(*module, "--folder", str(parts), "--workers", str(workers)).splitlines()[-1]
    )
    return answer


def _python(*arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=600
    )
    if ended.returncode not in (0, 1):
        raise SystemExit(f"{arguments} ended with {ended.returncode}: {ended.stderr}")
    return ended.stdout


def _site() -> Site:
    return Site(model_dirs=(shipped() / "models",))


def _median(runs: list[dict[str, Any]], key: str) -> float:
    return float(statistics.median(run[key] for run in runs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=60, help="how many pictures to render")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--loop", default="", help="only this loop, on --folder; prints JSON")
    parser.add_argument("--folder", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
