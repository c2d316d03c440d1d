"""A part asked for twice is inspected once; triggers that never came are named, no others."""

from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.core.frame import Job
from station.core.plc_words import SEQUENCE_AT_MOST
from station.core.result import Result
from station.line.known_parts import RETRY_WINDOW_S, KnownParts, Question


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(clock: Clock) -> KnownParts:
    """A window of 30 s, and of 100 parts."""
    return KnownParts(30.0, reject_window=100, clock=clock)


def lose(sequence: int) -> Future[Result]:
    raise AssertionError(f"number {sequence} is not missing")


def admit(known: KnownParts, job: Job) -> tuple[Future[Result], bool]:
    return known.admit(job, Question.of(job), Future[Result], lose)


def arrive(known: KnownParts, sequence: int, part: str = "") -> list[int]:
    """The numbers that are missing before this one."""
    lost: list[int] = []

    def note(number: int) -> Future[Result]:
        lost.append(number)
        return Future()

    job = Job(part_id=part, trigger_sequence=sequence)
    known.admit(job, Question.of(job), Future[Result], note)
    return lost


def is_again(known: KnownParts, part: str = "", sequence: int | None = None) -> bool:
    return admit(known, Job(part_id=part, trigger_sequence=sequence))[1]


def test_the_same_part_within_the_window_is_the_same_job(known: KnownParts, clock: Clock) -> None:
    first, _ = admit(known, Job(part_id="A"))
    clock.now_s += 29
    second, is_known = admit(known, Job(part_id="A"))
    assert second is first
    assert is_known
    assert not admit(known, Job(part_id="A", meas_id="top"))[1]
    assert not admit(known, Job(part_id="B"))[1]
    clock.now_s += 2
    assert not admit(known, Job(part_id="A"))[1]


def test_parts_without_an_id_are_never_the_same(known: KnownParts) -> None:
    assert not is_again(known)
    assert not is_again(known)


def test_no_window_no_memory(clock: Clock) -> None:
    known = KnownParts(0.0, clock=clock)
    assert not is_again(known, "A")
    assert not is_again(known, "A")


def test_the_same_number_soon_after_is_a_retry(known: KnownParts, clock: Clock) -> None:
    assert not is_again(known, sequence=7)
    clock.now_s += RETRY_WINDOW_S / 2
    assert is_again(known, sequence=7)
    clock.now_s += RETRY_WINDOW_S
    assert not is_again(known, sequence=7)


def test_a_controller_that_was_restarted_gets_no_other_parts_answer(
    known: KnownParts, clock: Clock
) -> None:
    for sequence in range(1, 60):
        assert not is_again(known, sequence=sequence)
        clock.now_s += 0.01
    assert not is_again(known, sequence=1)  # within the window, but far behind
    clock.now_s += RETRY_WINDOW_S + 0.1
    for sequence in (2, 3):
        assert not is_again(known, sequence=sequence)


def test_the_same_number_of_another_part_is_another_job(known: KnownParts) -> None:
    assert not is_again(known, "A", 1)
    assert not is_again(known, "B", 1)
    assert is_again(known, "B", 2)


def test_after_a_reset_no_number_is_a_retry(known: KnownParts) -> None:
    assert not is_again(known, sequence=1)
    known.forget_sequences()
    assert not is_again(known, sequence=1)


def test_another_picture_recipe_or_expectation_is_another_job(known: KnownParts) -> None:
    def ask(job: Job, recipe: str = "r", digest: str = "") -> bool:
        return known.admit(job, Question.of(job, recipe, digest), Future[Result], lose)[1]

    numbered, named = Job(trigger_sequence=5), Job(part_id="A")
    for job in (numbered, named):
        assert not ask(job, digest="one")
        assert ask(job, digest="one")
        assert not ask(job, digest="two")
        assert not ask(job, digest="two", recipe="other")
    assert not ask(Job(part_id="X", trigger_sequence=5), digest="two", recipe="other")
    assert not ask(Job(part_id="A", values={"lot": "B2"}))
    assert ask(Job(part_id="A", values={"lot": "B2"}))


def test_without_a_window_what_is_lost_is_known_all_the_same(clock: Clock) -> None:
    known = KnownParts(0.0, reject_window=100, clock=clock)
    assert [arrive(known, sequence) for sequence in (1, 3)] == [[], [2]]
    assert is_again(known, sequence=2)
    assert arrive(known, 4) == []
    assert not is_again(known, sequence=4)


def test_a_controller_restarted_after_a_few_parts_is_known_by_its_parts(known: KnownParts) -> None:
    for number in range(1, 6):
        assert not is_again(known, f"before {number}", number)
    assert not is_again(known, "after 1", 1)
    assert arrive(known, 3, "after 3") == [2]


def test_after_a_reset_a_numbered_part_is_another_part(known: KnownParts) -> None:
    assert not is_again(known, "1", 1)
    assert not is_again(known, "carrier")
    known.forget_sequences()
    assert not is_again(known, "1", 1)
    assert is_again(known, "carrier")


@pytest.mark.parametrize(
    ("sequences", "missing"),
    [
        ([5], []),
        ([5, 6, 7], []),
        ([5, 8], [6, 7]),
        ([5, 5], []),
        ([5, 8, 7], [6, 7]),
        ([2, 1, 3], []),
        ([4, 3, 2, 1, 5], []),
        ([500, 2, 1, 3], []),
        ([200, 190, 201], []),
        ([500, 1], []),
        ([500, 1, 3], [2]),
        ([SEQUENCE_AT_MOST, 1], []),
        ([SEQUENCE_AT_MOST - 1, 2], [SEQUENCE_AT_MOST, 1]),
        ([1, 200], list(range(100, 200))),
    ],
)
def test_missing_numbers(known: KnownParts, sequences: list[int], missing: list[int]) -> None:
    assert [lost for sequence in sequences for lost in arrive(known, sequence)] == missing


def test_a_trigger_that_many_others_overtook_stays_lost(known: KnownParts, clock: Clock) -> None:
    for sequence in range(1, 51):
        assert arrive(known, sequence) == []
    assert arrive(known, 52) == [51]
    for sequence in range(53, 96):
        assert arrive(known, sequence) == []
    clock.now_s += RETRY_WINDOW_S + 1
    assert is_again(known, "A", 51)
    assert arrive(known, 96) == []


def test_a_lost_number_of_a_controller_before_its_restart_is_another_part(
    known: KnownParts, clock: Clock
) -> None:
    assert arrive(known, 1) == []
    assert arrive(known, 3) == [2]
    for sequence in range(4, 20):
        assert arrive(known, sequence) == []
    clock.now_s += RETRY_WINDOW_S + 1
    assert not is_again(known, "A", 2)


def test_a_restarted_station_knows_the_last_number() -> None:
    assert arrive(KnownParts(30.0, reject_window=100, last_sequence=10), 13) == [11, 12]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_whatever_is_lost_every_number_gets_one_job(gaps: list[int]) -> None:
    known, sequence = KnownParts(30.0, reject_window=100), 0
    jobs: list[int] = []
    for gap in gaps:
        sequence += 1 + gap
        jobs += [*arrive(known, sequence), sequence]
    assert jobs == list(range(jobs[0], sequence + 1))


def test_a_number_under_which_a_known_part_came_is_used_and_not_missing(
    known: KnownParts, clock: Clock
) -> None:
    assert not is_again(known, "A", 5)
    assert arrive(known, 8, "A") == [6, 7]
    assert arrive(known, 9, "B") == []
    assert is_again(known, "A", 8)
    clock.now_s += 31
    assert not is_again(known, "A", 10)


def test_a_number_answered_from_the_journal_is_used_and_not_missing(known: KnownParts) -> None:
    arrive(known, 1)
    lost: list[int] = []

    def note(number: int) -> Future[Result]:
        lost.append(number)
        return Future()

    job = Job(part_id="A", trigger_sequence=3)
    known.repeat(job, Question.of(job), Future(), note)
    assert lost == [2]
    assert arrive(known, 4) == []
