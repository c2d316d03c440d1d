"""An ONNX file becomes a model of the station: contract found, meaning said, certificate made."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import onnx
from pydantic import JsonValue, ValidationError

from station import __version__
from station.core.errors import ModelError, PictureError
from station.core.frame import Image
from station.core.plugin import explain
from station.teach.importing.certificate import CERTIFICATE_FILE, Certificate, certify
from station.teach.importing.contract import Fact, Reading, find_facts, readings
from station.teach.importing.families import Family, find_family
from station.teach.importing.graph import Graph, bytes_of, fixed, input_shape, read_graph
from station.teach.importing.limits import CAREFUL, find_limits
from station.teach.importing.meaning import Meaning, find_meaning
from station.teach.importing.probe import probe
from station.teach.importing.references import Reference, find_references, labels_of, spread
from station.teach.importing.trial import Chosen, Hypothesis, choose
from station.teach.importing.wishes import Wishes, ask
from station.teach.keep import check_name, keep, next_version
from station.teach.made_from import digests_of, listed
from station.vision.card import Limits, ModelCard
from station.vision.images import read_image
from station.vision.model import open_session, sha256_of

PICTURES_PROBED = 8

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A model that was kept, and what was found out about it."""

    card: ModelCard
    folder: Path
    certificate: Certificate
    told: tuple[str, ...]
    """What was found and how, a line each."""


def import_model(wishes: Wishes, model_dirs: Sequence[Path], tell: Tell) -> Imported:
    """Find the contract of an ONNX file, prove it, and keep it as the next version.

    Raises:
        ModelError: it can or must not be run, something must be said first, or its answers are not
            those expected. Nothing is written then.
        TeachError: the name or the folder will not do.
    """
    name = check_name(wishes.name or _name_of(wishes.file))
    graph = read_graph(wishes.file)
    layout, shape = input_shape(graph, wishes)
    proto = fixed(graph, shape)
    references = find_references(wishes)
    tell(f"looking into {graph.file}")
    session = open_session(bytes_of(proto), graph.file)
    channels, height, width = shape[1:] if layout == "NCHW" else (shape[3], *shape[1:3])
    facts = find_facts(graph, channels, wishes)
    ways = readings(graph, shape, layout, facts, wishes)
    names = wishes.classes or graph.names
    seen = probe(session, [way.input for way in ways], _some_pictures(references))
    family = find_family(graph, seen, names, (width, height), wishes)
    meaning = find_meaning(family, names, wishes, sorted(labels_of(references)))
    data = bytes_of(_with_shapes(proto, seen.shapes))
    version = next_version(name, model_dirs)
    draft = _draft(name, version, graph, data, family, meaning, ways[0], wishes)
    tell(f"trying {len(ways)} contracts on {len(references)} pictures")
    hypotheses = _hypotheses(draft, ways, names, wishes)
    chosen = choose(hypotheses, session, references, meaning, wishes.tolerance)
    limits, limits_told = find_limits(chosen.card, family.task, session, references, seen, wishes)
    told = _told(graph, family, facts, chosen, limits, limits_told)
    card = _finished(chosen.card, limits, graph, told)
    tell("making the certificate")
    certificate = certify(card, data, references, meaning, wishes.tolerance)
    _refuse_unsound(certificate)
    shown = digests_of(reference.path for reference in references)
    beside = {CERTIFICATE_FILE: certificate.as_json(), **listed(shown)}
    folder = keep(model_dirs[0], card, data, beside)
    return Imported(card=card, folder=folder, certificate=certificate, told=told)


def _hypotheses(
    draft: ModelCard, ways: Sequence[Reading], names: Sequence[str], wishes: Wishes
) -> list[Hypothesis]:
    """Every contract; twice where one number speaks for one of two classes, and which is open."""
    if draft.task != "classify" or len(draft.classes) != 2 or _count(draft) != 1:
        return [Hypothesis(_with(draft, way), way.told) for way in ways]
    positive = wishes.settings.get("positive")
    original = dict(zip(names, draft.classes, strict=True))
    if positive and positive not in {*original, *draft.classes}:
        raise ModelError(f"--set positive={positive}: the classes are {', '.join(original)}")
    found = []
    for name, ours in original.items():
        if positive in (None, name, ours):
            classes = (*(c for c in draft.classes if c != ours), ours)
            turned = draft.model_copy(update={"classes": classes})
            found += [Hypothesis(_with(turned, w), {"positive": name, **w.told}) for w in ways]
    return found


def _with(draft: ModelCard, way: Reading) -> ModelCard:
    return draft.model_copy(update={"input": way.input})


def _count(card: ModelCard) -> int:
    count = 1
    for side in card.outputs[0].shape:
        count *= side
    return count


def _draft(
    name: str, version: int, graph: Graph, data: bytes, family: Family, meaning: Meaning,
    way: Reading, wishes: Wishes,
) -> ModelCard:  # fmt: skip
    finds = ", ".join(meaning.classes) or "what is unlike the good parts"
    try:
        return ModelCard(
            name=name,
            version=version,
            task=family.task,
            description=f"{family.task}: {finds}; imported from {graph.file}",
            sha256=sha256_of(data),
            input=way.input,
            outputs=family.outputs,
            classes=meaning.classes,
            reason_codes=meaning.reason_codes,
            ignored=meaning.ignored,
            counts=meaning.counts,
            boxes=family.boxes,
            limits=CAREFUL.get(family.task, CAREFUL["classify"]),
            licence=wishes.licence or graph.metadata.get("license") or "not stated by its maker",
            created_at=datetime.now(UTC).replace(microsecond=0),
        )
    except ValidationError as error:
        raise ModelError(f"card: {explain(error, ModelCard)}") from None


def _finished(card: ModelCard, limits: Limits, graph: Graph, told: Sequence[str]) -> ModelCard:
    training: dict[str, JsonValue] = {
        "imported_from": graph.file,
        "source_sha256": graph.sha256,
        "producer": f"{graph.proto.producer_name} {graph.proto.producer_version}".strip(),
        "found": list(told),
        "station": __version__,
    }
    return ModelCard.model_validate({**card.model_dump(), "limits": limits, "training": training})


def _told(
    graph: Graph,
    family: Family,
    facts: dict[str, Fact],
    chosen: Chosen,
    limits: Limits,
    limits_told: str,
) -> tuple[str, ...]:
    lines = [f"{family.task}: {family.because}"]
    if graph.batch > 1:
        lines.append(
            f"the file takes {graph.batch} pictures at once: one is shown {graph.batch} times, "
            "which costs as many times the milliseconds; export it for one"
        )
    for key, value in chosen.told.items():
        fact = facts.get(key)
        how = fact.because if fact else chosen.because
        if key in chosen.assumed:
            how = f"assumed; --set fit={'letterbox' if value == 'stretch' else 'stretch'} otherwise"
        lines.append(f"{key.replace('_', ' ')}: {value} ({how})")
    lines.append(
        f"limits: accept {limits.accept_limit:.4g}, reject {limits.reject_limit:.4g} "
        f"({limits_told})"
    )
    return tuple(lines)


def _refuse_unsound(certificate: Certificate) -> None:
    if certificate.is_sound:
        return
    largest = certificate.largest_difference or 0.0
    raise ModelError(
        f"the model does not say what is expected of it: {len(certificate.beyond_tolerance)} of "
        f"{certificate.expected} pictures are off by more than {certificate.tolerance:g} (up to "
        f"{largest:.3g}), {len(certificate.verdict_flips)} verdicts change "
        f"({', '.join((*certificate.verdict_flips, *certificate.beyond_tolerance)[:4])}); nothing "
        "was written"
    )


def _with_shapes(proto: onnx.ModelProto, shapes: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    """The model with the shapes its outputs were seen to have."""
    known = {
        output.name: tuple(dim.dim_value for dim in output.type.tensor_type.shape.dim)
        for output in proto.graph.output
    }
    if known == shapes:
        return proto
    done = onnx.ModelProto()
    done.CopyFrom(proto)
    for output in done.graph.output:
        kind = output.type.tensor_type.elem_type
        entry = onnx.helper.make_tensor_value_info(output.name, kind, shapes[output.name])
        output.CopyFrom(entry)
    return done


def _some_pictures(references: Sequence[Reference]) -> list[Image]:
    images = []
    for reference in spread(references, PICTURES_PROBED)[: 2 * PICTURES_PROBED]:
        try:
            images.append(read_image(reference.path))
        except PictureError:
            continue
    return images


def _name_of(file: Path) -> str:
    name = re.sub(r"[^a-z0-9_.-]+", "_", file.stem.lower()).strip("_.-")
    if not name:
        ask(f"no name can be made of {file.name}", "--name NAME")
    return name
