"""`station teach more`: the pictures a station got wrong in, the next version of its model out."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from station.cli.home import model_dirs
from station.cli.model_versions import recipes_naming
from station.cli.stages import PIPED_WIDTH, shown_stages
from station.cli.teach_anomaly import STAGES, limit_in_words
from station.teach.anomaly import Taught
from station.teach.anomaly.more import propose
from station.teach.anomaly.proposal import MoreLesson, Proposal, Verdict

EXIT_REFUSED = 1
SEVERAL = ("--good", "--bad")
MORE_STAGES = {
    "looking": "looking at the pictures",
    "remembering": "finding what was shown earlier",
    "judging before": "judging with the version before",
    **{key: words for key, words in STAGES.items() if key != "looking"},
    "judging after": "judging with the new version",
}
ROLES = {"good": "good", "marked": "bad, marked", "bad": "bad, not marked"}


class SeveralAfterOption(TyperCommand):
    """A command whose --good and --bad take all the words up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Say the option again before each further word, as click wants it."""
        told: list[str] = []
        option = ""
        for index, word in enumerate(args):
            if word.startswith("-"):
                option = word if word in SEVERAL else ""
            elif option and args[index - 1] != option:
                told.append(option)
            told.append(word)
        return super().parse_args(ctx, told)


def more(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model; or name/version.")],
    good: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILES", help="Good parts it rejected: pictures or folders."),
    ] = None,
    bad: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILES", help="Bad parts it let pass: pictures or folders."),
    ] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Choose the way of looking anew.")
    ] = False,
    accept_worse: Annotated[
        bool, typer.Option("--accept-worse", help="Keep it even if something right becomes wrong.")
    ] = False,
    forget_lost: Annotated[
        bool, typer.Option("--forget-lost", help="Go on without lost pictures shown earlier.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Teach an anomaly model the pictures it got wrong, besides all it was ever shown.

    Good parts are remembered; of bad ones the patch head learns the marks beside them (a mask
    STEM_mask.png, or labels), else the places that are hot already. Exit code 1: something that was
    right would become wrong, and nothing was written.
    """
    lesson = MoreLesson(
        name=name, good=tuple(good or ()), bad=tuple(bad or ()), search=search,
        forget_lost=forget_lost,
    )  # fmt: skip
    proposal = _proposed(lesson)
    tell(proposal)
    taught = proposal.write() if _is_wanted(proposal, is_forced=accept_worse) else None
    if taught:
        _tell_next(taught, proposal)
    if as_json:
        typer.echo(json.dumps(facts(proposal, taught)))
    if taught is None:
        raise typer.Exit(EXIT_REFUSED)


def _proposed(lesson: MoreLesson) -> Proposal:
    with shown_stages(MORE_STAGES) as progress:
        return propose(lesson, model_dirs(), progress)


def _is_wanted(proposal: Proposal, *, is_forced: bool) -> bool:
    worse = proposal.worse
    if not worse:
        return True
    several = len(worse) > 1
    what = f"{len(worse)} pictures that were" if several else "a picture that was"
    said = f"{what} right would become wrong"
    if is_forced:
        typer.secho(f"warning: {said}; kept all the same", fg="yellow")
        return True
    if sys.stdin.isatty():
        is_kept = typer.confirm(f"{said}. Keep the new version all the same?")
        if not is_kept:
            typer.echo("nothing was written")
        return is_kept
    typer.secho(
        f"refused: {said} (named above); nothing was written. Look whether the pictures were shown "
        "as what they are, mark the defects by masks, or keep it with --accept-worse",
        fg="red", err=True,
    )  # fmt: skip
    return False


def tell(proposal: Proposal) -> None:
    """What the new version would change on all that was ever shown."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for warning in (*proposal.made.warnings, *proposal.warnings):
        typer.secho(f"warning: {warning}", fg="yellow")
    before, after = proposal.before.reference, proposal.made.card.reference
    console.print(_table(proposal, before, after))
    typer.echo(
        f"scores of {after} on pictures it learnt from are better than on new ones; "
        "station qualify tells what to expect"
    )
    if proposal.changes:
        typer.echo("verdicts that change (score before, after):")
    for verdict in proposal.changes:
        typer.secho(f"  {_told(verdict)}", fg="green" if verdict.is_right else "red")
    for verdict in proposal.still_wrong:
        typer.secho(f"still wrong: {_told(verdict)}", fg="yellow")


def _table(proposal: Proposal, before: str, after: str) -> Table:
    table = Table("shown", title=f"{before} → {after}, on all that was ever shown")
    for column in ("pictures", "right before", "right after"):
        table.add_column(column, justify="right")
    for role, words in ROLES.items():
        for is_given in (False, True):
            rows = [v for v in proposal.verdicts if v.role == role and v.is_given == is_given]
            if rows:
                verb = "pass" if role == "good" else "caught"
                counts = (sum(v.was_right for v in rows), sum(v.is_right for v in rows))
                when = "now" if is_given else "earlier"
                cells = (f"{words}, shown {when}", str(len(rows)))
                table.add_row(*cells, *(f"{count} {verb}" for count in counts))
    return table


def _told(verdict: Verdict) -> str:
    words = {True: "passes", False: "is rejected"}
    what = f"{verdict.name} ({ROLES[verdict.role]})"
    change = f"{verdict.before:.2f} → {verdict.after:.2f}"
    return f"{what}: {change}, {words[verdict.passes_after]}"


def _tell_next(taught: Taught, proposal: Proposal) -> None:
    card, before = taught.card, proposal.before
    for line in limit_in_words(taught):
        typer.echo(line)
    typer.echo(
        f"model {card.reference}: {taught.size_bytes / 1e6:.2f} MB, {taught.ms_per_picture:.1f} "
        f"ms of CPU a picture, taught in {taught.seconds:.0f} s, in {taught.folder}"
    )
    for line in recipes_naming(card.name, card.reference):
        typer.echo(line)
    typer.echo(f"compare:   station model diff {before.reference} {card.reference}")
    typer.echo(f"roll back: station model rollback {card.name} --to {before.version}")


def facts(proposal: Proposal, taught: Taught | None) -> dict[str, JsonValue]:
    """What `--json` ends with."""
    return {
        "model": taught.card.reference if taught else None,
        "before": proposal.before.reference,
        "sha256": taught.card.sha256 if taught else None,
        "folder": str(taught.folder) if taught else None,
        "is_written": taught is not None,
        "good": _counts(proposal, is_good=True),
        "bad": _counts(proposal, is_good=False),
        "changes": [_fact(verdict) for verdict in proposal.changes],
        "worse": [verdict.path for verdict in proposal.worse],
        "still_wrong": [verdict.path for verdict in proposal.still_wrong],
        "limit": proposal.made.card.training["limit"],
        "seconds": round(proposal.made.seconds, 2),
        "warnings": [*proposal.made.warnings, *proposal.warnings],
    }


def _counts(proposal: Proposal, *, is_good: bool) -> dict[str, JsonValue]:
    rows = [v for v in proposal.verdicts if (v.role == "good") == is_good]
    return {
        "shown": len(rows),
        "right_before": sum(v.was_right for v in rows),
        "right_after": sum(v.is_right for v in rows),
    }


def _fact(verdict: Verdict) -> dict[str, JsonValue]:
    return {
        "path": verdict.path,
        "role": verdict.role,
        "before": round(verdict.before, 4),
        "after": round(verdict.after, 4),
        "passes": verdict.passes_after,
    }
