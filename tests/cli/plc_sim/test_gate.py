"""The simulated PLC's gate: what opens it, what never does, and that its counts add up."""

from collections.abc import Callable
from typing import Any

import pytest

from station.cli.plc_sim import BeltSettings, SimulatedPlc, Tally, When
from tests.cli.plc_sim.scripted_door import ScriptedDoor, result, scripted

GATE_MS = 250.0


def run(door: ScriptedDoor, **settings: Any) -> Tally:
    usual: dict[str, Any] = {"parts": 5, "rate_per_s": 100, "gate_ms": GATE_MS, "seed": 3}
    tally = SimulatedPlc(BeltSettings(port=door.port, **(usual | settings))).run()
    assert tally.adds_up
    return tally


def test_good_answers_open_the_gate_and_are_acknowledged() -> None:
    with scripted(lambda seq, _: [result(seq)]) as door:
        tally = run(door, parts=20)

    assert (tally.parts, tally.passed, tally.rejected, tally.ok) == (20, 20, 0, 20)
    assert door.triggers == list(range(1, 21))
    assert sorted(door.acks) == door.triggers
    assert len(set(tally.passed_parts)) == 20


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({"pass": 0, "eval": 2, "code": 101}, "not_ok"),
        ({"pass": 0, "eval": 3, "code": 101}, "not_decidable"),
        ({"pass": 0, "eval": 0, "state": 3, "code": 1}, "aborted"),
        ({"pass": 0, "eval": 0, "state": 4, "code": 16}, "failed"),
        ({"pass": 1, "eval": 2}, "contradictions"),
        ({"pass": 1, "eval": 1, "state": 4}, "contradictions"),
        ({"pass": 1, "code": 2}, "contradictions"),
        ({"pass": 0}, "contradictions"),
        ({"part": 7}, "contradictions"),
        ({"dup": 1}, "stale"),
        ({"pass": 0, "eval": 0, "state": 3, "code": 90}, "refused"),
    ],
)
def test_anything_but_a_pass_is_a_reject(changed: dict[str, int], count: str) -> None:
    with scripted(lambda seq, _: [result(seq, **changed)]) as door:
        tally = run(door)

    assert (tally.passed, tally.rejected) == (0, 5)
    assert getattr(tally, count) == 5


def split(seq: int, _: int) -> list[bytes]:
    whole = result(seq)
    return [whole[:40], whole[40:]]


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        (lambda seq, _: [result(seq + 1000)], "wrong_seq"),
        (lambda _, __: [result(0)], "wrong_seq"),
        (split, "garbled"),
        (lambda seq, _: [result(seq)[:-3]], "garbled"),
        (lambda _, __: [b"pass"], "garbled"),
        (lambda seq, _: [result(seq, state=2)], "unfinished"),
    ],
)
def test_no_answer_of_its_own_is_a_reject(
    reply: Callable[[int, int], list[bytes]], count: str
) -> None:
    with scripted(reply) as door:
        tally = run(door)

    assert (tally.passed, tally.rejected, tally.no_answer) == (0, 5, 5)
    assert getattr(tally, count) >= 5


def test_answers_that_come_one_part_late_go_to_the_parts_they_name() -> None:
    bad = {"pass": 0, "eval": 2, "code": 101}

    def one_late(seq: int, _: int) -> list[bytes]:
        return [result(seq - 1, **({} if seq % 2 else bad))]

    with scripted(one_late) as door:
        tally = run(door, connections=1)

    assert (tally.passed, tally.not_ok, tally.no_answer) == (2, 2, 1)
    first = tally.passed_parts[0]
    assert [part - first for part in tally.passed_parts] == [0, 2]


def test_an_answer_after_the_gate_is_late_and_does_not_open_it() -> None:
    faults = {"slow_reader": When(parts=frozenset({2, 4}))}
    with scripted(lambda seq, _: [result(seq)]) as door:
        tally = run(door, faults=faults, slow_ms=GATE_MS + 100)

    assert (tally.passed, tally.rejected, tally.late, tally.ok) == (3, 2, 2, 5)


def test_a_lost_trigger_is_never_sent_and_its_part_rejected() -> None:
    faults = {"lose_trigger": When(parts=frozenset({3}))}
    with scripted(lambda seq, _: [result(seq)]) as door:
        tally = run(door, faults=faults)

    assert (tally.passed, tally.rejected, tally.lost, tally.no_answer) == (4, 1, 1, 0)
    assert tally.crowded_out == 0
    assert door.triggers == [1, 2, 4, 5]


def test_parts_that_no_connection_was_free_for_are_lost_and_named() -> None:
    faults = {"slow_reader": When(parts=frozenset({1}))}
    with scripted(lambda seq, _: [result(seq)]) as door:
        tally = run(door, faults=faults, connections=1, slow_ms=GATE_MS + 200)

    assert (tally.rejected, tally.lost, tally.crowded_out) == (5, 4, 4)


def test_a_doubled_trigger_gets_one_answer_counted_and_one_compared() -> None:
    faults = {"double_trigger": When(parts=frozenset({2}))}

    def same(seq: int, times: int) -> list[bytes]:
        return [result(seq, dup=int(times > 1))]

    with scripted(same) as door:
        tally = run(door, faults=faults)

    assert (tally.passed, tally.duplicates, tally.contradictions) == (5, 1, 0)
    assert sorted(door.triggers) == [1, 2, 2, 3, 4, 5]


def test_two_answers_that_differ_are_a_contradiction() -> None:
    faults = {"double_trigger": When(rate=1.0)}

    def other(seq: int, times: int) -> list[bytes]:
        return [result(seq) if times == 1 else result(seq, **{"pass": 0, "eval": 2, "code": 101})]

    with scripted(other) as door:
        assert run(door, faults=faults).contradictions == 5


def test_a_broken_connection_is_tried_again_with_the_same_number() -> None:
    def hang_up_first(seq: int, times: int) -> list[bytes]:
        return [] if (seq, times) == (3, 1) else [result(seq, dup=int(times > 1))]

    with scripted(hang_up_first) as door:
        tally = run(door, gate_ms=2000)

    assert (tally.passed, tally.breaks, tally.stale) == (5, 1, 0)
    assert door.triggers.count(3) == 2


def test_a_dead_station_passes_nothing() -> None:
    with scripted(lambda _, __: []) as door:
        tally = run(door)

    assert (tally.passed, tally.rejected, tally.no_answer) == (0, 5, 5)
    assert len(tally.unanswered_parts) == 5


def test_a_burst_comes_at_once_and_a_restart_counts_from_1() -> None:
    faults = {"burst": When(parts=frozenset({1})), "restart": When(parts=frozenset({5}))}
    with scripted(lambda seq, _: [result(seq)]) as door:
        tally = run(door, parts=8, rate_per_s=5, burst_size=4, faults=faults, first_seq=70)

    assert sorted(door.triggers) == [1, 2, 3, 4, 70, 71, 72, 73]
    assert (tally.restarts, tally.parts) == (1, 8)


def test_out_of_order_triggers_are_sent_after_the_next() -> None:
    faults = {"out_of_order": When(parts=frozenset({2}))}
    with scripted(lambda seq, _: [result(seq)]) as door:
        tally = run(door, faults=faults, connections=1)

    assert door.triggers == [1, 3, 2, 4, 5]
    assert tally.passed == 5


def test_a_vanished_plc_comes_back_and_asks_again() -> None:
    faults = {"vanish": When(parts=frozenset({3}))}
    with scripted(lambda seq, times: [result(seq, dup=int(times > 1))]) as door:
        tally = run(door, faults=faults, away_ms=100, gate_ms=2000)

    assert tally.passed == 5
    assert (tally.rejected, tally.no_answer) == (0, 0)
