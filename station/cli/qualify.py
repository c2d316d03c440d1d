"""`station qualify`: the acceptance test of a recipe, with error rates one can promise."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from station import __version__
from station.cli.drafts import draft_of
from station.cli.home import Camera, home, model_dirs, told_site
from station.cli.inspect import EXIT_NOT_INSPECTED, EXIT_NOT_OK
from station.cli.progress import run_to_end
from station.cli.qualify_seal import check_pins, seal_recipe
from station.cli.qualify_words import announce, say
from station.cli.recipe_files import choose_recipe, chosen_file
from station.cli.stages import EXIT_INTERRUPTED
from station.core.configuration import Configuration
from station.core.errors import JournalError, SettingsError
from station.core.recipe import PreparedRecipe, prepare
from station.line.acceptance import (
    LabelledSet,
    PixelLook,
    check_unchanged,
    find_labelled,
    learnt_pictures,
)
from station.line.acceptance_page import PAGE_FILE, PDF_FILE, finish_acceptance
from station.line.acceptance_report import Acceptance, Verdict, find_choice
from station.line.batch import Batch
from station.line.batch_store import BatchSettings, BatchStore
from station.quality.limits import Choice, Wish
from station.quality.pdf import check_typst
from station.vision.memory import keep_picture_memory

STOPPED = "stopped; nothing was written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The command line, read."""

    root: Path
    recipe: str | None
    model: str | None
    masks: Path | None
    wish: Wish
    out: Path | None
    workers: int
    bits: int
    camera_id: str
    with_pdf: bool
    seal: bool
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is tested, where, and when."""

    prepared: PreparedRecipe
    configuration: Configuration
    recipe_file: Path | None
    made_at: datetime


def qualify(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Holds good/ and a folder for each reason.")
    ],
    recipe: Annotated[
        str | None, typer.Option(help="A recipe file, a folder holding one, or a recipe's id.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Test this model alone: name or name/version.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Where masks lie; else in ground_truth inside DIR or beside it."),
    ] = None,
    escape_at_most: Annotated[
        float | None,
        typer.Option(help="Choose limits whose escape rate is at most this, as in 0.01."),
    ] = None,
    review_at_most: Annotated[
        float | None,
        typer.Option(help="Choose two limits that leave at most this share to a person."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A new folder; else qualifications/<recipe>-v<version>-<time>."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Pictures at a time; the latency is measured with these.")
    ] = 1,
    bits: Annotated[
        int, typer.Option(min=9, max=16, help="How many bits the sensor of 16-bit pictures fills.")
    ] = 16,
    camera: Camera = "camera",
    pdf: Annotated[bool, typer.Option("--pdf", help="Write the report as a PDF too.")] = False,
    seal: Annotated[
        bool,
        typer.Option("--seal", help="Write the qualification into the recipe, if all is met."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Test a recipe on labelled pictures and say how often it will be wrong, with bounds.

    NOT_DECIDABLE is a review: neither an escape nor overkill. A good part whose inspection failed
    is overkill; a bad one that failed is counted apart and proves nothing. Files that cannot be
    read are listed. Exit code: 0 tested, and what was asked for can be kept; 1 it cannot; 2 bad
    usage; 3 some could not be inspected.
    """
    order = Order(
        root=folder,
        recipe=recipe,
        model=model,
        masks=masks,
        wish=Wish(escape_at_most=escape_at_most, review_at_most=review_at_most),
        out=out,
        workers=workers,
        bits=bits,
        camera_id=camera,
        with_pdf=pdf,
        seal=seal,
        as_json=as_json,
    )
    try:
        code = run(order)
    except KeyboardInterrupt:
        typer.echo(STOPPED, err=True)
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


def run(order: Order) -> int:
    """Do it; the exit code.

    Raises:
        StationError: bad usage; nothing was written.
        KeyboardInterrupt: stopped; nothing was written.
    """
    keep_picture_memory()
    subject = _subject(order)
    prepared = subject.prepared
    out = order.out or _default_out(subject)
    labelled = find_labelled(order.root, codes=prepared.severity, masks=order.masks, out=out)
    announce(prepared, labelled)
    try:
        with draft_of(out) as draft:
            test = _inspect(order, subject, labelled, draft)
            verdict, record_sha256 = finish_acceptance(test, draft, with_pdf=order.with_pdf)
    except JournalError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        return EXIT_NOT_INSPECTED
    say(test, verdict)
    for name in (PAGE_FILE, PDF_FILE)[: 1 + order.with_pdf]:
        typer.echo(f"report: {out / name}")
    is_sealed = order.seal and seal_recipe(test, verdict, record_sha256)
    if order.as_json:
        typer.echo(json.dumps(verdict.line))
    return exit_code(order, verdict, is_sealed=is_sealed)


def exit_code(order: Order, verdict: Verdict, *, is_sealed: bool) -> int:
    """0 tested and kept, 1 what was asked for cannot be kept, 3 some could not be inspected."""
    if verdict.figures.not_inspected:
        return EXIT_NOT_INSPECTED
    if order.seal:
        return 0 if is_sealed else EXIT_NOT_OK
    return 0 if verdict.meets_wish or isinstance(verdict.choice, Choice) else EXIT_NOT_OK


def _subject(order: Order) -> Subject:
    recipe_file = chosen_file(order.recipe, order.model, [order.root])
    _check(order, recipe_file)
    recipe = choose_recipe(order.recipe, order.model, [order.root])
    if order.seal:
        check_pins(recipe)
    place = told_site(order.camera_id)
    return Subject(
        prepared=prepare(recipe, place),
        configuration=place.configuration,
        recipe_file=recipe_file,
        made_at=datetime.now(UTC).replace(microsecond=0),
    )


def _check(order: Order, recipe_file: Path | None) -> None:
    for name, share in (
        ("--escape-at-most", order.wish.escape_at_most),
        ("--review-at-most", order.wish.review_at_most),
    ):
        if share is not None and not 0 < share < 1:
            raise SettingsError(f"{name} {share} is no share; as in 0.01 for one percent")
    if order.with_pdf:
        check_typst()
    if order.seal and recipe_file is None:
        raise SettingsError(
            "--seal writes into a recipe's file, and --model has none; make one with "
            f"`station recipe new --model {order.model}` and give it with --recipe"
        )
    if order.seal and order.wish.escape_at_most is None:
        raise SettingsError("--seal needs --escape-at-most: say what the recipe must keep to")
    if order.out and order.out.exists() and not _is_empty_folder(order.out):
        raise SettingsError(f"{order.out} is not empty; give a new folder with --out")


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _default_out(subject: Subject) -> Path:
    recipe = subject.prepared.recipe
    name = f"{recipe.recipe_id}-v{recipe.version}-{subject.made_at:%Y%m%dT%H%M%SZ}"
    folder = home() / "qualifications"
    number, out = 1, folder / name
    while out.exists():
        number += 1
        out = folder / f"{name}-{number}"
    return out


def _inspect(
    order: Order,
    subject: Subject,
    labelled: LabelledSet,
    draft: Path,
) -> Acceptance:
    prepared = subject.prepared
    look = PixelLook(prepared, labelled.masks)
    store = BatchStore.open(draft, _batch_settings(order, labelled, prepared))
    batch = Batch(
        labelled.pictures,
        prepared,
        store,
        annotate="none",
        bits=order.bits,
        workers=order.workers,
        look=look if look.is_possible else None,
    )
    run_to_end(batch, store, len(labelled.pictures), stopped=STOPPED)
    check_unchanged(labelled)
    return Acceptance(
        prepared=prepared,
        configuration=subject.configuration,
        labelled=labelled,
        pixels=look.tally.figures() if look.is_possible else None,
        pixels_left_out=tuple(sorted(look.left_out)),
        empty_masks=tuple(sorted(look.empty_masks)),
        has_maps=look.has_maps,
        wish=order.wish,
        workers=order.workers,
        bits=order.bits,
        made_at=subject.made_at,
        learnt=learnt_pictures(labelled, prepared.models, model_dirs()),
        limits_from=find_choice(labelled, prepared.recipe, _records(order)),
        recipe_file=str(subject.recipe_file) if subject.recipe_file else None,
        model=order.model,
    )


def _records(order: Order) -> list[Path]:
    """Where earlier tests may lie."""
    beside = [order.out.absolute().parent] if order.out else []
    return list(dict.fromkeys([home() / "qualifications", *beside]))


def _batch_settings(order: Order, labelled: LabelledSet, prepared: PreparedRecipe) -> BatchSettings:
    return BatchSettings(
        root=str(labelled.root),
        recipe_id=prepared.recipe.recipe_id,
        recipe_version=prepared.recipe.version,
        recipe_hash=prepared.recipe_hash,
        models=prepared.models,
        configuration_id=prepared.configuration_id,
        software_version=__version__,
        annotate="none",
        bits=order.bits,
    )
