"""`station inspect`: pictures in; results, annotated pictures and a report out."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from station import __version__
from station.cli.home import Camera, home, told_site
from station.cli.progress import STOPPED, run_to_end
from station.cli.recipe_files import choose_recipe
from station.cli.stages import EXIT_INTERRUPTED
from station.core.errors import JournalError
from station.core.job_values import parse_values
from station.core.overdue import warnings_of
from station.core.recipe import PreparedRecipe, prepare
from station.line.batch import Annotate, Batch
from station.line.batch_pictures import Picture, find_batch
from station.line.batch_report import REPORT_FILE, BatchReport, finish
from station.line.batch_store import BatchSettings, BatchStore
from station.quality.statistics import percentile
from station.quality.summary import Summary
from station.vision.memory import keep_picture_memory

EXIT_NOT_OK = 1
EXIT_NOT_INSPECTED = 3


def inspect(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="A folder, a picture, or a glob.")
    ],
    recipe: Annotated[
        str | None, typer.Option(help="A recipe file, a folder holding one, or a recipe's id.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Inspect with this model alone: name or name/version.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where results go. [default: out/<pictures>-<recipe>-<hash>]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Pictures at a time. [default: the cores]")
    ] = None,
    annotate: Annotated[
        Literal["not_ok", "all", "none"], typer.Option(help="Which annotated pictures to save.")
    ] = "not_ok",
    bits: Annotated[
        int, typer.Option(min=9, max=16, help="How many bits the sensor of 16-bit pictures fills.")
    ] = 16,
    value: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What must be on every part, as lot=A1; repeatable. For single pictures: "
            "a values.csv beside them (file,lot,serial).",
        ),
    ] = None,
    camera: Camera = "camera",
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Inspect pictures; write results.jsonl, results.csv, annotated pictures and report.html.

    Without --recipe or --model the recipe.json that lies by the pictures is used. Run it again
    with the same --out, and it goes on where it stopped. Exit code: 0 all OK, 1 some not OK, 2 bad
    usage, 3 some could not be inspected.
    """
    try:
        order = Order(
            paths=tuple(paths),
            recipe=recipe,
            model=model,
            out=out,
            workers=workers or _cores(),
            annotate=annotate,
            bits=bits,
            values=parse_values(value or (), "="),
            camera_id=camera,
            as_json=as_json,
        )
        code = run(order)
    except KeyboardInterrupt:
        typer.echo(STOPPED, err=True)
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The command line, read."""

    paths: tuple[Path, ...]
    recipe: str | None
    model: str | None
    out: Path | None
    workers: int
    annotate: Annotate
    bits: int
    values: Mapping[str, str]
    """What every job says must be on the part."""
    camera_id: str
    as_json: bool


def run(order: Order) -> int:
    """Do it; the exit code.

    Raises:
        StationError: bad usage; nothing was inspected.
        KeyboardInterrupt: stopped; what is written is whole.
    """
    keep_picture_memory()
    recipe = choose_recipe(order.recipe, order.model, order.paths)
    prepared = prepare(recipe, told_site(order.camera_id))
    root, pictures = find_batch(
        order.paths, codes=prepared.severity, out=order.out, values=order.values
    )
    out = order.out or _default_out(root, prepared)
    store = BatchStore.open(out, _batch_settings(order, root, prepared))
    todo = [p for p in pictures if p.origin not in store.done or not store.done[p.origin].covers(p)]
    _announce(prepared, root, len(pictures), len(todo))
    try:
        images_per_s = _inspect(order, todo, prepared, store)
        report = BatchReport(
            root=root,
            out=out,
            prepared=prepared,
            settings=_shown_settings(order, root, prepared, images_per_s),
            bits=order.bits,
            workers=order.workers,
        )
        summary = finish(report)
    except JournalError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        return EXIT_NOT_INSPECTED
    _say(summary, out, images_per_s)
    if order.as_json:
        typer.echo(json.dumps(as_dict(summary, images_per_s)))
    return exit_code(summary)


def exit_code(summary: Summary) -> int:
    """0 all OK, 1 some not OK, 3 some could not be inspected."""
    if summary.not_inspected:
        return EXIT_NOT_INSPECTED
    return 0 if summary.decisions["ok"] == summary.inspected else EXIT_NOT_OK


def as_dict(summary: Summary, images_per_s: float) -> dict[str, object]:
    """The line `--json` ends with; escapes, overkills and accuracy are null without truth."""
    truth, times = summary.truth, summary.times.total
    return {
        "inspected": summary.inspected,
        **summary.decisions,
        "by_reason": {**summary.by_reason, **summary.by_station_reason},
        "escapes": truth.escapes.count if truth else None,
        "overkills": truth.overkills.count if truth else None,
        "accuracy": round(truth.right.share, 6) if truth else None,
        "right_reasons": round(truth.reasons.share, 6) if truth and truth.reasons else None,
        "images_per_s": round(images_per_s, 2),
        "p50_ms": _rounded(percentile(times, 0.5)),
        "p99_ms": _rounded(percentile(times, 0.99)),
    }


def _inspect(
    order: Order, todo: list[Picture], prepared: PreparedRecipe, store: BatchStore
) -> float:
    """Inspect what is left to do; pictures per second."""
    batch = Batch(
        todo,
        prepared,
        store,
        annotate=order.annotate,
        bits=order.bits,
        workers=order.workers,
    )
    run_to_end(batch, store, len(todo))
    elapsed_s = batch.progress.elapsed_s
    return batch.progress.inspected / elapsed_s if elapsed_s > 0 else 0.0


def _default_out(root: Path, prepared: PreparedRecipe) -> Path:
    """The same folder for the same pictures and recipe, so that a second run goes on."""
    name = f"{root.name or 'pictures'}-{prepared.recipe.recipe_id}-{prepared.recipe_hash[:8]}"
    return home() / "out" / name


def _batch_settings(order: Order, root: Path, prepared: PreparedRecipe) -> BatchSettings:
    return BatchSettings(
        root=str(root),
        recipe_id=prepared.recipe.recipe_id,
        recipe_version=prepared.recipe.version,
        recipe_hash=prepared.recipe_hash,
        models=prepared.models,
        configuration_id=prepared.configuration_id,
        software_version=__version__,
        annotate=order.annotate,
        bits=order.bits,
    )


def _shown_settings(
    order: Order, root: Path, prepared: PreparedRecipe, images_per_s: float
) -> dict[str, str]:
    return {
        "pictures": str(root),
        "workers": str(order.workers),
        "rate of the last run": f"{images_per_s:.1f} pictures/s" if images_per_s else "-",
        "annotated pictures saved": order.annotate.replace("_", " "),
        "bits of 16-bit pictures": str(order.bits),
        "configuration": prepared.configuration.in_words,
        "qualified": "yes" if prepared.is_qualified else "no: station qualify tests a recipe",
        "software": f"station {__version__}",
    }


def _announce(prepared: PreparedRecipe, root: Path, total: int, left: int) -> None:
    recipe = prepared.recipe
    done = f", {total - left} of them are done already" if left < total else ""
    typer.echo(
        f"recipe {recipe.recipe_id} version {recipe.version}, hash {recipe.hash[:12]}, on "
        f"{total} pictures of {root}{done}",
        err=True,
    )
    for words in warnings_of(prepared.configuration, datetime.now(UTC)):
        typer.secho(f"warning: {words}", fg="yellow", err=True)


def _say(summary: Summary, out: Path, images_per_s: float) -> None:
    counts = summary.decisions
    typer.echo(
        f"{summary.inspected} inspected: {counts['ok']} OK, {counts['not_ok']} NOT OK, "
        f"{counts['not_decidable']} NOT DECIDABLE, {summary.not_inspected} could not be inspected "
        f"({images_per_s:.1f} pictures/s)"
    )
    for code, count in (*summary.by_reason.items(), *summary.by_station_reason.items()):
        typer.echo(f"  {count:>6}  {code}")
    if summary.truth:
        typer.echo(f"escapes (bad parts that passed): {summary.truth.escapes.in_words}")
        typer.echo(f"overkill (good parts rejected): {summary.truth.overkills.in_words}")
        typer.echo(f"decided right: {summary.truth.right.in_words}")
        if summary.truth.reasons:
            typer.echo(f"right reason, of bad parts rejected: {summary.truth.reasons.in_words}")
    typer.echo(f"report: {out / REPORT_FILE}")


def _rounded(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


def _cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
