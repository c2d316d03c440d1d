"""The Modbus TCP door: functions 3, 4, 6 and 16 on a few registers, with the same handshake."""

import asyncio
import struct
from collections.abc import Coroutine
from typing import Any

from station.api.plc.desk import Desk
from station.api.plc.joined import tune_socket
from station.api.plc.orders import Order
from station.api.plc.visits import Room
from station.core.plc_words import (
    HOLDING_COUNT,
    INPUT_COUNT,
    REGISTER_AT_MOST,
    SEQUENCE_AT_MOST,
    Control,
    Holding,
    PlcBit,
)

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
MOST_READ, MOST_WRITTEN = 125, 123


class ModbusError(ValueError):
    """A request that is answered with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class Registers:
    """The registers of the station: one set, whichever connection writes or reads them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._holding = [0] * HOLDING_COUNT
        self._tasks: set[asyncio.Task[Any]] = set()

    def answer(self, request: bytes) -> bytes:
        """The answer to a request, both from the function code on."""
        function = request[0]
        try:
            if function in (READ_HOLDING, READ_INPUT):
                return self._read(function, request)
            if function == WRITE_ONE:
                return self._write_one(request)
            if function == WRITE_MANY:
                return self._write_many(request)
            raise ModbusError(ILLEGAL_FUNCTION)
        except ModbusError as error:
            return bytes((function | 0x80, error.code))

    def _read(self, function: int, request: bytes) -> bytes:
        start, count = _two(request, 5)
        if not 1 <= count <= MOST_READ:
            raise ModbusError(ILLEGAL_VALUE)
        registers = self._holding if function == READ_HOLDING else self._inputs()
        if start + count > len(registers):
            raise ModbusError(ILLEGAL_ADDRESS)
        values = registers[start : start + count]
        return struct.pack(f">BB{count}H", function, 2 * count, *values)

    def _write_one(self, request: bytes) -> bytes:
        start, value = _two(request, 5)
        self._write(start, [value])
        return request

    def _write_many(self, request: bytes) -> bytes:
        if len(request) < 6:
            raise ModbusError(ILLEGAL_VALUE)
        start, count = _two(request[:5], 5)
        if not 1 <= count <= MOST_WRITTEN or len(request) != 6 + 2 * count:
            raise ModbusError(ILLEGAL_VALUE)
        if request[5] != 2 * count:
            raise ModbusError(ILLEGAL_VALUE)
        self._write(start, list(struct.unpack(f">{count}H", request[6:])))
        return request[:5]

    def _write(self, start: int, values: list[int]) -> None:
        """Everything that was written counts before the control word acts."""
        if start + len(values) > HOLDING_COUNT:
            raise ModbusError(ILLEGAL_ADDRESS)
        wanted = [*self._holding]
        wanted[start : start + len(values)] = values
        before, now = self._holding[Holding.CONTROL], wanted[Holding.CONTROL]
        rising, seq = now & ~before, _long(wanted, Holding.SEQ)
        needs_seq = rising & (Control.TRIGGER.mask | Control.RESULTS_ACK.mask)
        if now >> len(Control) or (needs_seq and not 1 <= seq <= SEQUENCE_AT_MOST):
            raise ModbusError(ILLEGAL_VALUE)
        self._holding = wanted
        self._act(rising=rising, falling=before & ~now)

    def _act(self, *, rising: int, falling: int) -> None:
        desk, seq = self._desk, _long(self._holding, Holding.SEQ)
        if falling & Control.TRIGGER.mask:
            desk.release(PlcBit.TRIGGER_ACK)
        if falling & Control.RESULTS_ACK.mask:
            desk.release(PlcBit.RESULTS_ACK)
        if rising & Control.RESET.mask:
            desk.reset()
        if rising & Control.RESULTS_ACK.mask:
            desk.acknowledge(seq)
        if rising & Control.RECIPE_CHANGE.mask:
            self._begin(desk.change_over(self._holding[Holding.RECIPE]))
        if rising & Control.TRIGGER.mask:
            part = _long(self._holding, Holding.PART)
            deadline_ms = self._holding[Holding.DEADLINE_MS] or None
            desk.take(Order(seq=seq, part_id=str(part or ""), deadline_ms=deadline_ms))

    def _begin(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself does not keep it
        task.add_done_callback(self._tasks.discard)

    def _inputs(self) -> list[int]:
        now, answer = self._desk.look(), self._desk.oldest()
        head = [now.bits, now.beat, now.held, now.recipe]
        if answer is None:
            return head + [0] * (INPUT_COUNT - len(head))
        seq, part, *others = answer.fields.values()
        short = [min(value, REGISTER_AT_MOST) for value in others]
        return [*head, *_halves(seq), *_halves(part), *short]


class ModbusProtocol(asyncio.Protocol):
    """One connection; what is no Modbus TCP ends it."""

    def __init__(self, registers: Registers, room: Room) -> None:
        self._registers, self._room = registers, room
        self._received = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        self._transport = transport
        tune_socket(transport)
        self._visit = self._room.enter(transport, may_stay=True)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It is gone; the registers stay."""
        self._visit.leaves()

    def data_received(self, data: bytes) -> None:
        """Some bytes: whole frames are answered in their order."""
        self._received += data
        while len(self._received) >= 7:
            transaction, protocol, length, unit = struct.unpack(">HHHB", self._received[:7])
            if protocol != 0 or not 2 <= length <= 254:
                self._visit.end()
                return
            if len(self._received) < 6 + length:
                break
            request = bytes(self._received[7 : 6 + length])
            del self._received[: 6 + length]
            answer = self._registers.answer(request)
            head = struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit)
            self._transport.write(head + answer)
        if self._received:
            self._visit.receives()
        else:
            self._visit.waits()

    def pause_writing(self) -> None:
        """A client that does not read is not listened to either."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._transport.resume_reading()


def _two(request: bytes, length: int) -> tuple[int, int]:
    if len(request) != length:
        raise ModbusError(ILLEGAL_VALUE)
    first, second = struct.unpack(">HH", request[1:5])
    return first, second


def _long(registers: list[int], start: int) -> int:
    return registers[start] << 16 | registers[start + 1]


def _halves(value: int) -> tuple[int, int]:
    return value >> 16, value & 0xFFFF
