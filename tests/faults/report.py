"""All groups of faults, one after the other, as a table: python -m tests.faults.report."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

import station
from station.core.files import write_whole
from tests.faults.groups import GROUPS, by_name
from tests.faults.outcome import Group, Outcome

ROOT = Path(__file__).parents[2]
COLUMNS = (
    "group",
    "injected",
    "parts",
    "passed",
    "held",
    "false passes",
    "lost",
    "back in s",
    "at most",
)
INTRO = """\
# Trust

What was done to the station, and what came of it. Each row is a sort of fault that was put into a
working station on purpose, with a simulated PLC, sources and tools that fail on command, real
processes that were killed, real disks that were full. A row held if no part passed that was not
proven (with a defect by its truth, or one that met the fault), the ledger added up to the unit and
agreed with what clients were told, nothing that was acknowledged was lost, and the station was
back in time. Written by the command below; the tests of every commit run the same groups.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One group and what came of it."""

    group: Group
    outcome: Outcome
    seconds: float

    @property
    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        out = self.outcome
        held = "not tried" if out.skipped else "yes" if out.held else "NO"
        back = ("-", "-")
        if out.back_s is not None:
            back = (f"{out.back_s:.2f}", f"{self.group.back_within_s:g}")
        numbers = (out.injected, out.parts, out.passed)
        return (
            self.group.name, *map(str, numbers), held, str(out.false_passes),
            str(out.acknowledged_lost), *back,
        )  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Try the groups, print and write what came of it; 1 if one did not hold."""
    parser = _arguments()
    asked = parser.parse_args(words)
    try:
        groups = [by_name(name) for name in asked.only.split(",")] if asked.only else list(GROUPS)
    except KeyError as error:
        parser.error(str(error.args[0]))
    rows = []
    for group in groups:
        rows.append(_tried(group, seed=asked.seed, is_full=asked.full))
        print("  ".join(rows[-1].cells), file=sys.stderr, flush=True)
    print(table(rows))
    for row in rows:
        for problem in (*row.outcome.problems, *filter(None, [row.outcome.skipped])):
            print(f"{row.group.name}: {problem}")
    if not asked.only:
        words_used = sys.argv[1:] if words is None else words
        write_whole(asked.output, trust(rows, words_used, datetime.now(UTC)).encode())
    if asked.json:
        print(json.dumps(summary(rows)))
    return 0 if all(row.outcome.held or row.outcome.skipped for row in rows) else 1


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """The whole run in five numbers."""
    outcomes = [row.outcome for row in rows]
    return {
        "groups": len(rows),
        "held": sum(outcome.held for outcome in outcomes),
        "false_passes": sum(outcome.false_passes for outcome in outcomes),
        "acknowledged_lost": sum(outcome.acknowledged_lost for outcome in outcomes),
        "kills": sum(outcome.kills for outcome in outcomes),
    }


def table(rows: Sequence[Row]) -> str:
    """The rows in columns, as Markdown."""
    cells = [COLUMNS, *(row.cells for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(COLUMNS))]
    lines = ["| " + " | ".join(_padded(line, widths)) + " |" for line in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def trust(rows: Sequence[Row], words: Sequence[str], now: datetime) -> str:
    """The page."""
    total = summary(rows)
    command = " ".join(["python -m tests.faults.report", *words])
    seconds = sum(row.seconds for row in rows)
    facts = (
        f"`{command}`, {now:%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} minutes: {total['held']} of "
        f"{total['groups']} groups held, {total['false_passes']} parts passed without proof, "
        f"{total['acknowledged_lost']} acknowledged results lost, the power gone "
        f"{total['kills']} times (`kill -9`).\n\n{_machine()}"
    )
    claims = "\n".join(f"- **{row.group.name}**: {row.group.claim}." for row in rows)
    unheld = "".join(f"- {row.group.name}: {text}\n" for row in rows for text in _wrong(row))
    wrong = f"\n## What did not hold\n\n{unheld}" if unheld else ""
    return f"{INTRO}\n{facts}\n\n{table(rows)}\n{wrong}\n## What each row claims\n\n{claims}\n"


def _tried(group: Group, *, seed: int, is_full: bool) -> Row:
    """One group in a folder of its own; a group that breaks off did not hold."""
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as home:
        try:
            outcome = group.try_out(Path(home), seed=seed, is_full=is_full)
        except Exception as error:  # noqa: BLE001 - the other groups are still to be tried
            broke = f"it broke off: {type(error).__name__}: {error}"
            outcome = Outcome(injected=0, parts=0, passed=0, problems=(broke,))
    return Row(group=group, outcome=outcome, seconds=time.monotonic() - started_s)


def _wrong(row: Row) -> Iterator[str]:
    if row.outcome.skipped:
        yield f"not tried, {row.outcome.skipped}"
    yield from row.outcome.problems


def _padded(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for place, (cell, width) in enumerate(zip(line, widths, strict=True)):
        yield cell.ljust(width) if place == 0 else cell.rjust(width)


def _machine() -> str:
    """What it ran on, without names."""
    memory_gb = psutil.virtual_memory().total / 1e9
    return (
        f"Station {station.__version__}, Python {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} CPUs, {memory_gb:.0f} GB of memory."
    )


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.report", description=__doc__)
    parser.add_argument("--full", action="store_true", help="full sizes; takes an hour or more")
    parser.add_argument("--only", default="", help="these groups, with commas; writes no page")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument("--output", type=Path, default=ROOT / "TRUST.md", help="the page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
