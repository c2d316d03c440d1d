"""The handshake with a PLC, whichever door it came through: triggers, results, bits."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from station.api.plc.answers import (
    STATION_ONLY,
    Answer,
    Refusal,
    Status,
    answer_of,
    late,
    part_number,
    refused,
)
from station.api.plc.memory import Known, Memory
from station.api.plc.orders import Order
from station.core.errors import StateError, StationError
from station.core.frame import Job
from station.core.plc_words import (
    BEAT_AT_MOST,
    PlcBit,
    reason_numbers,
)
from station.core.reasons import STATION_NUMBERS, StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Result, ResultState
from station.line.counters import Counters
from station.line.states import State

MOST_TABLES = 64
RECORD_S = 0.05
"""After its deadline an answer may take so long to be recorded; then the PLC is told `late`."""

_LOG = logging.getLogger(__name__)
_OPERATIONAL = frozenset({State.READY, State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION})
_LATE = STATION_NUMBERS[StationReason.LATE]
_MISSED = frozenset(
    STATION_NUMBERS[reason]
    for reason in (
        StationReason.NO_FRAME,
        StationReason.OVERRUN,
        StationReason.LOST_TRIGGER,
        StationReason.NOT_READY,
    )
)


class AskedLine(Protocol):
    """What the desk asks of the line."""

    counters: Counters

    @property
    def state(self) -> State: ...
    @property
    def prepared(self) -> PreparedRecipe: ...
    @property
    def beat(self) -> int: ...
    @property
    def stop_request(self) -> str: ...
    @property
    def has_room(self) -> bool: ...
    def trigger(self, job: Job) -> Future[Result]: ...
    def activate(self, prepared: PreparedRecipe) -> None: ...
    def reset(self) -> None: ...
    def forget_sequences(self) -> None: ...
    def subscribe(self, listener: Callable[[Result], None]) -> Callable[[], None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the desk knows of its station besides the line."""

    recipes: Mapping[int, str]
    prepare: Callable[[str], PreparedRecipe]
    """Finds a recipe by id and makes it ready; may take seconds."""
    record_counts: Callable[[int, int, int], None]
    """Keeps what the PLC counted: sent, passed, rejected; returns at once."""
    deadline_ms: float
    most_under_way: int
    """So many parts may be under way and another trigger still be taken."""
    reject_window: int
    """So many parts stand between trigger and gate."""


class Desk:
    """Belongs to one event loop; the line's threads are only ever handed over from."""

    def __init__(self, line: AskedLine, terms: Terms, pool: Executor) -> None:
        """Listen to the line; `pool` is for what would block the loop."""
        self._line, self._terms, self._pool = line, terms, pool
        self._loop = asyncio.get_running_loop()
        self._memory = Memory(terms.reject_window)
        self._latched = self._acks = self._heart = 0
        self._is_changing = False
        self._chosen = (0, "")
        """The number a PLC asked for last, and the hash of the recipe it got."""
        self._beat = -1
        self._tables: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._leave = line.subscribe(self._heard)

    def close(self) -> None:
        """Listen no longer."""
        self._leave()

    # -- triggers and results -------------------------------------------------------------------

    async def trigger(self, order: Order) -> Answer:
        """The answer to a trigger: the result at its deadline at the latest, or `state` 2."""
        seq, promise = self.take(order)
        if promise.done() or not order.is_awaited:
            return promise.result() if promise.done() else _processing(seq, order.part)
        try:
            async with asyncio.timeout(self._patience_s(order)):
                return await promise
        except TimeoutError:
            if not promise.cancelled():
                return promise.result()
            state = ResultState.PROCESSING
            return Answer(seq=seq, part=order.part, state=state, code=_LATE)

    def take(self, order: Order) -> tuple[int, asyncio.Future[Answer]]:
        """Hand a trigger to the line; its number, and the promise of its answer."""
        promise: asyncio.Future[Answer] = self._loop.create_future()
        self._memory.follow(order)
        try:
            if self._is_changing:
                raise StateError("the station changes over")
            self._learn_reasons()
            future = self._line.trigger(order.as_job())
            self._learn_reasons()
        except StationError:
            self._latched |= PlcBit.MISSED_ACQUISITION.mask
            self._acks &= ~PlcBit.TRIGGER_ACK.mask
            self._memory.forget(order.seq)
            promise.set_result(refused(Refusal.NOT_READY, seq=order.seq, part=order.part))
            return order.seq, promise
        self._acks |= PlcBit.TRIGGER_ACK.mask
        seq = order.seq or self._memory.own_number()
        due_s = time.monotonic() + self._patience_s(order)
        known = self._memory.remember(seq, order.part_id, due_s)
        future.add_done_callback(
            lambda done: self._hand_over(lambda: self._done(known, done.result(), promise))
        )
        return seq, promise

    def _patience_s(self, order: Order) -> float:
        return (order.deadline_ms or self._terms.deadline_ms) / 1e3 + RECORD_S

    def find(self, seq: int) -> Answer:
        """The answer to an earlier trigger, while the PLC that gave the number still runs."""
        known = self._memory.find(seq)
        if known is None:
            return refused(Refusal.NOT_THERE, seq=seq)
        return known.answer or _processing(seq, part_number(known.part_id))

    def oldest(self) -> Answer | None:
        """The oldest result that waits for its acknowledgement."""
        return self._memory.oldest

    def acknowledge(self, seq: int) -> Refusal:
        """Take a result out of the buffer; again is no mistake."""
        is_taken = self._memory.acknowledge(seq)
        self._acks &= ~PlcBit.RESULTS_ACK.mask
        self._acks |= PlcBit.RESULTS_ACK.mask * is_taken
        return Refusal.NONE if is_taken else Refusal.NOT_THERE

    def release(self, bit: PlcBit) -> None:
        """The PLC took its trigger or acknowledge bit back: so does the station."""
        self._acks &= ~bit.mask

    # -- the station ----------------------------------------------------------------------------

    def look(self) -> Status:
        """The bits and numbers of this moment."""
        oldest = self.oldest()
        return Status(
            bits=self._bits(),
            beat=self._line.beat % (BEAT_AT_MOST + 1),
            recipe=self._recipe_number(),
            held=self._memory.waiting,
            seq=oldest.seq if oldest else 0,
        )

    def change_over(self, number: int) -> Coroutine[Any, Any, Refusal]:
        """Make another recipe ready and active; from this call until then no trigger is taken."""
        recipe_id = self._terms.recipes.get(number)
        if recipe_id is None:
            return _said(Refusal.NOT_THERE)
        if self._is_changing:
            return _said(Refusal.NOT_READY)
        self._is_changing = True
        return self._change_over(number, recipe_id)

    async def _change_over(self, number: int, recipe_id: str) -> Refusal:
        try:
            recipe_hash = await self._loop.run_in_executor(self._pool, self._activated, recipe_id)
            self._chosen = number, recipe_hash
        except Exception as error:  # noqa: BLE001 - the border: a recipe may break in any way
            _LOG.warning("recipe %s cannot be made ready: %s", recipe_id, error)
            return Refusal.NOT_USABLE
        finally:
            self._is_changing = False
        return Refusal.NONE

    def _activated(self, recipe_id: str) -> str:
        prepared = self._terms.prepare(recipe_id)
        self._line.activate(prepared)
        return prepared.recipe_hash

    def reset(self) -> Refusal:
        """Leave the error state; forget latched bits, the buffer, and every number."""
        self._latched = self._acks = 0
        self._memory.restart()
        self._line.forget_sequences()
        try:
            self._line.reset()
        except StateError:
            return Refusal.NOT_READY
        return Refusal.NONE

    def count(self, sent: int, passed: int, rejected: int) -> None:
        """Keep what the PLC counted."""
        self._terms.record_counts(sent, passed, rejected)

    # -- inside ---------------------------------------------------------------------------------

    def _hand_over(self, call: Callable[[], None]) -> None:
        """From a thread of the line to the loop."""
        with suppress(RuntimeError):  # the doors are closed: nobody waits any more
            self._loop.call_soon_threadsafe(call)

    def _done(self, known: Known, result: Result, promise: asyncio.Future[Answer]) -> None:
        numbers = self._tables.get(result.recipe_hash, STATION_ONLY)
        answer = answer_of(result, seq=known.seq, numbers=numbers)
        if not result.is_duplicate:
            self._memory.begins(known)
        if promise.cancelled() or time.monotonic() > known.first_due_s:
            answer = late(answer)  # whoever waited was told so, and no gate may open any more
        if answer.code in _MISSED:
            self._latched |= PlcBit.MISSED_ACQUISITION.mask
        if not self._memory.keep(known, answer):
            self._latched |= PlcBit.BUFFER_OVERRUN.mask
        if not promise.done():
            promise.set_result(answer)

    def _heard(self, result: Result) -> None:
        """In a thread of the line: of all results only those of triggers that never came count."""
        if result.reason_code == StationReason.LOST_TRIGGER and result.trigger_sequence:
            self._hand_over(lambda: self._lost(result))

    def _lost(self, result: Result) -> None:
        self._latched |= PlcBit.MISSED_ACQUISITION.mask
        seq = result.trigger_sequence
        if seq and seq not in self._memory:
            self._memory.remember(seq, "", answer=answer_of(result, seq=seq))

    def _learn_reasons(self) -> None:
        prepared = self._line.prepared
        if prepared.recipe_hash not in self._tables:
            self._tables[prepared.recipe_hash] = reason_numbers(
                reason.code for reason in prepared.recipe.reasons
            )
            while len(self._tables) > MOST_TABLES:
                self._tables.popitem(last=False)

    def _recipe_number(self) -> int:
        """Several numbers may mean one recipe: the one asked for, while it is active."""
        active, (number, recipe_hash) = self._line.prepared, self._chosen
        if active.recipe_hash == recipe_hash:
            return number
        names = self._terms.recipes.items()
        return next((number for number, name in names if name == active.recipe.recipe_id), 0)

    def _bits(self) -> int:
        state, under_way = self._line.state, self._line.counters.look().in_progress
        is_online = state in _OPERATIONAL
        has_room = self._line.has_room and under_way < self._terms.most_under_way
        if self._line.beat != self._beat:
            self._beat, self._heart = self._line.beat, self._heart ^ PlcBit.HEARTBEAT.mask
        shown = {
            PlcBit.TRIGGER_READY: is_online and has_room and not self._is_changing,
            PlcBit.BUSY: under_way > 0,
            PlcBit.RESULTS_VALID: bool(self._memory.waiting),
            PlcBit.ONLINE: is_online,
            PlcBit.FAULT: state is State.ERROR,
            PlcBit.LINE_STOP_REQUEST: bool(self._line.stop_request),
        }
        live = sum(bit.mask for bit, is_set in shown.items() if is_set)
        return live | self._latched | self._acks | self._heart


async def _said(refusal: Refusal) -> Refusal:
    return refusal


def _processing(seq: int, part: int) -> Answer:
    return Answer(seq=seq, part=part, state=ResultState.PROCESSING)
