"""A run of the simulated PLC on the terminal: a live line, and a table at the end."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from station.cli.plc_sim.plc import SimulatedPlc
from station.cli.plc_sim.reconcile import Reconciled
from station.cli.plc_sim.tally import Tally

NOTES: dict[str, str] = {
    "lost": "triggers never sent",
    "crowded_out": "of these no connection was free in time: more --connections, or a lower --rate",
    "no_answer": "parts without an answer",
    "unfinished": "answers without a result: still under way at the deadline",
    "late": "answers after the gate",
    "duplicates": "answers given again",
    "stale": "answers of an earlier part with the same number",
    "wrong_seq": "answers to no part on the belt",
    "refused": "triggers refused",
    "garbled": "answers that could not be read",
    "contradictions": "answers that contradict themselves or each other",
    "acks_lost": "acknowledgements never sent",
    "breaks": "connections that broke",
    "restarts": "restarts of the PLC",
}


@contextmanager
def shown_live(console: Console, plc: SimulatedPlc) -> Iterator[None]:
    """Show how far the belt is, four times a second, on a terminal only."""
    if not console.is_terminal:
        yield
        return
    started_s = time.monotonic()

    class Now:
        def __rich__(self) -> RenderableType:
            return _line(plc.tally, time.monotonic() - started_s)

    with Live(Now(), console=console, refresh_per_second=4, transient=True):
        yield


def summary(tally: Tally, numbers: Mapping[int, str], found: Reconciled | None) -> RenderableType:
    """Everything that was counted; `numbers` says what the reason numbers mean."""
    parts: list[RenderableType] = [_headline(tally), Text()]
    if found is None:
        parts.append(_gate(tally))
    else:
        parts.append(_both(found))
    for table in (_why(tally, numbers), _oddities(tally)):
        if table.row_count:
            parts += [Text(), table]
    return Group(*parts, Text(), _verdict(tally, found))


def _line(tally: Tally, seconds: float) -> Text:
    on_belt = tally.parts - tally.passed - tally.rejected
    line = Text(f"{seconds:6.0f} s  {tally.parts} parts  ")
    line.append(f"{tally.passed} passed", "green")
    line.append("  ")
    line.append(f"{tally.rejected} rejected", "yellow" if tally.rejected else "")
    line.append(f"  {on_belt} on the belt  {tally.round_trip_ms(0.5, last=200):.1f} ms")
    if tally.late or tally.no_answer:
        line.append(f"  {tally.late} late, {tally.no_answer} unanswered", "red")
    if tally.stop_requested:
        line.append("  stop requested", "bold red")
    return line


def _headline(tally: Tally) -> Text:
    rate = tally.parts / tally.seconds if tally.seconds else 0.0
    line = Text(f"{tally.parts} parts in {tally.seconds:.1f} s ({rate:.1f}/s): ")
    line.append(f"{tally.passed} passed the gate", "green")
    line.append(", ")
    line.append(f"{tally.rejected} were rejected", "yellow" if tally.rejected else "")
    line.append(
        f"\nround trip p50 {tally.round_trip_ms(0.5):.1f} ms, p99 {tally.round_trip_ms(0.99):.1f} "
        f"ms, slowest {tally.round_trip_ms(1.0):.1f} ms; heartbeat stood still "
        f"{tally.longest_beat_s:.1f} s at most"
    )
    return line


def _gate(tally: Tally) -> Table:
    table = Table("outcome", "PLC counted")
    for name in ("ok", "not_ok", "not_decidable", "aborted", "failed"):
        table.add_row(name.replace("_", " "), str(getattr(tally, name)))
    return _right(table)


def _both(found: Reconciled) -> Table:
    table = Table("outcome", "PLC counted", "PLC cannot know", "station counted", "difference")
    for row in found.rows:
        table.add_row(
            row.name.replace("_", " "),
            str(row.plc),
            str(row.unknown or ""),
            str(row.station),
            Text("0", "green") if row.agrees else Text(f"{row.difference:+}", "bold red"),
        )
    return _right(table)


def _why(tally: Tally, numbers: Mapping[int, str]) -> Table:
    table = Table("code", "why a part did not pass", "parts")
    for code, count in tally.by_code.most_common():
        table.add_row(str(code), numbers.get(code, "a reason of the recipe"), str(count))
    table.columns[0].justify = table.columns[2].justify = "right"
    return table


def _oddities(tally: Tally) -> Table:
    table = Table("what else happened", "count")
    for name, text in NOTES.items():
        if getattr(tally, name):
            table.add_row(text, str(getattr(tally, name)))
    if tally.stop_requested:
        table.add_row("the station asked to stop the belt", "yes")
    return _right(table)


def _verdict(tally: Tally, found: Reconciled | None) -> Text:
    if not tally.adds_up:
        return Text("The PLC's own counts do not add up.", "bold red")
    if found is None:
        return Text("Not compared with the station's ledger.", "yellow")
    if found.false_passes:
        shown = "\n  ".join(found.false_passes[:10])
        return Text(f"{len(found.false_passes)} parts passed that must not:\n  {shown}", "bold red")
    if found.flaws:
        return Text("\n".join(found.flaws), "bold red")
    if not found.agrees:
        return Text("The ledgers do not agree.", "bold red")
    return Text("Both ledgers agree to the unit; no part passed that must not.", "bold green")


def _right(table: Table) -> Table:
    for column in table.columns[1:]:
        column.justify = "right"
    return table
