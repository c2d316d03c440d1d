"""Modbus TCP as a controller uses it: one connection, edges of bits, the oldest result first."""

import struct
import time
from collections import deque
from collections.abc import Iterator

from station.cli.plc_sim.belt import BeltSettings
from station.cli.plc_sim.doors import Ears, Trigger
from station.cli.plc_sim.tally import Answer, Bits, answer_of
from station.cli.plc_sim.wires import Scan, Wire
from station.core.plc_words import INPUT_COUNT, Control, Holding, Input, PlcBit

SCAN_S = 0.004
"""Between two reads while nothing is to be written."""
ACK_WITHIN_S = 0.5
"""A bit that has not risen by then will not."""
AGAIN_AFTER_S = 0.2
"""A result still in the buffer so long after it was used is acknowledged (again)."""


class ModbusDoor:
    """Writes registers, raises a bit, reads until the station's bit rises, takes the bit back."""

    def __init__(self, belt: BeltSettings, scan: Scan, ears: Ears) -> None:
        self._scan = scan
        self._ears = ears
        self._wire = Wire(
            scan,
            (belt.host, belt.port),
            broken=self._broke,
            stray=ears.garbled,
            patience_s=max(2.0, 2 * belt.gate_ms / 1e3),
        )
        self._triggers: deque[Trigger] = deque()
        self._acks: deque[int] = deque()
        self._under_way: dict[int, None] = {}
        self._work: Iterator[bytes] = self._beginning()
        self._registers: tuple[int, ...] = (0,) * INPUT_COUNT
        self._transaction = 0
        self._taken: tuple[int, float] = (0, 0.0)
        self._is_open = False
        self._is_idle = True

    @property
    def is_free(self) -> bool:
        """A trigger could be sent now."""
        return self._is_open and not self._triggers

    def open(self) -> None:
        """Connect, and read all the time."""
        self._is_open = True
        self._wire.open()

    def trigger(self, trigger: Trigger) -> None:
        """Send a trigger as soon as the present one has its bit back."""
        self._triggers.append(trigger)
        self._go_on()

    def acknowledge(self, seq: int) -> None:
        """Say that the result was used, as soon as that is possible."""
        self._acks.append(seq)
        self._go_on()

    def look(self) -> None:
        """Tell the status as it was read last, and see to a connection that says nothing."""
        self._wire.check()
        if any(self._registers):
            self._ears.told(_bits(self._registers))
        self._go_on()

    def close(self) -> None:
        """Close the connection; what was not sent is forgotten."""
        self._is_open = False
        self._wire.close()
        self._forget()

    def _go_on(self) -> None:
        """Send the next telegram, if none is under way."""
        if not self._wire.is_free:
            return
        request = next(self._work, None)
        if request is None:
            self._work = self._next_work()
            request = next(self._work, None)
        self._is_idle = request is None
        request = request or self._read()
        self._wire.ask(request, self._answered)

    def _next_work(self) -> Iterator[bytes]:
        if self._acks:
            return self._acknowledging(self._acks.popleft())
        if self._triggers:
            return self._triggering(self._triggers.popleft())
        return iter(())

    def _beginning(self) -> Iterator[bytes]:
        """A bit left high by an earlier life, or a broken connection, could not rise again."""
        yield self._write(Holding.CONTROL, (0,))

    def _triggering(self, trigger: Trigger) -> Iterator[bytes]:
        self._under_way[trigger.seq] = None
        words = (*_two(trigger.seq), *_two(trigger.part), trigger.deadline_ms)
        yield self._write(Holding.SEQ, words)
        yield from self._edge(Control.TRIGGER, PlcBit.TRIGGER_ACK)

    def _acknowledging(self, seq: int) -> Iterator[bytes]:
        yield self._write(Holding.SEQ, _two(seq))
        yield from self._edge(Control.RESULTS_ACK, PlcBit.RESULTS_ACK)

    def _edge(self, control: Control, answer: PlcBit) -> Iterator[bytes]:
        yield self._write(Holding.CONTROL, (control.mask,))
        until_s = time.monotonic() + ACK_WITHIN_S
        yield self._read()
        while not self._registers[Input.BITS] & answer.mask and time.monotonic() < until_s:
            yield self._read()
        yield self._write(Holding.CONTROL, (0,))

    def _answered(self, came: bytes, at_s: float) -> None:
        try:
            registers = _registers(came, self._transaction)
        except ValueError:
            self._ears.garbled()
            registers = ()
        if registers:
            self._registers = registers
            self._take(at_s)
        if self._is_idle and not (self._triggers or self._acks):
            self._scan.at(at_s + SCAN_S, self._go_on)
        else:
            self._go_on()

    def _take(self, at_s: float) -> None:
        """Use the oldest result once; if it stays, its acknowledgement was lost."""
        if not self._registers[Input.BITS] & PlcBit.RESULTS_VALID.mask:
            return
        try:
            answer = _answer(self._registers)
        except ValueError:
            self._ears.garbled()
            return
        seq, taken_s = self._taken
        if answer.seq == seq:
            if at_s - taken_s > AGAIN_AFTER_S:
                self._taken = (seq, at_s)
                self._acks.append(seq)
            return
        self._taken = (answer.seq, at_s)
        self._under_way.pop(answer.seq, None)
        self._ears.answered(answer, at_s)

    def _broke(self) -> None:
        under_way = list(self._under_way) + [trigger.seq for trigger in self._triggers]
        self._forget()
        for seq in under_way:
            self._ears.broken(seq)

    def _forget(self) -> None:
        self._triggers.clear()
        self._acks.clear()
        self._under_way.clear()
        self._work = self._beginning()
        self._taken = (0, 0.0)

    def _telegram(self, body: bytes) -> bytes:
        self._transaction = (self._transaction + 1) % 0x10000
        return struct.pack(">HHHB", self._transaction, 0, len(body) + 1, 1) + body

    def _read(self) -> bytes:
        return self._telegram(struct.pack(">BHH", 4, 0, INPUT_COUNT))

    def _write(self, address: int, words: tuple[int, ...]) -> bytes:
        count = len(words)
        head = struct.pack(">BHHB", 16, address, count, 2 * count)
        return self._telegram(head + struct.pack(f">{count}H", *words))


def _two(number: int) -> tuple[int, int]:
    return number >> 16, number & 0xFFFF


def _registers(came: bytes, transaction: int) -> tuple[int, ...]:
    """The registers of an answer to a read; none for an answer to a write.

    Raises:
        ValueError: it is an exception, not whole, or the answer to something else.
    """
    if len(came) < 8 or struct.unpack_from(">H", came)[0] != transaction:
        raise ValueError(f"no answer to telegram {transaction}: {came.hex()}")
    if struct.unpack_from(">H", came, 4)[0] != len(came) - 6 or came[7] & 0x80:
        raise ValueError(f"an exception, or not whole: {came.hex()}")
    if came[7] != 4:
        return ()
    return struct.unpack_from(f">{INPUT_COUNT}H", came, 9)


def _answer(registers: tuple[int, ...]) -> Answer:
    seq = registers[Input.SEQ] << 16 | registers[Input.SEQ + 1]
    part = registers[Input.PART] << 16 | registers[Input.PART + 1]
    return answer_of((seq, part, *registers[Input.PASS :]))


def _bits(registers: tuple[int, ...]) -> Bits:
    held, recipe = registers[Input.HELD], registers[Input.RECIPE]
    seq = registers[Input.SEQ] << 16 | registers[Input.SEQ + 1]
    return Bits(registers[Input.BITS], registers[Input.BEAT], recipe, held, seq)
