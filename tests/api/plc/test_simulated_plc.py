"""The simulated PLC before the real doors: whatever it does, both ledgers agree to the unit."""

from collections import Counter
from typing import Any

import pytest

from station.cli.plc_sim import BeltSettings, Reconciled, SimulatedPlc, Tally, When, reconcile
from station.cli.plc_sim.belt import DoorName
from station.line.counters import Counts
from tests.api.plc.conftest import OpenStation, OpenStationWith, until

FAULTS = {
    "lose_ack": When(rate=0.1),
    "lose_trigger": When(parts=frozenset({7, 8, 20})),
    "double_trigger": When(parts=frozenset({5, 15, 25})),
    "out_of_order": When(parts=frozenset({30})),
    "burst": When(parts=frozenset({35})),
}


def counts_of(counts: Counts) -> Counter[str]:
    names = ("triggers", "ok", "not_ok", "not_decidable", "aborted", "failed", "in_progress")
    return Counter({name: int(getattr(counts, name)) for name in names})


def run(station: OpenStation, door: DoorName = "http", **settings: Any) -> tuple[Tally, Reconciled]:
    ports = {"ascii": station.ascii, "modbus": station.modbus}
    usual: dict[str, Any] = {"parts": 40, "rate_per_s": 40, "gate_ms": 3000, "burst_size": 5}
    belt = BeltSettings(door=door, port=ports.get(door, station.http), **(usual | settings))
    before = counts_of(station.line.counters.look())
    tally = SimulatedPlc(belt).run()
    until(lambda: not station.line.counters.look().in_progress)
    return tally, reconcile(tally, before, counts_of(station.line.counters.look()), belt)


@pytest.mark.parametrize("door", ["http", "http-text", "ascii", "modbus"])
def test_each_door_answers_every_part(open_station: OpenStationWith, door: DoorName) -> None:
    tally, found = run(open_station(), door)

    assert found.agrees, found
    assert (tally.answered, tally.garbled, tally.wrong_seq) == (40, 0, 0)
    assert 0 < tally.passed < 40


@pytest.mark.parametrize("door", ["http", "ascii", "modbus"])
def test_faults_of_the_plc_cost_no_part(open_station: OpenStationWith, door: DoorName) -> None:
    tally, found = run(open_station(queue_size=50), door, faults=FAULTS, seed=2)

    assert found.agrees, found
    assert (tally.contradictions, tally.garbled, tally.stale) == (0, 0, 0)
    assert tally.lost == 3
    assert tally.passed > 0


@pytest.mark.parametrize("door", ["http", "modbus"])
def test_a_plc_that_restarts_gets_no_answer_of_its_earlier_parts(
    open_station: OpenStationWith, door: DoorName
) -> None:
    faults = {"restart": When(parts=frozenset({10, 25}))}
    tally, found = run(open_station(), door, faults=faults)

    assert found.agrees, found
    assert (tally.restarts, tally.stale) == (2, 0)


def test_a_plc_that_vanishes_asks_again_and_gets_the_same_answers(
    open_station: OpenStationWith,
) -> None:
    faults = {"vanish": When(parts=frozenset({10, 25}))}
    tally, found = run(open_station(), faults=faults, away_ms=200)

    assert found.agrees, found
    assert (tally.no_answer, tally.lost) == (0, 0)


def test_a_burst_beyond_the_queue_is_answered_as_overrun(open_station: OpenStationWith) -> None:
    faults = {"burst": When(parts=frozenset({5}))}
    tally, found = run(
        open_station(queue_size=1), faults=faults, burst_size=16, connections=16, parts=30
    )

    assert found.agrees, found
    assert tally.aborted > 0
    assert tally.by_code[1] == tally.aborted
