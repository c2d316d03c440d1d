"""`station plc sim`: a belt with a PLC that triggers the station and counts what it got."""

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from station.cli.plc_sim import (
    FAULTS,
    BeltSettings,
    Reconciled,
    SimulatedPlc,
    StationLedger,
    Tally,
    parse_fault,
    reconcile,
)
from station.cli.plc_sim.belt import DoorName
from station.cli.plc_sim.reconcile import false_passes, find_unanswered, report_counts
from station.cli.plc_sim.shown import shown_live, summary
from station.core.errors import SettingsError
from station.core.plc_words import REQUEST_TEXTS
from station.core.reasons import STATION_NUMBERS, STATION_TEXTS
from station.line.settings import PlcSettings

FAULT_HELP = "NAME=SHARE or NAME=@PART,PART; again for each. " + "; ".join(
    f"{name}: {text}" for name, text in FAULTS.items()
)


def sim(
    door: Annotated[str, typer.Option(help="http, http-text, ascii or modbus")] = "http",
    host: Annotated[str, typer.Option(help="Where the station's PLC door is.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Needed for ascii and modbus.")] = None,
    parts: Annotated[int | None, typer.Option(min=1, help="So many; else 100.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Or for so long.")] = None,
    rate: Annotated[float, typer.Option(min=0.01, max=2000, help="Parts per second.")] = 10.0,
    jitter: Annotated[float, typer.Option(help="Parts come unevenly: 0 to 0.9.")] = 0.0,
    gate_ms: Annotated[float, typer.Option(min=1, help="From trigger to reject gate.")] = 300.0,
    deadline_ms: Annotated[int, typer.Option(min=0, help="0: the station's own.")] = 0,
    connections: Annotated[int, typer.Option(min=1, max=63, help="For triggers.")] = 4,
    fault: Annotated[list[str] | None, typer.Option(help=FAULT_HELP)] = None,
    early: Annotated[bool, typer.Option("--early", help="Do not wait for trigger_ready.")] = False,
    first_seq: Annotated[int, typer.Option(min=1, help="The sequence begins with it.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed, other jitter and faults.")] = 0,
    api: Annotated[str, typer.Option(help="The station's API, for its ledger.")] = (
        "http://127.0.0.1:8470"
    ),
    no_ledger: Annotated[bool, typer.Option("--no-ledger", help="Compare nothing.")] = False,
    truth: Annotated[bool, typer.Option("--truth", help="Check truths of rendered parts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Run a belt of parts through the station, and compare both ledgers.

    Ends with 1 if they differ, or a part passed that must not.
    """
    belt = BeltSettings(
        host=host, port=_port(door, port), door=_door(door), rate_per_s=rate, jitter=jitter,
        parts=parts if parts or seconds else 100, seconds=seconds, gate_ms=gate_ms,
        deadline_ms=deadline_ms, connections=connections, first_seq=first_seq, is_early=early,
        seed=seed, faults=dict(parse_fault(text) for text in fault or []),
    )  # fmt: skip
    ledger = None if no_ledger else StationLedger(api)
    tally, found = _run(belt, ledger, with_truth=truth, console=Console(stderr=True))
    if as_json:
        typer.echo(json.dumps(tally.as_json() | _as_json(found)))
    else:
        Console().print(summary(tally, _numbers(), found))
    if not tally.adds_up or (found and not found.agrees):
        raise typer.Exit(1)


def _run(
    belt: BeltSettings, ledger: StationLedger | None, *, with_truth: bool, console: Console
) -> tuple[Tally, Reconciled | None]:
    before, newest = (ledger.totals(), ledger.newest()) if ledger else ({}, 0)
    plc = SimulatedPlc(belt)
    report_counts(belt, Tally())  # they begin anew: what they showed before is no part of it
    with shown_live(console, plc), _stopped_by_interrupt(plc):
        tally = plc.run()
    report_counts(belt, tally)
    if ledger is None:
        return tally, None
    find_unanswered(tally, ledger)
    wrong = false_passes(tally, ledger.results_since(newest), with_truth=with_truth)
    found = reconcile(tally, before, ledger.totals(), belt)
    return tally, replace(found, false_passes=wrong)


@contextmanager
def _stopped_by_interrupt(plc: SimulatedPlc) -> Iterator[None]:
    """The first Ctrl-C ends the belt, so that what was counted is still compared."""

    def stop(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        plc.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _door(name: str) -> DoorName:
    for door in get_args(DoorName):
        if door == name:
            found: DoorName = door
            return found
    raise SettingsError(f"there is no door {name!r}; choose of {', '.join(get_args(DoorName))}")


def _port(door: str, port: int | None) -> int:
    if port is not None:
        return port
    if door in ("ascii", "modbus"):
        raise SettingsError(f"say --port: the one [plc] {door}_port of station.toml names")
    return PlcSettings().port


def _numbers() -> Mapping[int, str]:
    texts = {number: STATION_TEXTS[reason] for reason, number in STATION_NUMBERS.items()}
    return texts | REQUEST_TEXTS


def _as_json(found: Reconciled | None) -> dict[str, Any]:
    if found is None:
        return {"agrees": None}
    station = {row.name: row.station for row in found.rows}
    apart = {row.name: row.difference for row in found.rows if not row.agrees}
    return {
        "agrees": found.agrees,
        "station": station,
        "differences": apart,
        "false_passes": list(found.false_passes),
        "flaws": list(found.flaws),
    }
