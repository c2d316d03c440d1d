"""Two ledgers compared to the unit: what agrees, and what does not."""

from typing import Any

import pytest

from station.cli.plc_sim import BeltSettings, Tally, reconcile
from station.cli.plc_sim.reconcile import false_passes

BELT = BeltSettings()
BEFORE = {"triggers": 1000, "ok": 900, "failed": 100}


def a_run(**changed: Any) -> Tally:
    usual: dict[str, Any] = {
        "parts": 10,
        "passed": 7,
        "rejected": 3,
        "answered": 10,
        "ok": 7,
        "not_ok": 2,
    }
    return Tally(**(usual | {"failed": 1} | changed))


def grown(**changed: int) -> dict[str, int]:
    by = {"triggers": 10, "ok": 7, "not_ok": 2, "failed": 1} | changed
    return {name: BEFORE.get(name, 0) + by.get(name, 0) for name in BEFORE | by}


def test_equal_ledgers_agree() -> None:
    found = reconcile(a_run(), BEFORE, grown(), BELT)

    assert found.agrees
    assert {row.name: row.station for row in found.rows}["triggers"] == 10


@pytest.mark.parametrize(
    "changed",
    [
        {"triggers": 11},
        {"triggers": 9},
        {"ok": 8, "triggers": 11},
        {"ok": 8, "not_ok": 1},
        {"failed": 0, "aborted": 1},
        {"in_progress": 1},
        {"failed": 0},
    ],
)
def test_a_difference_of_one_does_not_agree(changed: dict[str, int]) -> None:
    assert not reconcile(a_run(), BEFORE, grown(**changed), BELT).agrees


def test_parts_without_an_answer_may_be_in_any_row_but_only_once() -> None:
    tally = a_run(answered=8, ok=5, passed=5, rejected=5, no_answer=2)

    assert reconcile(tally, BEFORE, grown(), BELT).agrees
    assert reconcile(tally, BEFORE, grown(ok=5, aborted=2), BELT).agrees
    assert not reconcile(tally, BEFORE, grown(aborted=2), BELT).agrees
    assert not reconcile(tally, BEFORE, grown(ok=6), BELT).agrees


def test_triggers_never_sent_are_failed_in_the_station_and_nothing_else() -> None:
    tally = a_run(answered=9, ok=6, passed=6, rejected=4, lost=1)

    assert reconcile(tally, BEFORE, grown(ok=6, failed=2), BELT).agrees
    assert not reconcile(tally, BEFORE, grown(), BELT).agrees


def test_numbers_that_leave_no_gap_are_not_expected_in_the_station() -> None:
    tally = a_run(answered=9, ok=6, passed=6, rejected=4, lost=1, unseen=1)

    assert reconcile(tally, BEFORE, grown(triggers=9, ok=6), BELT).agrees
    assert not reconcile(tally, BEFORE, grown(ok=6, failed=2), BELT).agrees


def test_a_plc_whose_own_counts_do_not_add_up_never_agrees() -> None:
    assert not reconcile(a_run(rejected=2), BEFORE, grown(), BELT).agrees


def test_ascii_does_not_tell_aborted_from_failed() -> None:
    belt = BeltSettings(door="ascii", port=1)
    tally = a_run()

    assert reconcile(tally, BEFORE, grown(failed=0, aborted=1), belt).agrees
    assert not reconcile(tally, BEFORE, grown(failed=0, not_ok=3), belt).agrees


def test_a_pass_needs_a_record_that_says_pass_and_a_good_truth() -> None:
    tally = Tally()
    tally.passed_parts.extend([1, 2, 3, 4])
    records = [
        {"part_id": "1", "passed": True, "truth": "ok", "reason_code": None},
        {"part_id": "2", "passed": False, "truth": "ok", "reason_code": "chip"},
        {"part_id": "3", "passed": True, "truth": "chip", "reason_code": None},
        {"part_id": "9", "passed": False, "truth": "chip", "reason_code": "chip"},
    ]

    with_truth = false_passes(tally, records, with_truth=True)
    assert [line.split(":")[0] for line in with_truth] == ["part 2", "part 3", "part 4"]
    without = false_passes(tally, records, with_truth=False)
    assert [line.split(":")[0] for line in without] == ["part 2", "part 4"]


@pytest.mark.parametrize("flaw", ["contradictions", "garbled", "stale"])
def test_an_answer_no_station_may_give_does_not_agree(flaw: str) -> None:
    station = grown() if flaw != "stale" else grown(ok=6, triggers=9)
    tally = a_run(**{flaw: 1}, **({"ok": 6} if flaw == "stale" else {}))
    found = reconcile(tally, BEFORE, station, BELT)

    assert all(row.agrees for row in found.rows)
    assert len(found.flaws) == 1
    assert not found.agrees
