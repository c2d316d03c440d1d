"""The doors of the station as a controller uses them: HTTP and ASCII, one request a connection."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from station.cli.plc_sim.belt import BeltSettings
from station.cli.plc_sim.tally import Answer, Bits, answer_of
from station.cli.plc_sim.wires import Scan, Wire
from station.core.plc_words import RESULT_WIDTHS, STATUS_WIDTHS, TextLine
from station.core.result import Evaluation, ResultState

ASKS_WAITING = 1000
"""So many acknowledgements may wait while the station does not listen; older ones are dropped."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What is sent for a part."""

    seq: int
    part: int
    deadline_ms: int
    gate_ms: int
    read_after_s: float = 0.0


class Ears(Protocol):
    """Who is told what a door heard."""

    def answered(self, answer: Answer, at_s: float) -> None:
        """An answer came; it belongs to the part whose number it carries, to no other."""

    def garbled(self) -> None:
        """Something came that is no answer."""

    def broken(self, seq: int) -> None:
        """The connection on which this trigger was sent is gone, and so is its answer."""

    def told(self, bits: Bits) -> None:
        """The status came."""


class Door(Protocol):
    """A way to the station."""

    @property
    def is_free(self) -> bool:
        """A trigger could be sent now."""

    def open(self) -> None:
        """Connect, and stay connected."""

    def trigger(self, trigger: Trigger) -> None:
        """Send a trigger; only while the door is free."""

    def acknowledge(self, seq: int) -> None:
        """Say that the result was used, as soon as that is possible."""

    def look(self) -> None:
        """Ask for the status, and see to connections that say nothing."""

    def close(self) -> None:
        """Close all connections."""


class Language(Protocol):
    """How requests and answers are written."""

    def trigger(self, trigger: Trigger) -> bytes:
        """The request for a part."""

    def result(self, seq: int) -> bytes:
        """The request for the result of a trigger."""

    def acknowledge(self, seq: int) -> bytes:
        """The request that takes a result out of the buffer."""

    def status(self) -> bytes:
        """The request for the status."""

    def read_answer(self, came: bytes) -> Answer:
        """The answer in what one recv() gave; ValueError if it is none."""

    def read_status(self, came: bytes) -> Bits:
        """The status in what one recv() gave; ValueError if it is none."""


class LineDoor:
    """A fixed number of connections for triggers, and one for everything else."""

    def __init__(self, belt: BeltSettings, language: Language, scan: Scan, ears: Ears) -> None:
        self._language = language
        self._ears = ears
        self._sent: dict[int, int] = {}
        patience_s = max(2.0, 2 * belt.gate_ms / 1e3, 2 * belt.deadline_ms / 1e3)
        self._wires = [
            Wire(
                scan,
                (belt.host, belt.port),
                broken=partial(self._broke, number),
                stray=ears.garbled,
                patience_s=patience_s,
            )
            for number in range(belt.connections + 1)
        ]
        self._waiting: deque[tuple[bytes, Callable[[bytes, float], None]]] = deque(
            maxlen=ASKS_WAITING
        )
        self._status_is_due = True

    @property
    def is_free(self) -> bool:
        """A trigger could be sent now."""
        return any(wire.is_free for wire in self._wires[1:])

    def open(self) -> None:
        """Connect, and stay connected."""
        for wire in self._wires:
            wire.open()

    def trigger(self, trigger: Trigger) -> None:
        """Send a trigger on a connection that has none under way."""
        number = next(n for n, wire in enumerate(self._wires) if n and wire.is_free)
        self._sent[number] = trigger.seq
        request = self._language.trigger(trigger)
        self._wires[number].ask(request, self._answered, read_after_s=trigger.read_after_s)

    def acknowledge(self, seq: int) -> None:
        """Say that the result was used, as soon as that is possible."""
        self._aside(self._language.acknowledge(seq), lambda _, __: None)

    def look(self) -> None:
        """Ask for the status, and see to connections that say nothing."""
        for wire in self._wires:
            wire.check()
        if self._status_is_due:
            self._status_is_due = False
            self._aside(self._language.status(), self._told)
        self._next_aside()

    def close(self) -> None:
        """Close all connections; what waited to be sent is forgotten."""
        for wire in self._wires:
            wire.close()
        self._waiting.clear()
        self._status_is_due = True

    def _answered(self, came: bytes, at_s: float) -> None:
        try:
            answer = self._language.read_answer(came)
        except ValueError:
            self._ears.garbled()
            return
        self._ears.answered(answer, at_s)

    def _told(self, came: bytes, _: float) -> None:
        self._status_is_due = True
        try:
            bits = self._language.read_status(came)
        except ValueError:
            self._ears.garbled()
            return
        self._ears.told(bits)

    def _aside(self, request: bytes, then: Callable[[bytes, float], None]) -> None:
        self._waiting.append((request, then))
        self._next_aside()

    def _next_aside(self) -> None:
        if not self._waiting or not self._wires[0].is_free:
            return
        request, then = self._waiting.popleft()

        def answered(came: bytes, at_s: float) -> None:
            then(came, at_s)
            self._next_aside()

        self._wires[0].ask(request, answered)

    def _broke(self, number: int) -> None:
        if number == 0:
            self._status_is_due = True
        else:
            self._ears.broken(self._sent[number])


class HttpLanguage:
    """HTTP/1.1 as a controller speaks it: text put together, an answer cut apart."""

    def __init__(self, belt: BeltSettings) -> None:
        accept = "Accept: text/plain\r\n" if belt.door == "http-text" else ""
        self._tail = f" HTTP/1.1\r\nHost: {belt.host}:{belt.port}\r\n{accept}"

    def trigger(self, trigger: Trigger) -> bytes:
        """The request for a part; the answer comes when it is judged."""
        part = f"&part={trigger.part}" if trigger.part else ""
        deadline = f"&deadline_ms={trigger.deadline_ms}" if trigger.deadline_ms else ""
        gate = f"&gate_ms={trigger.gate_ms}"
        return self._post(f"trigger?seq={trigger.seq}{part}&wait=1{deadline}{gate}")

    def result(self, seq: int) -> bytes:
        """The request for the result of a trigger."""
        return f"GET /plc/v1/result?seq={seq}{self._tail}\r\n".encode()

    def acknowledge(self, seq: int) -> bytes:
        """The request that takes a result out of the buffer."""
        return self._post(f"ack?seq={seq}")

    def status(self) -> bytes:
        """The request for the status."""
        return f"GET /plc/v1/status{self._tail}\r\n".encode()

    def read_answer(self, came: bytes) -> Answer:
        """The result in an answer's body."""
        return answer_of(_numbers(_body(came), TextLine.RESULT, RESULT_WIDTHS))

    def read_status(self, came: bytes) -> Bits:
        """The status in an answer's body."""
        numbers = _numbers(_body(came), TextLine.STATUS, STATUS_WIDTHS)
        found = dict(zip(STATUS_WIDTHS, numbers, strict=True))
        return Bits(*(found[name] for name in ("bits", "beat", "recipe", "held", "seq")))

    def _post(self, path: str) -> bytes:
        return f"POST /plc/v1/{path}{self._tail}Content-Length: 0\r\n\r\n".encode()


class AsciiLanguage:
    """One line a request, one line an answer."""

    def trigger(self, trigger: Trigger) -> bytes:
        """The request for a part."""
        deadline = f",{trigger.deadline_ms}" if trigger.deadline_ms else ""
        return f"T,{trigger.part or ''},{trigger.seq}{deadline}\r\n".encode()

    def result(self, seq: int) -> bytes:
        """The request for the result of a trigger."""
        return f"R,{seq}\r\n".encode()

    def acknowledge(self, seq: int) -> bytes:
        """The request that takes a result out of the buffer."""
        return f"A,{seq}\r\n".encode()

    def status(self) -> bytes:
        """The request for the status."""
        return b"S\r\n"

    def read_answer(self, came: bytes) -> Answer:
        """The seven fields; evaluation and state are those that fit them."""
        fields = _line(came, "T")
        judged, seq, passed, code, score, ms = (int(field) for field in fields)
        evaluation = Evaluation.OK if passed else Evaluation.NOT_OK
        state = ResultState.COMPLETED if judged else ResultState.FAILED
        return answer_of((seq, 0, passed, evaluation if judged else 0, state, code, score, ms, 0))

    def read_status(self, came: bytes) -> Bits:
        """The five fields."""
        bits, beat, recipe, held, seq = (int(field) for field in _line(came, "S"))
        return Bits(bits, beat, recipe, held, seq)


def _body(came: bytes) -> bytes:
    head, _, body = came.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and int(value) == len(body):
            return body
    raise ValueError("the answer is not whole, or does not say how long it is")


def _numbers(body: bytes, line: TextLine, widths: dict[str, int]) -> list[int]:
    """The numbers of a body in the contract's order; ValueError if it is another one."""
    if body.startswith(b"{"):
        found = json.loads(body)
        if list(found) != list(widths):
            raise ValueError(f"the fields are not those of the contract: {list(found)}")
        return [int(number) for number in found.values()]
    sign, *fields = body.decode("ascii").strip().split(",")
    if sign != line or [len(field) for field in fields] != list(widths.values()):
        raise ValueError(f"the text is not that of the contract: {body!r}")
    return [int(field) for field in fields]


def _line(came: bytes, sign: str) -> list[str]:
    """The fields of a line after its sign; ValueError if it is another one or not whole."""
    if not came.endswith(b"\r\n") or came.count(b"\n") != 1:
        raise ValueError(f"not one whole line: {came!r}")
    first, *fields = came.decode("ascii").strip().split(",")
    if first != sign:
        raise ValueError(f"another line: {came!r}")
    return fields
