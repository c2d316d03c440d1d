"""The kit's program, run against the station's registers: it never opens for a bad part."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from station.cli.plc_kit.programs import FILES, Vendor, program
from station.core.plc_words import Input
from tests.cli.plc_kit.conftest import Facts
from tests.cli.plc_kit.register_station import RegisterStation
from tests.cli.plc_kit.structured_text import Block

CYCLE_MS = 5
TRAVEL_MS = 500
SIGHT_MS = 80
RETAINED = ("udSeq", "udPart")


@dataclass
class Belt:
    """Parts that pass the camera and half a second later the gate, and who looks at them."""

    block: Block
    station: RegisterStation
    draw: random.Random
    loss: float = 0.0
    now_ms: int = 4_294_960_000
    """Shortly before the clock of 32 bits begins again."""
    opened_for: list[bool] = field(default_factory=list)
    """Whether the part was good, for each part the gate let through."""
    goods: int = 0
    earliest_ms: int = TRAVEL_MS - 60
    latest_ms: int = TRAVEL_MS + 60
    bounces: bool = False
    lag: int = 0
    """So many cycles lie between the start of a telegram that writes and its arrival."""
    _on_belt: list[tuple[int, bool]] = field(default_factory=list)
    _is_reading: bool = True
    _sent: list[list[int]] = field(default_factory=list)
    """What stood in `aOut` when the telegram under way began, and for each cycle since."""

    def __post_init__(self) -> None:
        self.aIn, self.aOut = self.block.names["aIn"], self.block.names["aOut"]

    def run(self, parts: int, every_ms: int, *, taken_away: float = 0.0) -> None:
        """Let parts come, and all of them reach the gate."""
        for _ in range(parts):
            is_good = self.draw.random() < 0.7
            self.station.before_camera = is_good
            self.goods += is_good
            if self.draw.random() >= taken_away:
                self._on_belt.append((self.now_ms + TRAVEL_MS, is_good))
            self.cycles(SIGHT_MS, xPart=True)
            self.station.before_camera = True  # an empty belt: whoever triggers now gets a pass
            self.cycles(every_ms - SIGHT_MS)
        self.cycles(TRAVEL_MS + 400)

    def cycles(self, for_ms: int, **inputs: bool) -> None:
        """So much time."""
        for _ in range(for_ms // CYCLE_MS):
            self.now_ms += CYCLE_MS
            self._telegram()
            here = [good for at_ms, good in self._on_belt if self._is_seen(self.now_ms - at_ms)]
            was_open = self.block.names["xOpenGate"]
            self.block.call(
                udNowMs=self.now_ms & 0xFFFFFFFF,
                xPart=inputs.get("xPart", False),
                xAtGate=bool(here) or inputs.get("xAtGate", False),
                udGateEarliestMs=self.earliest_ms,
                udGateLatestMs=self.latest_ms,
            )
            if self.block.names["xOpenGate"] and not was_open:
                self.opened_for.append(bool(here) and here[0])

    def restart(self, block: Block) -> None:
        """The controller loses everything but what it retains."""
        kept = {name: self.block.names[name] for name in RETAINED}
        self.block = block
        self.block.names |= kept | {"aIn": self.aIn, "aOut": self.aOut}

    @property
    def counts(self) -> dict[str, int]:
        names = self.block.names
        return {name: names[f"ud{name}"] for name in ("Sent", "Passed", "Rejected", "Missing")}

    def _telegram(self) -> None:
        if self.lag and not self._is_reading:  # still under way?
            self._sent.append(list(self.aOut))
            if len(self._sent) <= self.lag:
                return
        self._is_reading = not self._is_reading
        if self.draw.random() < self.loss:
            return
        if self._is_reading:
            if (registers := self.station.read(self.now_ms)) is not None:
                self.aIn[:] = registers
        elif self.station.write(self._words(), self.now_ms) and self.draw.random() >= self.loss:
            self.block.names["xWritten"] = True

    def _words(self) -> list[int]:
        words = self._sent[0] if self._sent else self.aOut
        self._sent = []
        return words

    def _is_seen(self, for_ms: int) -> bool:
        """Whether the gate's sensor sees a part so long after it came there; it may bounce."""
        return 0 <= for_ms < SIGHT_MS and not (self.bounces and 20 <= for_ms < 40)


def belt_of(facts: Facts, seed: int = 1, vendor: Vendor = "generic", **changed: Any) -> Belt:
    draw = random.Random(seed)
    slowest_ms = changed.pop("slowest_ms", 80)
    station = RegisterStation(draw, slowest_ms=slowest_ms)
    belt = Belt(Block(program(vendor, facts)), station, draw, **changed)
    belt.cycles(1000)
    return belt


@pytest.mark.parametrize("vendor", list(FILES))
def test_good_parts_pass_and_bad_ones_do_not(facts: Facts, vendor: Vendor) -> None:
    belt = belt_of(facts, vendor=vendor)

    belt.run(60, every_ms=150)

    counts = belt.counts
    assert counts["Sent"] == 60 == counts["Passed"] + counts["Rejected"]
    assert all(belt.opened_for)
    assert belt.goods >= counts["Passed"] >= belt.goods - 10  # one in twenty is not judged
    assert belt.station.triggers == 60


@pytest.mark.parametrize("seed", range(30))
def test_nothing_bad_passes_over_a_bad_wire_with_late_answers(facts: Facts, seed: int) -> None:
    belt = belt_of(facts, seed, loss=0.15, slowest_ms=400)

    belt.run(60, every_ms=160, taken_away=0.05)

    counts = belt.counts
    assert all(belt.opened_for)
    assert belt.opened_for
    assert counts["Sent"] == counts["Passed"] + counts["Rejected"] + counts["Missing"] == 60


def test_a_part_nobody_saw_is_rejected(facts: Facts) -> None:
    belt = belt_of(facts)
    belt.cycles(100, xAtGate=True)

    assert belt.block.names["udStrange"] == 1
    assert belt.opened_for == []


def test_a_foreign_part_among_others_does_not_shift_the_verdicts(facts: Facts) -> None:
    belt = belt_of(facts)
    belt.station.before_camera = True
    belt.cycles(SIGHT_MS, xPart=True)
    belt.cycles(150)
    belt.cycles(SIGHT_MS, xAtGate=True)

    assert belt.block.names["udStrange"] == 1
    assert belt.block.names["iCount"] == 1


@pytest.mark.parametrize("bounces", [False, True])
@pytest.mark.parametrize("seed", range(15))
def test_where_two_parts_may_stand_at_the_gate_both_must_be_proven(
    facts: Facts, seed: int, bounces: bool
) -> None:
    belt = belt_of(facts, seed, bounces=bounces)
    belt.earliest_ms, belt.latest_ms = TRAVEL_MS - 150, TRAVEL_MS + 250

    belt.run(60, every_ms=150, taken_away=0.1)

    counts = belt.counts
    assert all(belt.opened_for)
    assert belt.opened_for
    assert counts["Sent"] == counts["Passed"] + counts["Rejected"] + counts["Missing"] == 60


@pytest.mark.parametrize("phase", range(12))
@pytest.mark.parametrize("lag", [0, 3])
def test_a_reset_is_sent_whatever_telegram_is_under_way(facts: Facts, lag: int, phase: int) -> None:
    belt = belt_of(facts, lag=lag)
    assert belt.station.resets == 1
    belt.cycles(phase * CYCLE_MS)
    belt.block.call(xReset=True)
    belt.block.call(xReset=False)
    belt.cycles(500)

    assert belt.station.resets == 2
    assert len(one_good_part(belt)) == 1


def test_at_a_start_the_reset_waits_for_the_station(facts: Facts) -> None:
    station = RegisterStation(random.Random(1), is_dead=True)
    belt = Belt(Block(program("generic", facts)), station, random.Random(1), now_ms=0)
    belt.cycles(1000)
    assert not belt.block.names["xAlive"]
    station.is_dead = False
    belt.cycles(1000)

    assert station.resets == 1
    assert len(one_good_part(belt)) == 1


def test_a_dead_station_passes_nothing(facts: Facts) -> None:
    belt = belt_of(facts)
    belt.station.is_dead = True
    belt.cycles(2500)
    assert not belt.block.names["xAlive"]

    belt.run(10, every_ms=200)

    assert belt.opened_for == []
    assert belt.counts["Rejected"] == 10


def test_after_an_outage_parts_pass_again(facts: Facts) -> None:
    belt = belt_of(facts)
    belt.station.is_dead = True
    belt.run(5, every_ms=200)
    belt.station.is_dead = False
    belt.cycles(1000)
    belt.run(30, every_ms=200)

    assert all(belt.opened_for)
    assert len(belt.opened_for) > 10


@pytest.mark.parametrize("seed", range(4))
def test_a_controller_that_restarts_goes_on_counting(facts: Facts, seed: int) -> None:
    belt = belt_of(facts, seed)
    belt.run(5, every_ms=200)
    belt.cycles(SIGHT_MS, xPart=True)
    belt.restart(Block(program("generic", facts)))
    belt.cycles(1000)
    belt.run(30, every_ms=150)

    assert belt.block.names["udSeq"] == 36
    assert all(belt.opened_for)
    assert len(belt.opened_for) > 10


def one_good_part(belt: Belt, sight_ms: int = SIGHT_MS) -> list[bool]:
    """Let one good part pass camera and gate; what the gate was opened for."""
    belt.station.unjudged, belt.station.before_camera = 0.0, True
    belt.draw = random.Random(0)
    belt.cycles(sight_ms, xPart=True)
    belt.cycles(TRAVEL_MS - sight_ms)
    belt.cycles(SIGHT_MS, xAtGate=True)
    return belt.opened_for


def test_one_good_part_passes(facts: Facts) -> None:
    assert len(one_good_part(belt_of(facts))) == 1


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (Input.PASS, 0),
        (Input.PASS, 2),
        (Input.EVAL, 2),
        (Input.EVAL, 0),
        (Input.STATE, 2),
        (Input.STATE, 4),
        (Input.CODE, 101),
        (Input.DUP, 1),
        (Input.SEQ, 1),
        (Input.SEQ + 1, 2),
        (Input.PART, 1),
        (Input.PART + 1, 2),
    ],
)
def test_each_register_of_the_answer_must_prove_the_pass(
    facts: Facts, register: int, value: int
) -> None:
    belt = belt_of(facts)
    belt.station.tampered = {register: value}

    assert one_good_part(belt) == []
    assert belt.counts["Rejected"] == 1


def test_a_trigger_that_was_not_taken_is_sent_again(facts: Facts) -> None:
    belt = belt_of(facts)
    belt.station.deaf_to = 1

    assert len(one_good_part(belt, sight_ms=200)) == 1
    assert belt.station.triggers == 1


def test_a_part_that_left_the_camera_is_not_triggered_any_more(facts: Facts) -> None:
    belt = belt_of(facts)
    belt.station.deaf_to = 1

    assert one_good_part(belt) == []
    assert belt.station.triggers == 0


def test_a_controller_resets_the_station_once_at_its_start(facts: Facts) -> None:
    belt = belt_of(facts)
    belt.run(3, every_ms=200)

    assert belt.station.resets == 1


def test_an_answer_after_the_deadline_is_not_used(facts: Facts) -> None:
    belt = belt_of(facts, slowest_ms=300)
    belt.station.fastest_ms = 300

    assert one_good_part(belt) == []
    assert belt.block.names["udLate"] == 1


def test_more_parts_than_places_reject_all_until_the_reset(facts: Facts) -> None:
    belt = belt_of(facts)
    belt.station.unjudged = 0.0
    belt.cycles(SIGHT_MS, xPart=True)
    belt.cycles(CYCLE_MS)
    for _ in range(33):
        belt.cycles(CYCLE_MS, xPart=True)
        belt.cycles(CYCLE_MS)
    assert belt.block.names["xTooMany"]
    assert belt.block.names["aProven"][1]
    belt.cycles(TRAVEL_MS - 330 - SIGHT_MS)
    belt.cycles(SIGHT_MS, xAtGate=True)
    assert (belt.opened_for, belt.counts["Rejected"]) == ([], 1)

    belt.block.call(xReset=True)
    belt.block.call(xReset=False)
    belt.cycles(500)
    belt.run(20, every_ms=200)

    assert len(belt.opened_for) > 5
    assert all(belt.opened_for)
