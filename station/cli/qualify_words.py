"""What `station qualify` says on a terminal."""

import typer

from station.core.recipe import PreparedRecipe
from station.line.acceptance import LabelledSet
from station.line.acceptance_page import command_of, warnings_of
from station.line.acceptance_report import Acceptance, Verdict
from station.quality.limits import Choice
from station.quality.words import (
    limit_words,
    overkill_words,
    promise,
    review_words,
)


def announce(prepared: PreparedRecipe, labelled: LabelledSet) -> None:
    """What is about to be tested, and what of the pictures is odd; on stderr."""
    recipe, bad = prepared.recipe, labelled.bad
    typer.echo(
        f"recipe {recipe.recipe_id} version {recipe.version}, hash {recipe.hash[:12]}, on "
        f"{len(labelled.pictures) - bad} good and {bad} bad parts of {labelled.root}, "
        f"{len(labelled.masks)} of them with a mask",
        err=True,
    )


def say(test: Acceptance, verdict: Verdict) -> None:
    """What came out, in sentences."""
    figures = verdict.figures
    typer.echo(promise(figures, test.wish.escape_at_most))
    typer.echo(overkill_words(figures))
    typer.echo(review_words(figures))
    for part in verdict.parts:
        if not part.is_decided:
            typer.echo(f"not inspected: {part.origin}: {part.reason_code}")
    typer.echo(_order_words(verdict))
    typer.echo(
        f"Inspection takes {figures.p50_ms:.1f} ms (median) and {figures.p99_ms:.1f} ms (99 %) "
        f"on this PC, {test.workers} at a time."
    )
    for line in limit_words(
        test.wish, verdict.choice, is_met=verdict.meets_wish, why_not=verdict.no_choice
    ):
        typer.echo(line)
    if isinstance(verdict.choice, Choice):
        typer.echo(f"  {command_of(test, verdict)}")
    for warning in warnings_of(test, verdict):
        typer.echo(f"warning: {warning}")


def _order_words(verdict: Verdict) -> str:
    auroc, pixels = verdict.figures.auroc, verdict.pixels
    words = f"AUROC {auroc:.4f}" if auroc == auroc else "No scores, so no AUROC"
    if pixels is None:
        return f"{words}."
    return (
        f"{words}; pixels: AUROC {pixels.auroc:.4f}, AUPRO {pixels.aupro:.4f} "
        f"({pixels.regions} regions in {pixels.masks} masks)."
    )
