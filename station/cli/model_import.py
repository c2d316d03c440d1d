"""`station model import`: an ONNX file in, a model with a card and a certificate out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue
from rich.console import Console

from station.cli.home import model_dirs
from station.core.errors import ModelError
from station.teach.importing.wishes import (
    SAME,
    Wishes,
    read_counts,
    read_pairs,
    read_settings,
)
from station.vision.card import ModelCard

if TYPE_CHECKING:
    from station.teach.importing.bring import Imported
    from station.teach.importing.certificate import Certificate

File = Annotated[Path, typer.Argument(metavar="FILE.onnx", help="The exported model.")]
Name = Annotated[str, typer.Option(help="What it is called. [default: the file's name]")]
Classes = Annotated[
    str, typer.Option(metavar="A,B,C", help="Classes in the order of the model's answers.")
]
ClassesFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The same, one class a line.")
]
Good = Annotated[
    str, typer.Option(metavar="CLASS", help="The class of good parts; none: all are defects.")
]
Reasons = Annotated[
    str, typer.Option(metavar="CLASS=CODE,…", help="Reason codes; same: the classes' names.")
]
Ignore = Annotated[str, typer.Option(metavar="A,B", help="Classes that say nothing about a part.")]
Count = Annotated[
    list[str] | None,
    typer.Option(metavar="CLASS=4[-6][:CODE]", help="How many a good part has; repeatable."),
]
Pictures = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Pictures to try the model on, in folders by class."),
]
Scores = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="CSV or JSON: the scores each picture should get."),
]
Tolerance = Annotated[float, typer.Option(min=0, help="Allowed difference to them.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="What you know, as channel_order=RGB."),
]
Accept = Annotated[float | None, typer.Option(min=0, help="OK up to this score.")]
Reject = Annotated[float | None, typer.Option(min=0, help="Not OK from it on.")]
Licence = Annotated[str, typer.Option(help="The licence of the model.")]
AsJson = Annotated[bool, typer.Option("--json", help="End with one line of JSON.")]


def import_file(
    file: File,
    name: Name = "",
    classes: Classes = "",
    classes_file: ClassesFile = None,
    good: Good = "",
    reasons: Reasons = "",
    ignore: Ignore = "",
    count: Count = None,
    pictures: Pictures = None,
    scores: Scores = None,
    tolerance: Tolerance = 0.01,
    setting: Setting = None,
    accept_limit: Accept = None,
    reject_limit: Reject = None,
    licence: Licence = "",
    as_json: AsJson = False,
) -> None:
    """Import an ONNX model: find what it takes and gives, prove it, write its card.

    Classifiers, anomalib exports, YOLO detectors and segmenters, and masks are known. What the
    file does not say is found out on --pictures, or asked for; nothing is guessed silently.
    """
    from station.teach.importing.bring import import_model  # other commands need not wait for it

    meanings = {SAME: SAME} if reasons == SAME else read_pairs(reasons, "--reasons")
    wishes = Wishes(
        file=file, name=name, classes=_classes(classes, classes_file), good=good,
        reasons=meanings, ignored=_listed(ignore), counts=read_counts(count or ()),
        pictures=pictures, scores=scores, tolerance=tolerance,
        settings=read_settings(setting or ()), accept_limit=accept_limit,
        reject_limit=reject_limit, licence=licence,
    )  # fmt: skip
    console = Console(stderr=True)
    imported = import_model(wishes, model_dirs(), lambda line: console.out(line, highlight=False))
    _tell(imported)
    if as_json:
        typer.echo(json.dumps(_facts(imported)))


def _classes(listed: str, file: Path | None) -> tuple[str, ...]:
    if listed and file:
        raise ModelError("give --classes or --classes-file, not both")
    if not file:
        return _listed(listed)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the classes in {file}: {error}") from error
    return tuple(filter(None, (line.strip() for line in lines)))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _tell(imported: "Imported") -> None:
    card, proof = imported.card, imported.certificate
    for line in imported.told:
        typer.echo(line)
    for name in card.classes:
        typer.echo(f"class {name}: {meaning_of(card, name)}")
    for line in _proved(proof):
        typer.echo(line)
    if card.task == "classify" and card.good_class is None:
        typer.secho("warning: no class means a good part, so that no part passes", fg="yellow")
    if "AGPL" in card.licence:
        typer.secho(f"note: the model's licence is {card.licence}", fg="yellow")
    typer.echo(f"model {card.reference} in {imported.folder}, with its certificate.json")
    typer.echo(f"next: station inspect FOLDER --model {card.name}")


def meaning_of(card: ModelCard, name: str) -> str:
    """What a class of a model means for a part, in a few words."""
    told = []
    if name in card.reason_codes:
        told.append(card.reason_codes[name])
    if name in card.counts:
        rule = card.counts[name]
        most = f", at most {rule.at_most}" if rule.at_most is not None else ""
        told.append(f"at least {rule.at_least}{most}, or {rule.reason}")
    idle = "a good part" if card.task == "classify" else "ignored"
    return "; ".join(told) or idle


def _proved(proof: "Certificate") -> list[str]:
    lines = []
    if proof.expected:
        lines.append(
            f"expected scores: {proof.expected} pictures, largest difference "
            f"{proof.largest_difference:.2g} (allowed {proof.tolerance:g}), no verdict changes"
        )
    if proof.good_parts or proof.bad_parts:
        lines.append(
            f"with these limits {proof.bad_passed} of {proof.bad_parts} bad parts pass, "
            f"{proof.good_not_passed} of {proof.good_parts} good parts do not"
        )
    lines += [f"left out: {name}" for name in proof.unreadable]
    memory = f", {proof.memory_mb:.0f} MB of memory" if proof.memory_mb is not None else ""
    lines.append(
        f"speed: p50 {proof.p50_ms:.3g} ms, p99 {proof.p99_ms:.3g} ms a picture over "
        f"{proof.runs} runs{memory}"
    )
    if not proof.pictures:
        lines.append("no pictures were given: what it answers on real parts is not proved")
    return lines


def _facts(imported: "Imported") -> dict[str, JsonValue]:
    card, proof = imported.card, imported.certificate
    return {
        "model": card.reference,
        "task": card.task,
        "sha256": card.sha256,
        "folder": str(imported.folder),
        "input": card.input.model_dump(mode="json"),
        "pictures": proof.pictures,
        "largest_difference": proof.largest_difference,
        "verdict_flips": len(proof.verdict_flips),
        "p50_ms": proof.p50_ms,
        "p99_ms": proof.p99_ms,
        "memory_mb": proof.memory_mb,
    }
