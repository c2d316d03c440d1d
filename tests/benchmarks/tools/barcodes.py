"""Codes of the public set: texts read exactly, wrong texts, CPU time; through the tool `read_code`.

A folder is named after its symbology, and a recipe of a factory names its symbology too, so each
folder is read with a recipe for that one; a second figure allows all of them at once. Nothing else
is told to the tool: no region, no text, no pattern.
"""

import io
import re
import statistics
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage

from station.core.frame import Frame, Image
from station.core.plugin import Site
from station.core.result import Evaluation, Finding
from station.tools.read_code import ReadCode
from station.vision.codes.symbologies import KINDS, Symbology
from tests.benchmarks.tools.figures import Figures, folder_of

EXACT_AT_LEAST, WRONG_AT_MOST, MEDIAN_MS_AT_MOST = 0.92, 0, 10.0

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".pgm"}
SYMBOLOGIES: dict[str, Symbology] = {
    "datamatrix": "data_matrix",
    "databarltd": "databar_limited",
    "dxfilmedge": "dx_film_edge",
    "ean13-extension": "ean13",
    "micropdf417": "micro_pdf417",
    "microqrcode": "micro_qr_code",
    "qrcode": "qr_code",
    "rmqrcode": "rmqr_code",
    "rss14": "databar",
    "rssexpanded": "databar_expanded",
    "rssexpandedstacked": "databar_expanded",
    "upca": "upc_a",
    "upca-extension": "upc_a",
    "upce": "upc_e",
    **{name: name for name in KINDS},
}
"""Folder name without its number -> symbology; folders of no symbology may hold any."""

NO_CODES = "falsepositives"
LABEL_FLAWS = {("ean13-2", "23"): "9784872348880"}
"""Where the digits printed under the bars are not what the set's text file says. Reading the
printed ones is neither exact nor wrong; anything else is wrong as everywhere."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and what it must say: a text, bytes, or None where the set does not tell."""

    folder: str
    family: str
    name: str
    image: Image
    truth: str | bytes | None


def measure(data: Path) -> Figures:
    """Every picture of the set, once with the recipe of its symbology, once with all allowed."""
    samples = list(read_samples(folder_of(data, "barcodes")))
    named, times_ms = _outcomes(samples, is_named=True)
    open_to_all, all_times_ms = _outcomes(samples, is_named=False)
    told = sum(sample.truth is not None for sample in samples)
    exact, median_ms = named["exact"] / told, statistics.median(times_ms)
    lines = (
        (
            f"exact text {exact:.4f} of {told} (asked: at least {EXACT_AT_LEAST}); "
            f"not decidable {named['undecided']}, not read {named['unread']}"
        ),
        (
            f"wrong text {named['wrong']} of {len(samples)} pictures (asked: {WRONG_AT_MOST}), "
            f"{_count(samples, NO_CODES)} of them without a code; "
            f"{named['label_flaw']} read as printed where the set's own text is wrong"
        ),
        (
            f"CPU {median_ms:.1f} ms median (asked: at most {MEDIAN_MS_AT_MOST:.0f}), "
            f"{_high(times_ms):.0f} ms 95th percentile, {max(times_ms):.0f} ms longest"
        ),
        (
            f"all symbologies allowed: exact {open_to_all['exact'] / told:.4f}, "
            f"wrong {open_to_all['wrong']}, CPU {statistics.median(all_times_ms):.1f} ms median"
        ),
    )
    numbers = {
        "exact": round(exact, 4),
        "wrong": named["wrong"],
        "median_ms": round(median_ms, 2),
        "exact_any_symbology": round(open_to_all["exact"] / told, 4),
        "wrong_any_symbology": open_to_all["wrong"],
    }
    return Figures(lines, numbers)


def read_samples(root: Path, only: Collection[str] = ()) -> Iterator[Sample]:
    """Every picture in the folders of `root`: NAME.png, its text in NAME.txt or bytes in NAME.bin.

    NAME.result.txt holds other facts. Parts of a sequence (01-02.png) have one text for all of
    them, in 01.bin, and so none of their own.
    """
    for path in sorted(root.glob("*/*")):
        if path.suffix.lower() not in SUFFIXES or (only and path.parent.name not in only):
            continue
        text, raw = path.with_suffix(".txt"), path.with_suffix(".bin")
        truth: str | bytes | None = None
        if text.exists():
            truth = text.read_bytes().decode()
        elif raw.exists():
            truth = raw.read_bytes()
        family = re.sub(r"-\d+$", "", path.parent.name)
        yield Sample(path.parent.name, family, path.stem, _decode(path), truth)


def _outcomes(samples: list[Sample], *, is_named: bool) -> tuple[Counter[str], list[float]]:
    counts: Counter[str] = Counter()
    times_ms = []
    for sample in samples:
        run = _recipe(sample, is_named=is_named).prepare(Site(model_dirs=())).run
        frame = frame_of(sample.image)
        started_s = time.thread_time()
        findings = run(frame)
        times_ms.append((time.thread_time() - started_s) * 1e3)
        counts[judge(sample, findings)] += 1
    return counts, times_ms


def judge(sample: Sample, findings: Sequence[Finding]) -> str:
    """What came of one picture: exact, wrong, label_flaw, undecided, unread, nothing, or untold."""
    reads = [finding.read for finding in findings if finding.read]
    texts = [read.get("text") for read in reads]
    if sample.truth is None and sample.family != NO_CODES:
        return "untold"
    printed = LABEL_FLAWS.get((sample.folder, sample.name))
    if not all(_is_truth(read, sample.truth) for read in reads):
        return "label_flaw" if printed and texts == [printed] else "wrong"
    if reads and findings[0].evaluation is Evaluation.OK and len(findings) == 1:
        return "exact"
    if sample.truth is None:
        return "nothing"
    is_undecided = any(one.evaluation is Evaluation.NOT_DECIDABLE for one in findings)
    return "undecided" if is_undecided else "unread"


def _is_truth(read: Mapping[str, str], truth: str | bytes | None) -> bool:
    if isinstance(truth, bytes):
        raw = bytes.fromhex(read["hex"]) if "hex" in read else read["text"].encode()
        return raw == truth
    return read.get("text") == truth


def _recipe(sample: Sample, *, is_named: bool) -> ReadCode:
    known = SYMBOLOGIES.get(sample.family)
    symbologies = (known,) if is_named and known else tuple(KINDS)
    needs_add_on = sample.family.endswith("-extension")
    return ReadCode(
        name="code", symbologies=symbologies, add_on="require" if needs_add_on else "ignore"
    )


def frame_of(image: Image) -> Frame:
    """A picture of the set as a frame."""
    return Frame(image=image, camera_id="set", sequence=1, acquired_at=datetime.now(UTC))


def _decode(path: Path) -> Image:
    data = path.read_bytes()
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        image = np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGB"))[:, :, ::-1]
    return np.ascontiguousarray(image, np.uint8)


def _count(samples: list[Sample], family: str) -> int:
    return sum(sample.family == family for sample in samples)


def _high(times_ms: list[float]) -> float:
    return float(np.percentile(times_ms, 95))
