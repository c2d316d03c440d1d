"""The ASCII door: one line a request, one line an answer, for controllers without HTTP."""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Sequence

from station.api.plc.answers import Answer, Refusal
from station.api.plc.desk import Desk
from station.api.plc.joined import tune_socket
from station.api.plc.orders import MOST_MS, Order, number, part
from station.api.plc.visits import Room
from station.core.errors import SettingsError
from station.core.plc_words import REGISTER_AT_MOST, SEQUENCE_AT_MOST
from station.core.result import Evaluation

MOST_LINE_BYTES = 128
MOST_WAITING = 16
_LOG = logging.getLogger(__name__)
_ENDS = re.compile(rb"[\r\n]")


async def reply(desk: Desk, line: str) -> str:
    """The answer to one line."""
    try:
        return await _reply(desk, line)
    except SettingsError:
        return f"E,{Refusal.WRONG:d}"


async def _reply(desk: Desk, line: str) -> str:
    verb, *words = line.split(",")
    if verb == "T" and 1 <= len(words) <= 3:
        return _about(await desk.trigger(_order(words)))
    if verb == "R" and len(words) == 1:
        return _about(desk.find(_sequence(words[0])))
    if verb == "A" and len(words) == 1:
        seq = _sequence(words[0])
        return f"A,{desk.acknowledge(seq) is Refusal.NONE:d},{seq}"
    if verb == "S" and not words:
        now = desk.look()
        return f"S,{now.bits:d},{now.beat},{now.recipe},{now.held},{now.seq}"
    if verb == "C" and len(words) == 1:
        recipe = number({"number": words[0]}, "number", 0, REGISTER_AT_MOST)
        return f"C,{await desk.change_over(recipe) is Refusal.NONE:d},{recipe}"
    if verb == "X" and not words:
        return f"X,{desk.reset() is Refusal.NONE:d}"
    raise SettingsError(f"{line!r} is no request")


def _order(words: Sequence[str]) -> Order:
    named = {name: word for name, word in zip(("part", "seq", "ms"), words, strict=False) if word}
    return Order(
        part_id=part(named.get("part", "")),
        seq=number(named, "seq", 0, SEQUENCE_AT_MOST, default=0),
        deadline_ms=number(named, "ms", 1, MOST_MS) if "ms" in named else None,
    )


def _about(answer: Answer) -> str:
    """One part; the second field says whether there is an evaluation."""
    if answer.evaluation is Evaluation.UNDEFINED:
        return f"T,0,{answer.seq},0,{answer.code},0,0"
    return f"T,1,{answer.seq},{answer.passed:d},{answer.code},{answer.score},{answer.ms}"


def _sequence(word: str) -> int:
    return number({"seq": word}, "seq", 1, SEQUENCE_AT_MOST)


class AsciiProtocol(asyncio.Protocol):
    """One connection; its lines are answered one after the other, in their order."""

    def __init__(self, desk: Desk, room: Room) -> None:
        self._desk, self._room = desk, room
        self._received = b""
        self._lines: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        self._transport = transport
        tune_socket(transport)
        self._visit = self._room.enter(transport, may_stay=True)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It is gone; what it triggered goes on."""
        self._visit.leaves()

    def data_received(self, data: bytes) -> None:
        """Some bytes; a line that does not end is not waited for."""
        *lines, self._received = _ENDS.split(self._received + data)
        self._lines += (line for line in lines if line)
        if len(self._received) > MOST_LINE_BYTES or len(self._lines) > MOST_WAITING:
            self._transport.write(b"E,%d\r\n" % Refusal.WRONG)
            self._transport.close()
            return
        self._go_on()

    def pause_writing(self) -> None:
        """A client that does not read is not listened to either."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._transport.resume_reading()

    def _go_on(self) -> None:
        if self._task is None and self._lines:
            self._visit.works()
            line = self._lines.popleft()
            self._task = asyncio.get_running_loop().create_task(self._serve(line))
        elif self._task is None and self._received:
            self._visit.receives()
        elif self._task is None:
            self._visit.waits()

    async def _serve(self, line: bytes) -> None:
        text = line.decode("ascii", errors="replace") if len(line) <= MOST_LINE_BYTES else ""
        try:
            answer = await reply(self._desk, text)
        except Exception:  # noqa: BLE001 - the border: no controller waits for ever
            _LOG.exception("the ASCII door cannot answer %r", text)
            self._transport.close()
            return
        finally:
            self._task = None
        if not self._transport.is_closing():
            self._transport.write(answer.encode("ascii") + b"\r\n")
            self._go_on()
