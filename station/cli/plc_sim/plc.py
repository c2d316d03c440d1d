"""The PLC program: it triggers, matches answers by their number, and opens the gate or does not."""

import time
from collections import deque
from collections.abc import Callable
from functools import partial

from station.cli.plc_sim.belt import Arrival, BeltSettings, arrivals
from station.cli.plc_sim.doors import AsciiLanguage, Door, HttpLanguage, LineDoor, Trigger
from station.cli.plc_sim.modbus import ModbusDoor
from station.cli.plc_sim.parts import Epoch, Part
from station.cli.plc_sim.tally import Answer, Bits, Tally
from station.cli.plc_sim.wires import Scan
from station.core.errors import AcquisitionError
from station.core.plc_words import BAD_REQUEST_NUMBER, PlcBit, after_sequence
from station.core.reasons import STATION_NUMBERS, StationReason
from station.core.result import ResultState

LOOK_S = 0.2
"""Between two looks at the status."""
TRIES = 2
"""A trigger whose connection broke is sent again so often in all, with the same number."""
PART_NUMBERS = 999_999_999
LATE = STATION_NUMBERS[StationReason.LATE]
LOST = STATION_NUMBERS[StationReason.LOST_TRIGGER]
"""A trigger that was overtaken is answered with this, as one that was known already."""
LINGER_S = 0.5
"""At the end, for answers that come after the last gate."""


class SimulatedPlc:
    """One run of the virtual belt. `run` is called once; `stop` may be called by other threads."""

    def __init__(
        self, belt: BeltSettings, *, show: Callable[[Tally], None] = lambda _: None
    ) -> None:
        self.tally = Tally()
        self._belt = belt
        self._show = show
        self._scan = Scan()
        self._door = _door(belt, self._scan, self)
        self._arrivals = arrivals(belt)
        self._queue: deque[Part] = deque()
        self._held_back: Part | None = None
        self._waiting: dict[int, Part] = {}
        self._on_belt: set[int] = set()
        self._bits: Bits | None = None
        self._beat: tuple[int, float] | None = None
        self._seq = belt.first_seq - 1
        self._epochs = [Epoch()]
        self._numbers_from = int(time.time() * 1e3) % PART_NUMBERS
        self._started_s = 0.0
        self._is_away = False
        self._belt_ended = False
        self._is_stopped = False

    def run(self) -> Tally:
        """Let all parts pass the gate; what was counted.

        Raises:
            AcquisitionError: the station is not there, or not ready in time.
        """
        try:
            self._door.open()
            self._look()
            self._get_ready()
            self._started_s = time.monotonic()
            self._next_arrival()
            while not self._belt_ended or self._on_belt:
                self._scan.turn()
            self.tally.seconds = time.monotonic() - self._started_s
            self._linger()
        finally:
            self._door.close()
            self._scan.close()
        return self.tally

    def stop(self) -> None:
        """No more parts; those on the belt still pass the gate."""
        self._is_stopped = True

    # What happens on the belt

    def _get_ready(self) -> None:
        until_s = time.monotonic() + self._belt.ready_within_s
        while not (self._bits and self._bits.bits & PlcBit.TRIGGER_READY.mask):
            if self._belt.is_early:
                break
            if time.monotonic() > until_s:
                raise AcquisitionError(_why_not_ready(self._belt, self._bits))
            self._scan.turn()

    def _next_arrival(self) -> None:
        arrival = None if self._is_stopped else next(self._arrivals, None)
        if arrival is None:
            self._release()
            self._belt_ended = True
            return
        at_s = self._started_s + arrival.after_s
        self._scan.at(at_s, partial(self._arrive, arrival, at_s))

    def _arrive(self, arrival: Arrival, at_s: float) -> None:
        if "restart" in arrival.faults:
            self._restart()
        self._seq = after_sequence(self._seq)
        number = self._number(arrival) if self._belt.names_parts else 0
        gate_s = at_s + self._belt.gate_ms / 1e3
        part = Part(self._seq, number, gate_s, arrival, self._epochs[-1])
        self.tally.parts += 1
        self._on_belt.add(arrival.place)
        self._scan.at(part.gate_s, partial(self._gate, part))
        if "lose_trigger" not in arrival.faults:
            self._waiting[part.seq] = part
            self._line_up(part)
        self._next_arrival()

    def _number(self, arrival: Arrival) -> int:
        return (self._numbers_from + arrival.place) % PART_NUMBERS + 1

    def _line_up(self, part: Part) -> None:
        if "out_of_order" in part.arrival.faults and self._held_back is None:
            self._held_back = part
            return
        self._queue.append(part)
        if "double_trigger" in part.arrival.faults:
            self._queue.append(part)
        self._release()

    def _release(self) -> None:
        if self._held_back is not None:
            self._queue.append(self._held_back)
            self._held_back = None
        self._send()

    def _send(self) -> None:
        while self._queue and self._door.is_free and not self._is_away:
            part = self._queue.popleft()
            if time.monotonic() >= part.gate_s:
                continue
            if not part.tries:
                part.sent_s = time.monotonic()
            part.tries += 1
            self.tally.triggers += 1
            self._door.trigger(self._trigger(part))
            if "vanish" in part.arrival.faults and part.tries == 1:
                self._vanish()

    def _trigger(self, part: Part) -> Trigger:
        slow_s = self._belt.slow_ms / 1e3 if "slow_reader" in part.arrival.faults else 0.0
        gate_ms = round(self._belt.gate_ms)
        return Trigger(part.seq, part.number, self._belt.deadline_ms, gate_ms, slow_s)

    def _gate(self, part: Part) -> None:
        """Open it only for this part's own answer, in time, that says pass."""
        answer, tally = part.answer, self.tally
        is_proven = answer is not None and answer.passed and part.answered_s <= part.gate_s
        if is_proven and self._waiting.get(part.seq) is part:
            tally.passed += 1
            tally.passed_parts.append(self._number(part.arrival))
        else:
            tally.rejected += 1
        part.is_decided = True
        tally.lost += part.tries == 0
        tally.crowded_out += part.tries == 0 and "lose_trigger" not in part.arrival.faults
        part.epoch.note(part.seq, is_taken=part.tries > 0 and not part.is_refused)
        self._on_belt.discard(part.arrival.place)
        if (answer or not part.tries) and self._waiting.get(part.seq) is part:
            del self._waiting[part.seq]

    # What goes wrong on purpose

    def _restart(self) -> None:
        self.tally.restarts += 1
        self._queue.clear()
        self._held_back = None
        for part in self._waiting.values():
            self._forget(part)
        self._waiting.clear()
        self._seq = 0
        self._epochs.append(Epoch())
        self._door.close()
        self._door.open()

    def _vanish(self) -> None:
        self._is_away = True
        self._door.close()
        for part in self._waiting.values():
            if part.tries and part.answer is None:
                self._again(part)
        self._scan.at(time.monotonic() + self._belt.away_ms / 1e3, self._come_back)

    def _come_back(self) -> None:
        self._is_away = False
        self._door.open()

    def _again(self, part: Part) -> None:
        if part.tries < TRIES and part not in self._queue:
            self._queue.append(part)

    def _forget(self, part: Part) -> None:
        if part.answer is None and part.tries:
            self.tally.no_answer += 1
            self.tally.unanswered_parts.append(self._number(part.arrival))

    # What the door heard

    def answered(self, answer: Answer, at_s: float) -> None:
        """Give the answer to the part whose number it carries, to no other."""
        part = self._waiting.get(answer.seq)
        if part is None or part.tries == 0:
            self.tally.wrong_seq += 1
        elif part.answer is not None:
            self._answered_again(part.answer, answer)
        elif answer.state == ResultState.PROCESSING:
            self.tally.unfinished += 1
        else:
            self._take(part, answer, at_s)
        self._send()

    def _take(self, part: Part, answer: Answer, at_s: float) -> None:
        tally = self.tally
        is_stale = answer.is_duplicate and part.tries == 1 and answer.code != LOST
        tally.answered += 1
        tally.round_trips_ms.append((at_s - part.sent_s) * 1e3)
        is_wrong = answer.contradicts_itself or answer.part not in (0, part.number)
        tally.contradictions += is_wrong
        tally.late += at_s > part.gate_s or answer.code == LATE
        if answer.code:
            tally.by_code[answer.code] += 1
        if is_stale:
            tally.stale += 1
        elif answer.code >= BAD_REQUEST_NUMBER and answer.code < 100:
            tally.refused += 1
            part.is_refused = True
        elif answer.outcome is not None:
            setattr(tally, answer.outcome, getattr(tally, answer.outcome) + 1)
            if answer.code != LOST:
                tally.answered_parts.append(part.number)
        if not is_stale and not is_wrong:
            part.answer, part.answered_s = answer, at_s
        else:
            part.answer, part.answered_s = answer, float("inf")
        if part.is_decided:
            del self._waiting[part.seq]
        self._acknowledge(part)

    def _answered_again(self, first: Answer, answer: Answer) -> None:
        self.tally.duplicates += 1
        said, now = (first.passed, first.code), (answer.passed, answer.code)
        self.tally.contradictions += said != now

    def _acknowledge(self, part: Part) -> None:
        if not self._belt.acknowledges:
            return
        if "lose_ack" in part.arrival.faults:
            self.tally.acks_lost += 1
            return
        self.tally.acks += 1
        self._door.acknowledge(part.seq)

    def garbled(self) -> None:
        """Something came that is no answer; it decides nothing."""
        self.tally.garbled += 1

    def broken(self, seq: int) -> None:
        """Send the trigger again, with the same number, while that can help."""
        self.tally.breaks += 1
        part = self._waiting.get(seq)
        if part is not None and part.answer is None and time.monotonic() < part.gate_s:
            self._again(part)

    def told(self, bits: Bits) -> None:
        """The status: whether the station is ready, and whether its heart beats."""
        self._bits, now_s = bits, time.monotonic()
        self.tally.stop_requested |= bool(bits.bits & PlcBit.LINE_STOP_REQUEST.mask)
        if self._beat is None or self._beat[0] != bits.beat:
            if self._beat is not None:
                still_s = now_s - self._beat[1]
                self.tally.longest_beat_s = max(self.tally.longest_beat_s, still_s)
            self._beat = bits.beat, now_s

    def _look(self) -> None:
        self._door.look()
        self._send()
        self._show(self.tally)
        self._scan.at(time.monotonic() + LOOK_S, self._look)

    def _linger(self) -> None:
        """Wait a little for late answers and acknowledgements; then nobody waits any more."""
        until_s = time.monotonic() + LINGER_S + self._belt.deadline_ms / 1e3
        while self._is_awaited() and time.monotonic() < until_s:
            self._scan.turn()
        for part in self._waiting.values():
            self._forget(part)
        self.tally.unseen = sum(epoch.unseen for epoch in self._epochs)
        self._show(self.tally)

    def _is_awaited(self) -> bool:
        return any(part.answer is None and part.tries for part in self._waiting.values())


def _door(belt: BeltSettings, scan: Scan, plc: SimulatedPlc) -> Door:
    if belt.door == "modbus":
        return ModbusDoor(belt, scan, plc)
    language = AsciiLanguage() if belt.door == "ascii" else HttpLanguage(belt)
    return LineDoor(belt, language, scan, plc)


def _why_not_ready(belt: BeltSettings, bits: Bits | None) -> str:
    where = f"{belt.door} {belt.host}:{belt.port}"
    if bits is None:
        return (
            f"no station answers at {where}; start it with `station run` or `station demo`, and "
            "see [plc] in station.toml"
        )
    up = [bit.name.lower() for bit in PlcBit if bits.bits & bit.mask]
    return (
        f"the station at {where} is not ready for triggers; its bits: {', '.join(up) or 'none'}. "
        'Has it line.trigger_mode = "software", and is it started?'
    )
