"""The import certificate: the finished model, shown every picture, against what was expected."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime as ort

from station import __version__
from station.core.errors import ModelError, PictureError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import PreparedRecipe, prepare
from station.core.result import Evaluation, Result, ResultState, decide
from station.inspection import inspect
from station.teach.importing.meaning import Meaning
from station.teach.importing.references import Reference
from station.teach.importing.trial import difference
from station.tools.plain import plain_recipe
from station.vision.card import ModelCard, write_model
from station.vision.images import read_image
from station.vision.model import Model, load_model
from station.vision.score import answer_of

CERTIFICATE_FILE = "certificate.json"
FEWEST_RUNS, LONGEST_S = 60, 10.0
MOST_NAMED = 20
PLAIN_PX = (1280, 1024)
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was proved of an imported model on this PC."""

    model: str
    sha256: str
    card_hash: str
    pictures: int
    expected: int
    """Pictures with expected scores."""
    tolerance: float
    largest_difference: float | None
    mean_difference: float | None
    verdict_flips: tuple[str, ...]
    """Pictures that would have got another verdict by the expected score."""
    beyond_tolerance: tuple[str, ...]
    good_parts: int
    good_not_passed: int
    bad_parts: int
    bad_passed: int
    unreadable: tuple[str, ...]
    p50_ms: float
    p99_ms: float
    runs: int
    memory_mb: float | None
    """Growth of the process's memory from before loading to after the last picture."""
    software_version: str
    onnxruntime_version: str
    made_at: str

    @property
    def is_sound(self) -> bool:
        """Whether the model says what it was expected to say."""
        return not (self.verdict_flips or self.beyond_tolerance)

    def as_json(self) -> bytes:
        """The file's content."""
        return (json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, slots=True)
class _Seen:
    reference: Reference
    score: float
    off: float | None
    is_flipped: bool
    passed: bool


def certify(
    card: ModelCard,
    data: bytes,
    references: Sequence[Reference],
    meaning: Meaning,
    tolerance: float,
) -> Certificate:
    """Replay the pictures through the plain recipe around the model.

    Raises:
        ModelError: the model cannot be loaded, or a picture of the right kind ends as FAILED.
    """
    before = _memory_bytes()
    with TemporaryDirectory(prefix="station-") as folder:
        models = Path(folder)
        write_model(models / card.name / str(card.version), card, data)
        prepared = prepare(plain_recipe(card), Site(model_dirs=(models,)))
        model = load_model(models / card.name / str(card.version))
        unreadable: list[str] = []
        seen = list(_replay(prepared, model, references, meaning, unreadable))
        times_ms = _times(prepared, references)
    after = _memory_bytes()
    memory = round((after - before) / 1e6, 1) if before and after else None
    return _filled(card, seen, unreadable, times_ms, memory, tolerance)


def _replay(
    prepared: PreparedRecipe,
    model: Model,
    references: Sequence[Reference],
    meaning: Meaning,
    unreadable: list[str],
) -> Iterator[_Seen]:
    for reference in references:
        try:
            image = read_image(reference.path)
        except PictureError as error:
            unreadable.append(str(error))
            continue
        result = inspect(_frame(image), prepared, Job())
        _refuse_failure(result, reference.name)
        answer = answer_of(model, image)
        off = difference(answer, reference, meaning) if reference.expected else None
        yield _Seen(
            reference, answer.score, off,
            _is_flipped(model.card, reference, meaning, answer.score), result.passed,
        )  # fmt: skip


def _is_flipped(card: ModelCard, reference: Reference, meaning: Meaning, score: float) -> bool:
    expected = _expected_score(card, reference, meaning)
    return expected is not None and _verdict(card, expected) is not _verdict(card, score)


def _expected_score(card: ModelCard, reference: Reference, meaning: Meaning) -> float | None:
    numbers = reference.expected or {}
    if "score" in numbers:
        return numbers["score"]
    good = None if card.good_class is None else card.classes[card.good_class]
    shares = [share for name, share in numbers.items() if meaning.class_of(name) == good]
    return 1 - shares[0] if good and shares else None


def _verdict(card: ModelCard, score: float) -> Evaluation:
    limits = card.limits_with(None, None)
    return decide(score, accept_limit=limits.accept_limit, reject_limit=limits.reject_limit)


def _refuse_failure(result: Result, name: str) -> None:
    if result.result_state is ResultState.FAILED and result.reason_code != "unhealthy_image":
        raise ModelError(f"the model cannot inspect {name}: {result.reason_text}")


def _times(prepared: PreparedRecipe, references: Sequence[Reference]) -> list[float]:
    """Milliseconds from decoded picture to evaluation, one after another on this PC."""
    images = list(_images(references)) or [_plain_picture()]
    inspect(_frame(images[0]), prepared, Job())
    until_s = time.monotonic() + LONGEST_S
    times_ms: list[float] = []
    while len(times_ms) < FEWEST_RUNS and (time.monotonic() < until_s or not times_ms):
        image = images[len(times_ms) % len(images)]
        times_ms.append(inspect(_frame(image), prepared, Job()).processing_ms)
    return times_ms


def _images(references: Sequence[Reference]) -> Iterator[Image]:
    for reference in references[:: max(1, len(references) // 8)][:8]:
        try:
            yield read_image(reference.path)
        except PictureError:
            continue


def _plain_picture() -> Image:
    width, height = PLAIN_PX
    return np.random.default_rng(0).integers(60, 200, (height, width, 3), np.uint8)


def _frame(image: Image) -> Frame:
    return Frame(image=image, camera_id="import", sequence=1, acquired_at=datetime.now(UTC))


def _memory_bytes() -> int | None:
    """Resident memory of this process; None where the system does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


def _filled(
    card: ModelCard,
    seen: Sequence[_Seen],
    unreadable: Sequence[str],
    times_ms: Sequence[float],
    memory_mb: float | None,
    tolerance: float,
) -> Certificate:
    offs = [entry.off for entry in seen if entry.off is not None]
    good = [entry for entry in seen if entry.reference.is_good is True]
    bad = [entry for entry in seen if entry.reference.is_good is False]
    beyond = [e.reference.name for e in seen if e.off is not None and not e.off <= tolerance]
    return Certificate(
        model=card.reference,
        sha256=card.sha256,
        card_hash=card.hash,
        pictures=len(seen),
        expected=len(offs),
        tolerance=tolerance,
        largest_difference=float(max(offs)) if offs else None,
        mean_difference=float(np.mean(offs)) if offs else None,
        verdict_flips=tuple(e.reference.name for e in seen if e.is_flipped),
        beyond_tolerance=tuple(beyond),
        good_parts=len(good),
        good_not_passed=sum(not entry.passed for entry in good),
        bad_parts=len(bad),
        bad_passed=sum(entry.passed for entry in bad),
        unreadable=tuple(unreadable[:MOST_NAMED]),
        p50_ms=round(float(np.median(times_ms)), 3),
        p99_ms=round(float(np.quantile(times_ms, 0.99)), 3),
        runs=len(times_ms),
        memory_mb=memory_mb,
        software_version=__version__,
        onnxruntime_version=ort.__version__,
        made_at=datetime.now(UTC).replace(microsecond=0).isoformat(),
    )
