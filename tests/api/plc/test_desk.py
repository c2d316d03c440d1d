"""The handshake, without any door: a stand-in line answers when the test says so."""

import asyncio
import json
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from station.api.plc.answers import Answer, Refusal
from station.api.plc.desk import Desk
from station.api.plc.modbus import Registers
from station.api.plc.orders import Order
from station.core.errors import JournalError, RecipeError
from station.core.frame import Job
from station.core.plc_words import SEQUENCE_AT_MOST, Control, Holding, Input, PlcBit
from station.core.recipe import PreparedRecipe
from station.core.result import Evaluation, Finding, Result, ResultState
from station.line.states import State
from tests.api.plc.conftest import AtDesk, StandInLine, terms


async def answered(desk: Desk, line: StandInLine, order: Order, **fields: object) -> Answer:
    """Trigger a part and have the line answer it; it passes, unless the fields say otherwise."""
    _, promise = desk.take(order)
    line.answer(-1, **fields)
    return await promise


async def passed(desk: Desk, line: StandInLine, *numbers: int) -> None:
    """Trigger these parts, and let each pass."""
    for number in numbers:
        assert (await answered(desk, line, Order(seq=number))).passed


async def changed_over(desk: Desk) -> None:
    """Wait until triggers are taken again; `at_desk` bounds it."""
    while not is_set(desk, PlcBit.TRIGGER_READY):  # noqa: ASYNC110 - the desk tells nobody
        await asyncio.sleep(0.01)


def is_set(desk: Desk, bit: PlcBit) -> bool:
    return bool(desk.look().bits & bit.mask)


def test_results_wait_oldest_first_until_acknowledged(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, 1, 2, 3)
        assert (desk.look().held, desk.look().seq) == (3, 1)
        assert is_set(desk, PlcBit.RESULTS_VALID)
        assert desk.acknowledge(2) is Refusal.NONE
        assert desk.acknowledge(2) is Refusal.NONE  # the answer to the first may have been lost
        assert is_set(desk, PlcBit.RESULTS_ACK)
        assert desk.acknowledge(9) is Refusal.NOT_THERE
        assert not is_set(desk, PlcBit.RESULTS_ACK)
        desk.acknowledge(1)
        desk.acknowledge(3)
        assert (desk.look().held, desk.look().seq) == (0, 0)
        assert not is_set(desk, PlcBit.RESULTS_VALID)

    at_desk(story)


def test_the_ninth_result_pushes_the_oldest_out_and_latches(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, *range(1, 9))
        assert desk.look().held == 8
        assert not is_set(desk, PlcBit.BUFFER_OVERRUN)
        await passed(desk, line, 9)
        assert (desk.look().held, desk.look().seq) == (8, 2)
        assert desk.find(1).passed
        for seq in range(2, 10):
            desk.acknowledge(seq)
        assert is_set(desk, PlcBit.BUFFER_OVERRUN)
        desk.reset()
        assert not is_set(desk, PlcBit.BUFFER_OVERRUN)
        assert (line.resets, line.forgotten) == (1, 1)

    at_desk(story)


def test_a_refused_trigger_is_latched_and_not_taken(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, 1)
        assert is_set(desk, PlcBit.TRIGGER_ACK)
        line.is_closed = True
        answer = await desk.trigger(Order(seq=2, part_id="12"))
        assert (answer.seq, answer.part, answer.passed) == (2, 12, False)
        assert answer.code == Refusal.NOT_READY
        assert not is_set(desk, PlcBit.TRIGGER_ACK)
        assert is_set(desk, PlcBit.MISSED_ACQUISITION)
        assert desk.find(2).code == Refusal.NOT_THERE
        line.is_closed = False
        await passed(desk, line, 2)
        assert is_set(desk, PlcBit.MISSED_ACQUISITION)
        assert is_set(desk, PlcBit.TRIGGER_ACK)
        desk.reset()
        assert not is_set(desk, PlcBit.MISSED_ACQUISITION)

    at_desk(story)


def test_bits_follow_the_line(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        assert is_set(desk, PlcBit.TRIGGER_READY)
        assert is_set(desk, PlcBit.ONLINE)
        assert not is_set(desk, PlcBit.BUSY)
        desk.take(Order(seq=1))
        assert is_set(desk, PlcBit.BUSY)
        desk.take(Order(seq=2))
        desk.take(Order(seq=3))
        assert not is_set(desk, PlcBit.TRIGGER_READY)  # three may be under way
        line.state = State.ERROR
        assert is_set(desk, PlcBit.FAULT)
        assert not is_set(desk, PlcBit.ONLINE)
        line.state, line.stop_request = State.READY, "five in a row"
        assert is_set(desk, PlcBit.LINE_STOP_REQUEST)
        for number in range(3):
            line.answer(number)
        assert is_set(desk, PlcBit.TRIGGER_READY)

    at_desk(story)


def test_a_line_without_room_for_a_trigger_is_not_ready_for_one(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        assert is_set(desk, PlcBit.TRIGGER_READY)
        line.has_room = False
        assert not is_set(desk, PlcBit.TRIGGER_READY)

    at_desk(story)


def test_the_heartbeat_is_the_lines_and_stops_with_it(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        seen = []
        for beat in (1, 2, 4, 4, 4):
            line.beat = beat
            seen.append((desk.look().beat, is_set(desk, PlcBit.HEARTBEAT)))
        first = seen[0][1]
        assert seen == [(1, first), (2, not first), (4, first), (4, first), (4, first)]
        line.beat = 65_536 + 3
        assert desk.look().beat == 3

    at_desk(story)


def test_a_plc_that_counts_from_the_start_again_gets_nothing_of_before(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, *range(1, 21))
        _, promise = desk.take(Order(seq=1))  # restarted; 2 to 20 mean other parts now
        assert desk.find(1).state is ResultState.PROCESSING
        for seq in range(2, 21):
            assert desk.find(seq).code == Refusal.NOT_THERE
        assert desk.oldest() is None
        line.answer(evaluation=Evaluation.NOT_OK, passed=False, reason_code="glare")
        assert (await promise).code == desk.find(1).code == 101

    at_desk(story)


def test_what_comes_late_from_before_a_restart_is_not_found_by_number(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        _, promise = desk.take(Order(seq=5))
        desk.reset()
        line.answer()
        assert (await promise).passed  # whoever waits for it on the same connection gets it
        assert desk.find(5).code == Refusal.NOT_THERE
        assert desk.oldest() is None

    at_desk(story)


def test_the_same_number_for_another_part_hides_the_first(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        assert (await answered(desk, line, Order(seq=5, part_id="A"))).passed
        desk.take(Order(seq=5, part_id="B"))
        assert desk.find(5).state is ResultState.PROCESSING
        assert desk.oldest() is None

    at_desk(story)


def test_a_late_answer_stays_late_for_whoever_asks_again(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        first = await desk.trigger(Order(seq=12, deadline_ms=1))
        assert (first.state, first.code) == (ResultState.PROCESSING, 2)
        line.answer(trigger_sequence=12)
        again = await answered(desk, line, Order(seq=12), is_duplicate=True, trigger_sequence=12)
        assert (again.passed, again.code) == (False, 2)
        assert not desk.find(12).passed

    at_desk(story)


def test_the_same_part_looked_at_anew_under_its_number_has_a_deadline_of_its_own(
    at_desk: AtDesk,
) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        order = Order(seq=12, part_id="A", deadline_ms=1)
        assert (await answered(desk, line, order)).passed
        await asyncio.sleep(0.1)
        assert (await answered(desk, line, order)).passed
        again = await answered(desk, line, order, is_duplicate=True, trigger_sequence=12)
        assert (again.passed, again.is_duplicate) == (True, True)

    at_desk(story)


def test_two_triggers_that_swapped_places_cost_no_buffered_result(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, 9, 10)
        await passed(desk, line, 12)
        desk.take(Order(seq=11))  # before the line's word that 11 is lost is stored
        line.answer()
        await asyncio.sleep(0)
        assert [desk.find(seq).passed for seq in (9, 10, 12)] == [True] * 3
        assert desk.oldest() == desk.find(9)

    at_desk(story)


def test_a_number_refused_twice_costs_no_buffered_result(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, 4, 5)
        line.is_closed = True
        for _ in range(2):
            assert (await desk.trigger(Order(seq=6))).code == Refusal.NOT_READY
        assert [desk.find(seq).passed for seq in (4, 5)] == [True, True]
        assert desk.find(6).code == Refusal.NOT_THERE

    at_desk(story)


def test_a_part_asked_for_again_late_costs_no_buffered_result(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        for number in range(50, 62):
            await answered(desk, line, Order(seq=number, part_id=str(number)))
        assert (await answered(desk, line, Order(seq=50, part_id="50"))).passed
        assert [desk.find(seq).passed for seq in range(50, 62)] == [True] * 12

    at_desk(story)


def test_a_plc_that_was_restarted_after_a_few_parts_gets_nothing_of_before(
    at_desk: AtDesk,
) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        for number in range(3, 7):
            await answered(desk, line, Order(seq=number, part_id=f"before {number}"))
        desk.take(Order(seq=4, part_id="after"))
        assert desk.find(5).code == Refusal.NOT_THERE
        desk.take(Order(seq=2, part_id="once more"))
        assert desk.find(4).code == Refusal.NOT_THERE

    at_desk(story)


def test_after_the_largest_number_comes_1(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, SEQUENCE_AT_MOST - 1, SEQUENCE_AT_MOST, 1, 2)
        assert desk.find(SEQUENCE_AT_MOST).passed  # no restart: nothing was forgotten
        assert desk.look().held == 4

    at_desk(story)


def test_a_trigger_without_a_number_gets_one_that_is_no_plcs(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, 7)
        seq, promise = desk.take(Order())
        line.answer()
        assert (await promise).seq == seq == 2_000_000_001
        assert line.jobs[-1][0].trigger_sequence is None
        assert desk.find(7).passed
        assert desk.acknowledge(seq) is Refusal.NONE

    at_desk(story)


def test_a_trigger_that_never_came_can_be_asked_for(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        await passed(desk, line, 1, 4)
        line.lose(2)
        line.lose(4)  # it did come: what it got stays
        await passed(desk, line, 5)  # what the line says comes in its order
        assert (desk.find(2).code, desk.find(2).passed) == (19, False)
        assert desk.find(4).passed
        assert is_set(desk, PlcBit.MISSED_ACQUISITION)
        assert desk.look().held == 3

    at_desk(story)


def test_without_an_answer_of_the_line_the_deadline_ends_the_wait(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        answer = await desk.trigger(Order(seq=1, deadline_ms=20))
        assert (answer.passed, answer.code, answer.state) == (False, 2, ResultState.PROCESSING)
        line.answer()
        await passed(desk, line, 2)
        assert shown_as_late(desk.find(1))

    at_desk(story)


def shown_as_late(answer: Answer) -> bool:
    told = (answer.passed, answer.evaluation, answer.state, answer.code)
    return told == (False, Evaluation.UNDEFINED, ResultState.ABORTED, 2)


@pytest.mark.parametrize("evaluation", [Evaluation.OK, Evaluation.NOT_OK])
def test_what_is_recorded_after_its_deadline_never_passes(
    evaluation: Evaluation, at_desk: AtDesk
) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        is_ok = evaluation is Evaluation.OK
        _, promise = desk.take(Order(seq=1, deadline_ms=1))
        await desk.trigger(Order(seq=2, deadline_ms=20))  # until both deadlines are over
        line.answer(0, evaluation=evaluation, passed=is_ok, reason_code=None if is_ok else "glare")
        assert shown_as_late(await promise)
        assert shown_as_late(desk.find(1))
        oldest = desk.oldest()
        assert oldest
        assert shown_as_late(oldest)
        inputs = Registers(desk).answer(struct.pack(">BHH", 4, Input.PASS, 4))
        assert struct.unpack(">4H", inputs[2:]) == (0, 0, ResultState.ABORTED, 2)

    at_desk(story)


def test_a_trigger_behind_a_recipe_change_is_refused_at_once(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        registers = Registers(desk)
        both = Control.TRIGGER.mask | Control.RECIPE_CHANGE.mask
        words = (both, 0, 1, 0, 0, 0, 2)
        frames = (
            struct.pack(">BHHB7H", 16, 0, 7, 14, *words),
            struct.pack(">BHH", 6, Holding.CONTROL, Control.RECIPE_CHANGE.mask),
            struct.pack(">BHH", 6, Holding.CONTROL, both),  # the same TCP segment
        )
        for frame in frames:
            assert registers.answer(frame)[0] == frame[0]
        assert line.jobs == []
        assert is_set(desk, PlcBit.MISSED_ACQUISITION)
        assert not is_set(desk, PlcBit.TRIGGER_ACK)
        await changed_over(desk)
        assert desk.look().recipe == 2
        await passed(desk, line, 3)

    at_desk(story)


def test_a_line_that_cannot_take_a_trigger_for_any_reason_refuses_it(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        def away(_job: Job) -> Future[Result]:
            raise JournalError("the disk is away")

        line.trigger = away  # type: ignore[method-assign, assignment]
        assert (await desk.trigger(Order(seq=1))).code == Refusal.NOT_READY

    at_desk(story)


def test_changing_over_takes_no_trigger_until_it_is_done(at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        assert desk.look().recipe == 1
        _, promise = desk.take(Order(seq=1))
        change = asyncio.ensure_future(desk.change_over(2))
        await asyncio.sleep(0)
        assert not is_set(desk, PlcBit.TRIGGER_READY)
        assert (await desk.trigger(Order(seq=2))).code == Refusal.NOT_READY
        assert await desk.change_over(1) is Refusal.NOT_READY
        assert await change is Refusal.NONE
        assert desk.look().recipe == 2
        line.answer()
        assert (await promise).passed
        await passed(desk, line, 3)

    at_desk(story)


def test_of_two_numbers_for_one_recipe_the_one_asked_for_is_shown(
    tiny_prepared: PreparedRecipe,
) -> None:
    async def story() -> None:
        line = StandInLine(tiny_prepared)
        with ThreadPoolExecutor(1) as pool:
            desk = Desk(line, replace(terms(line), recipes={1: "tiny", 7: "tiny"}), pool)
            assert desk.look().recipe == 1
            assert await desk.change_over(7) is Refusal.NONE
            assert desk.look().recipe == 7
            line.activate(replace(tiny_prepared, recipe_hash="by somebody else"))
            assert desk.look().recipe == 1
            desk.close()

    asyncio.run(story())


@pytest.mark.parametrize("error", [RecipeError("broken"), MemoryError(), OSError("away")])
def test_a_recipe_that_cannot_be_used_leaves_the_old_one(
    error: Exception, tiny_prepared: PreparedRecipe
) -> None:
    def broken(_name: str) -> PreparedRecipe:
        raise error

    async def story() -> None:
        line = StandInLine(tiny_prepared)
        with ThreadPoolExecutor(1) as pool:
            desk = Desk(line, replace(terms(line), prepare=broken), pool)
            assert await desk.change_over(2) is Refusal.NOT_USABLE
            assert await desk.change_over(5) is Refusal.NOT_THERE
            assert desk.look().recipe == 1
            await passed(desk, line, 1)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("score", "limit", "shown"),
    [(0.35, 0.7, 500), (7e9, 0.7, 99_999), (float("nan"), 0.7, 99_999), (-3.0, 0.7, 0)],
)
def test_numbers_saturate(score: float, limit: float, shown: int, at_desk: AtDesk) -> None:
    async def story(desk: Desk, line: StandInLine) -> None:
        finding = Finding(
            tool="t", evaluation=Evaluation.NOT_OK, score=score, reject_limit=limit, accept_limit=0
        )
        answer = await answered(
            desk, line, Order(seq=SEQUENCE_AT_MOST, part_id="999999999"),
            findings=(finding,), evaluation=Evaluation.NOT_OK, passed=False,
            reason_code="of_no_table", total_ms=1e12,
        )  # fmt: skip
        assert (answer.score, answer.ms, answer.code) == (shown, 99_999, 100)
        assert json.loads(answer.as_json())["part"] == 999_999_999
        assert len(answer.as_text()) == 49

    at_desk(story)


def test_an_answer_cannot_pass_without_proof() -> None:
    for fields in (
        {"state": ResultState.FAILED, "evaluation": Evaluation.OK},
        {"state": ResultState.COMPLETED, "evaluation": Evaluation.NOT_OK},
        {"state": ResultState.COMPLETED, "evaluation": Evaluation.OK, "code": 1},
    ):
        with pytest.raises(ValueError, match="only then"):
            Answer(seq=1, passed=True, **fields)
