"""A model made smaller and faster, and kept only where no verdict changes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import JsonValue

from station.core.errors import ModelError, PictureError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import PreparedRecipe, prepare
from station.core.result import Evaluation, Result, ResultState
from station.inspection import inspect
from station.teach.importing.references import Reference, find_references, spread
from station.teach.importing.wishes import Wishes
from station.teach.int8 import HEAVY, is_quantised, outer_nodes, prepared, static_int8, without_mark
from station.teach.keep import check_name, keep, next_version
from station.teach.made_from import digests_of, listed, pictures_of
from station.teach.parity import PARITY_FILE, Parity, Scores, auroc, flipped, refit
from station.tools.plain import plain_recipe
from station.vision.card import Limits, ModelCard, find_model, read_card, write_model
from station.vision.images import read_image
from station.vision.model import load_model, sha256_of, to_tensor
from station.vision.score import answer_of

FEWEST, CALIBRATED_ON, COMPARED_ON = 10, 128, 1000
WAYS: Mapping[str, Sequence[str] | None] = {
    "all operators": None,
    "convolutions and matrices only": HEAVY,
    "convolutions only": ("Conv", "ConvTranspose"),
}
"""Tried in turn, until one is faster and no verdict changes."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Quantised:
    """What came of it; `folder` is None where the old model stays."""

    card: ModelCard
    folder: Path | None
    parity: Parity


@dataclass(frozen=True, slots=True)
class _Answers:
    scores: Scores
    evaluations: tuple[Evaluation, ...]
    p50_ms: float


def quantize(
    reference: str, folder: Path, model_dirs: Sequence[Path], tell: Tell, name: str = ""
) -> Quantised:
    """Make an int8 model of a model, refit its limits, and keep it if no verdict changes.

    Args:
        reference: name, or name/version.
        folder: pictures of the product, best in folders of good and of bad parts.
        name: what the new one is called; <name>-int8 where empty.

    Raises:
        ModelError: it cannot be quantised, or there are too few pictures to prove anything.
    """
    source = find_model(reference, model_dirs)
    card = read_card(source)
    load_model(source)
    data = (source / card.file).read_bytes()
    if card.limits is None:
        raise ModelError(f"model {card.reference} is for {card.task} and gives no verdicts")
    if is_quantised(data):
        raise ModelError(f"model {card.reference} is quantised already")
    pictures = _readable(folder)
    new_name = check_name(name or f"{card.name}-int8")
    version = next_version(new_name, model_dirs)
    tried: list[tuple[Quantised, bytes]] = []
    for way, small in _variants(card, data, pictures, tell):
        draft = _draft(card, new_name, version, small)
        tell("comparing scores, verdicts and milliseconds")
        tried.append((_compared(card, data, draft, small, pictures, way), small))
        parity = tried[-1][0].parity
        if not parity.flips and parity.p50_ms_after < parity.p50_ms_before:
            break
    if not tried:
        raise ModelError(f"nothing in model {card.reference} can be quantised")
    done, small = min(tried, key=lambda pair: (bool(pair[0].parity.flips), _ms(pair[0])))
    if done.parity.flips:
        return done
    made_from = pictures_of(source) | digests_of(reference.path for reference in pictures)
    beside = {PARITY_FILE: done.parity.as_json(), **listed(made_from)}
    return replace(done, folder=keep(model_dirs[0], done.card, small, beside))


def _ms(done: Quantised) -> float:
    return done.parity.p50_ms_after


def _variants(
    card: ModelCard, data: bytes, pictures: Sequence[Reference], tell: Tell
) -> Iterator[tuple[str, bytes]]:
    """The model quantised in every way that works, the boldest first."""
    ready = prepared(data, card.reference)
    outer, calibration = outer_nodes(ready), _calibration(pictures)
    for way, operators in WAYS.items():
        tell(f"quantising {way}, on {len(calibration)} of {len(pictures)} pictures")
        feeds = ({card.input.name: to_tensor(read_image(r.path), card.input)} for r in calibration)
        try:
            small = static_int8(ready, feeds, exclude=outer, operators=operators)
        except ModelError as error:
            tell(str(error))
            continue
        if is_quantised(small):
            yield way, without_mark(small)


def _compared(
    card: ModelCard,
    data: bytes,
    draft: ModelCard,
    small: bytes,
    pictures: Sequence[Reference],
    way: str,
) -> Quantised:
    """Both on every picture in turn; then the new one again, at its refitted limits."""
    with _made_ready(card, data) as old, _made_ready(draft, small) as new:
        before, after = _answers([(card, old), (draft, new)], pictures)
    limits, names = card.limits_with(None, None), [reference.name for reference in pictures]
    flips = old_flips = flipped(before.evaluations, after.evaluations, names)
    refitted = limits
    if not card.counts:
        refitted = refit(before.scores, after.scores, limits)
        with _made_ready(draft.model_copy(update={"limits": refitted}), small) as new:
            again = _answers([(draft, new)], pictures)[0]
        flips = flipped(before.evaluations, again.evaluations, names)
    off = np.abs(before.scores - after.scores)
    parity = Parity(
        model=draft.reference,
        of=card.reference,
        pictures=len(names),
        calibration_pictures=len(_calibration(pictures)),
        quantised=way,
        largest_difference=float(off.max()),
        mean_difference=float(off.mean()),
        flips_at_old_limits=len(old_flips),
        flips=tuple(flips),
        old_limits=(limits.accept_limit, limits.reject_limit),
        limits=(refitted.accept_limit, refitted.reject_limit),
        auroc_before=_auroc(before.scores, pictures),
        auroc_after=_auroc(after.scores, pictures),
        bytes_before=len(data),
        bytes_after=len(small),
        p50_ms_before=round(before.p50_ms, 3),
        p50_ms_after=round(after.p50_ms, 3),
    )
    return Quantised(_finished(draft, refitted, card, parity), None, parity)


def _auroc(scores: Scores, pictures: Sequence[Reference]) -> float | None:
    """Over the pictures with a label."""
    known = np.array([reference.is_good is not None for reference in pictures])
    is_bad = np.array([reference.is_good is False for reference in pictures])
    return auroc(scores[known], is_bad[known])


def _answers(
    pairs: Sequence[tuple[ModelCard, tuple[PreparedRecipe, Path]]], pictures: Sequence[Reference]
) -> list[_Answers]:
    """Every picture by each model, one after the other, so that both see the same machine."""
    models = [load_model(folder) for _, (_, folder) in pairs]
    scores: list[list[float]] = [[] for _ in pairs]
    results: list[list[Result]] = [[] for _ in pairs]
    for reference in pictures:
        image = read_image(reference.path)
        for index, (_, (recipe, _)) in enumerate(pairs):
            scores[index].append(answer_of(models[index], image).score)
            results[index].append(inspect(_frame(image), recipe, Job()))
    return [
        _Answers(
            np.array(numbers),
            tuple(_evaluation(result) for result in given),
            float(np.median([result.processing_ms for result in given])),
        )
        for numbers, given in zip(scores, results, strict=True)
    ]


def _evaluation(result: Result) -> Evaluation:
    failed = result.result_state is ResultState.FAILED
    if failed and result.reason_code != "unhealthy_image":
        raise ModelError(f"the model cannot inspect a picture: {result.reason_text}")
    return result.evaluation


@contextmanager
def _made_ready(card: ModelCard, data: bytes) -> Iterator[tuple[PreparedRecipe, Path]]:
    with TemporaryDirectory(prefix="station-") as folder:
        place = Path(folder) / card.name / str(card.version)
        write_model(place, card, data)
        yield prepare(plain_recipe(card), Site(model_dirs=(Path(folder),))), place


def _readable(folder: Path) -> list[Reference]:
    """At most a thousand of the pictures, those that can be read."""
    readable = []
    for reference in spread(find_references(Wishes(file=folder, pictures=folder)), COMPARED_ON):
        try:
            read_image(reference.path)
        except PictureError:
            continue
        readable.append(reference)
    if len(readable) < FEWEST:
        raise ModelError(
            f"{folder} holds {len(readable)} readable pictures; {FEWEST} are the least to "
            "calibrate and to compare with, a hundred of good and bad parts are better"
        )
    return readable


def _calibration(pictures: Sequence[Reference]) -> Sequence[Reference]:
    """Every second picture, so that half of the comparison is on pictures never calibrated on."""
    step = max(2, len(pictures) // CALIBRATED_ON)
    return pictures[::step][:CALIBRATED_ON]


def _draft(card: ModelCard, name: str, version: int, small: bytes) -> ModelCard:
    return card.model_copy(
        update={
            "name": name,
            "version": version,
            "file": "model.onnx",
            "sha256": sha256_of(small),
            "description": f"{card.description}; int8",
            "created_at": datetime.now(UTC).replace(microsecond=0),
        }
    )


def _finished(draft: ModelCard, limits: Limits, card: ModelCard, parity: Parity) -> ModelCard:
    facts: dict[str, JsonValue] = {
        "quantised_from": card.reference,
        "quantised_from_sha256": card.sha256,
        "quantisation": f"static QDQ, uint8 activations, int8 weights, {parity.quantised}",
        "compared_on_pictures": parity.pictures,
        "largest_difference": round(parity.largest_difference, 6),
    }
    training = {**card.training, **facts}
    return draft.model_copy(update={"limits": limits, "training": training})


def _frame(image: Image) -> Frame:
    return Frame(image=image, camera_id="compare", sequence=1, acquired_at=datetime.now(UTC))
