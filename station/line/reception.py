"""The reception: every trigger becomes a ticket, or is known and gets its answer again."""

import hashlib
import itertools
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from station.core.errors import JournalError
from station.core.frame import AnyFrame, EncodedFrame, Job
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Result, ResultState
from station.journal.records import Journal
from station.line.answers import Answers
from station.line.counters import Counters
from station.line.known_parts import KnownParts, Promise, Question
from station.line.settings import LineSettings
from station.line.tickets import Deadlines, Ticket

RESERVE_SHARE = 0.2
"""Of a deadline: more is never kept free for the record of a late answer."""

_LOG = logging.getLogger(__name__)

Recipe = Callable[[], PreparedRecipe]
Begin = Callable[[Job, AnyFrame | None], Promise]


class Reception:
    """Numbers the triggers of the station, over restarts, and watches their deadlines."""

    def __init__(
        self,
        settings: LineSettings,
        journal: Journal,
        answers: Answers,
        counters: Counters,
        recipe: Recipe,
    ) -> None:
        """`recipe` gives the active one; what a crash left unanswered is answered here."""
        self._settings, self._journal, self._answers = settings, journal, answers
        self._counters, self._recipe = counters, recipe
        self._opened_s, self._opened_at = time.monotonic(), datetime.now(UTC)
        newest_at = journal.newest_at()
        self._knows_stored = newest_at is None or newest_at <= self._opened_at
        self._numbers = itertools.count(journal.last_number() + 1)
        self._known = KnownParts(
            settings.duplicate_window_s,
            reject_window=settings.reject_window,
            last_sequence=journal.last_sequence(),
        )
        self._deadlines = Deadlines(self._answer_late)
        for number in journal.missing_numbers():
            ticket = self._numbered(Job(ledger_number=number))
            answers.give_up(ticket, ResultState.ABORTED, StationReason.RESTARTED)

    def ticket(self, job: Job) -> Ticket:
        """A new trigger, by the recipe that is active now."""
        ticket = self._numbered(replace(job, ledger_number=next(self._numbers)))
        deadline_s = (job.deadline_ms or self._settings.deadline_ms) / 1e3
        ticket.due_s = job.triggered_s + deadline_s
        reserve_s = min(self._answers.reserve_s, RESERVE_SHARE * deadline_s)
        self._deadlines.add(ticket, ticket.due_s, reserve_s=reserve_s)
        return ticket

    def once(self, job: Job, begin: Begin, frame: AnyFrame | None = None) -> Promise:
        """The promise of a job's result: of the job as it begins, or of the one it repeats.

        A frame that comes with the job is a part of the question, and so are the recipe and what
        is expected of the part: with another one the same part is looked at.
        """
        is_named = bool(job.part_id) or job.trigger_sequence is not None
        digest = digest_of(frame) if frame is not None and is_named else ""
        question = Question.of(job, self._recipe().recipe_hash, digest)
        job = replace(job, question_hash=question.hash if job.part_id else "")
        stored = self._stored(job)
        if stored is not None:
            promise: Promise = Future()
            promise.set_result(stored)
            self._known.repeat(job, question, promise, self._lose)
            return self._again(promise)
        promise, is_known = self._known.admit(job, question, lambda: begin(job, frame), self._lose)
        return self._again(promise) if is_known else promise

    def forget_sequences(self) -> None:
        """See `KnownParts.forget_sequences`; what was stored before the start counts no more."""
        self._knows_stored = False
        self._known.forget_sequences()

    def close(self) -> None:
        """Stop watching deadlines."""
        self._deadlines.close()

    def _numbered(self, job: Job) -> Ticket:
        self._counters.triggered()
        ticket = Ticket(job, self._recipe())
        self._answers.expect(ticket)
        return ticket

    def _stored(self, job: Job) -> Result | None:
        """The answer a part got before the station was restarted, if that was not long ago.

        A journal that ends in the future was written before the clock fell back: then nobody can
        say what was long ago, and each part is a new one.
        """
        window_s = self._settings.duplicate_window_s
        open_s = time.monotonic() - self._opened_s
        if not job.part_id or not self._knows_stored or open_s > window_s:
            return None
        since = self._opened_at + timedelta(seconds=open_s - window_s)
        try:
            return self._journal.find_part(job.part_id, job.question_hash, since, self._opened_at)
        except JournalError as error:
            _LOG.warning("%a is inspected, perhaps again: %s", job.part_id, error)
            return None

    def _again(self, promise: Promise) -> Promise:
        again: Promise = Future()
        again.set_running_or_notify_cancel()

        def repeat(done: Promise) -> None:
            self._journal.count_duplicate(done.result())
            again.set_result(replace(done.result(), is_duplicate=True))

        promise.add_done_callback(repeat)
        return again

    def _lose(self, sequence: int) -> Promise:
        """A trigger of the PLC that never came gets its result, too."""
        ticket = self.ticket(Job(trigger_sequence=sequence))
        self._answers.give_up(ticket, ResultState.FAILED, StationReason.LOST_TRIGGER)
        return ticket.future

    def _answer_late(self, ticket: Ticket) -> None:
        """The deadline passed and nobody had the answer."""
        self._answers.give_up(ticket, ResultState.ABORTED, StationReason.LATE)


def digest_of(frame: AnyFrame) -> str:
    """What tells two pictures of one part apart; 64 hex digits."""
    content = frame.data if isinstance(frame, EncodedFrame) else frame.image.tobytes()
    return hashlib.sha256(content).hexdigest()
