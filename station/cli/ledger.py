"""`station ledger`: how every trigger ended, and what the PLC counted beside it."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import typer
from pydantic import TypeAdapter
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from station.api.ledger import Ledger
from station.core.errors import SettingsError
from station.journal.ledger import (
    OUTCOMES,
    LedgerRow,
    LedgerTotal,
    PlcCounts,
    total_of,
)
from station.journal.records import Journal

LEDGER_JSON: TypeAdapter[Ledger] = TypeAdapter(Ledger)
TIMEOUT_S = 10.0
HEADS = ("trig-\ngers", "OK", "not\nOK", "unde-\ncided", "abor-\nted", "failed", "under\nway")
DAY = timedelta(days=1)
GAP = "the PLC has more or less"
PLC_HEADS = ("sent", "passed", "rejected")
CSV_COLUMNS = (
    "shift_start", "recipe_id", "recipe_version", "outcome", "reason_code", "is_station_reason",
    "count",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: a name and its numbers; None: nothing to say."""

    name: str
    numbers: Sequence[int | None]
    style: str = ""


def ledger(
    shift: Annotated[bool, typer.Option("--shift", help="Only the present shift.")] = False,
    day: Annotated[bool, typer.Option("--day", help="The last 24 hours (the default).")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Everything there is.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Rows for a spreadsheet.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
    api: Annotated[str, typer.Option(help="The running station.")] = "http://127.0.0.1:8470",
    journal: Annotated[
        Path, typer.Option(help="Folder of the journal, read where no station runs.")
    ] = Path("var"),
) -> None:
    """Print how every trigger ended, by shift, recipe and reason, and what the PLC counted."""
    if shift + day + everything > 1:
        raise SettingsError("give one of --shift, --day and --all")
    which = "current" if shift else "" if everything else "day"
    found = _of_station(api, which) or _of_file(journal / "journal.sqlite", which)
    if as_json:
        typer.echo(LEDGER_JSON.dump_json(found))
    elif as_csv:
        rows = csv.writer(sys.stdout)
        rows.writerow(CSV_COLUMNS)
        for row in json.loads(LEDGER_JSON.dump_json(found))["rows"]:
            rows.writerow([row[column] for column in CSV_COLUMNS])
    else:
        show(found, Console())


def _of_station(api: str, which: str) -> Ledger | None:
    try:
        with httpx.Client(base_url=api, timeout=TIMEOUT_S, trust_env=False) as client:
            answer = client.get("/api/v1/ledger", params={"shift": which} if which else {})
    except httpx.ConnectError:
        return None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SettingsError(f"the station at {api} does not answer: {error}") from error
    if not answer.is_success:
        raise SettingsError(f"the station at {api} answers {answer.status_code}: {answer.text}")
    return LEDGER_JSON.validate_json(answer.content)


def _of_file(path: Path, which: str) -> Ledger:
    if not path.exists():
        raise SettingsError(
            f"no station answers and there is no {path}; say --api or --journal (a folder)"
        )
    opened = Journal(path)
    try:
        rows, plc = opened.ledger(), opened.plc_counts()
    finally:
        opened.close()
    newest = max((row.shift_start for row in rows), default=None)
    if newest and which:
        begin = newest if which == "current" else newest - DAY
        rows = [row for row in rows if row.shift_start >= begin]
        plc = [counts for counts in plc if counts.shift_start >= begin]
    return Ledger(rows=rows, total=total_of(rows), plc=plc)


def show(found: Ledger, console: Console) -> None:
    """Print a table a shift, and the sum of all where there are several."""
    shifts = sorted({row.shift_start for row in found.rows})
    for number, start in enumerate(shifts):
        rows = [row for row in found.rows if row.shift_start == start]
        under_way = found.total.in_progress if number == len(shifts) - 1 else 0
        plc = next((counts for counts in found.plc if counts.shift_start == start), None)
        console.print(_table(f"Shift from {_local(start)}", HEADS, _lines(rows, under_way)))
        if plc:
            lines = _plc_lines(total_of(rows, under_way), plc)
            console.print(_table("Beside it the PLC", PLC_HEADS, lines))
    if len(shifts) > 1:
        console.print(_table("All of them", HEADS, [_sum_line(found.total)]))
    if not shifts:
        console.print("Nothing was counted yet.")
    elif not found.plc:
        console.print("The PLC told no counters (POST /plc/v1/counts).", style="dim")


def _lines(rows: list[LedgerRow], under_way: int) -> Iterator[Line]:
    recipes = sorted({(row.recipe_id, row.recipe_version) for row in rows})
    for recipe_id, version in recipes:
        own = [row for row in rows if (row.recipe_id, row.recipe_version) == (recipe_id, version)]
        yield Line(f"{recipe_id} version {version}", _numbers(total_of(own)), "bold")
        yield from (_reason_line(row) for row in own if row.reason_code and row.outcome in OUTCOMES)
    total = total_of(rows, under_way)
    yield _sum_line(total)
    if total.duplicates:
        yield Line("asked again (duplicates)", [total.duplicates], "dim")


def _reason_line(row: LedgerRow) -> Line:
    numbers: list[int | None] = [None] * len(HEADS)
    numbers[1 + OUTCOMES.index(row.outcome)] = row.count
    mark = " (station)" if row.is_station_reason else ""
    return Line(f"  {row.reason_code}{mark}", numbers)


def _sum_line(total: LedgerTotal) -> Line:
    return Line("sum", _numbers(total), "bold")


def _plc_lines(total: LedgerTotal, plc: PlcCounts) -> Iterator[Line]:
    here = [total.triggers, total.ok, total.triggers - total.ok]
    told = [plc.sent, plc.passed, plc.rejected]
    gaps = [there - own for there, own in zip(told, here, strict=True)]
    yield Line("station: triggers, OK, the rest", here)
    yield Line(f"PLC, as told {_local(plc.counted_at)}", told)
    yield Line(GAP, gaps, "green" if not any(gaps) else "red")


def _numbers(total: LedgerTotal) -> list[int | None]:
    return [total.triggers, *(getattr(total, name) for name in OUTCOMES), total.in_progress]


def _table(title: str, heads: Sequence[str], lines: Sequence[Line] | Iterator[Line]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True, min_width=6)
    for line in lines:
        signed = line.name == GAP
        cells = ("" if n is None else f"{n:+,}" if signed and n else f"{n:,}" for n in line.numbers)
        table.add_row(line.name, *cells, style=line.style)
    return table


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
