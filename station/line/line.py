"""The line at work: every trigger becomes a ticket, every ticket gets exactly one result."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from station.core.errors import StateError
from station.core.frame import AnyFrame, EncodedFrame, Job
from station.core.plugin import KeepingFeed, Sink, Source
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Result, ResultState
from station.journal.pictures import Pictures
from station.journal.records import Journal
from station.line.acquisition import Acquisition
from station.line.acquisition_terms import CameraHealth, Rules
from station.line.alarms import RejectWatch
from station.line.answers import Answers
from station.line.counters import Counters
from station.line.fitting import DROPPED, NOT_TRIGGERED
from station.line.inspectors import Inspector, ThreadInspector
from station.line.isolated import IsolatedInspector, warm_up
from station.line.outlets import Outlet, open_outlets
from station.line.recent import RecentFrames, showable
from station.line.reception import Reception
from station.line.self_trigger import empty_scene
from station.line.settings import AlarmSettings, LineSettings
from station.line.states import State, Verb, allowed_verbs, check_verb
from station.line.tickets import Ticket
from station.line.workers import Workers

Listener = Callable[[Result], None]
_LOG = logging.getLogger(__name__)

WAIT_S = 0.1
START_S = 20.0
"""Workers that are not ready by then are a fault of their own."""


class Line:
    """An open line. Closing it answers every job that is still under way."""

    def __init__(
        self,
        settings: LineSettings,
        prepared: PreparedRecipe,
        source: Source,
        journal: Journal,
        pictures: Pictures,
        sinks: Sequence[Sink] = (),
        alarms: AlarmSettings | None = None,
    ) -> None:
        """Start the threads and open the sinks; the camera is opened by its own thread.

        Raises:
            StationError: a sink cannot be opened.
        """
        self.journal, self.pictures = journal, pictures
        self.counters, self.recent = Counters(), RecentFrames()
        self._alarms = RejectWatch(alarms or AlarmSettings())
        self.outlets: list[Outlet] = open_outlets(sinks, journal)
        self._settings, self._prepared, self._source = settings, prepared, source
        self._listeners: list[Listener] = []
        self._is_closed = self._is_halted = False
        self._fault = ""
        self._answers = Answers(journal, self._told, camera_id=source.camera_id)
        journal.writer.recovered = self._answers.recovered
        self._reception = Reception(
            settings, journal, self._answers, self.counters, lambda: self._prepared
        )
        self._acquisition = Acquisition(
            source,
            self,
            grab_timeout_s=settings.grab_timeout_ms / 1e3,
            rules=Rules(
                trigger_mode=settings.trigger_mode,
                self_trigger=settings.self_trigger,
                empty_scene=empty_scene(settings),
                reject_window=settings.reject_window,
                exposure_within_s=settings.exposure_within_ms / 1e3,
            ),
        )
        if settings.isolation == "process":
            warm_up()
        self._workers = Workers(
            self, self._inspector, prepared, count=settings.workers, queue_size=settings.queue_size
        )
        self._workers.wait_ready(START_S)
        self._acquisition.start()
        self._runs = settings.autostart and settings.trigger_mode != "software"
        """What was wanted last: the reset of a fault leads back to it, that of a halt does not."""
        if self._runs and not self._fault:
            self._acquisition.set_continuous(True)

    # -- what others ask of the line ------------------------------------------------------------

    @property
    def state(self) -> State:
        """What the line is doing."""
        if self._is_closed or self._is_halted:
            return State.HALTED
        camera = self._acquisition.health
        if self._fault or self._answers.journal_error or camera.last_error:
            return State.ERROR
        if not camera.is_connected or not self._workers.is_ready:
            return State.PREOPERATIONAL
        if self._acquisition.is_continuous:
            return State.CONTINUOUS_EXECUTION
        return State.SINGLE_EXECUTION if self._acquisition.is_single else State.READY

    @property
    def state_text(self) -> str:
        """Why the line is in error; empty if it is not."""
        return self._fault or self._answers.journal_error or self._acquisition.health.last_error

    @property
    def verbs(self) -> list[Verb]:
        """What the line can be told in its present state."""
        return [] if self._is_closed else allowed_verbs(self.state)

    @property
    def stop_request(self) -> str:
        """Why the line should be stopped; empty: it need not be."""
        return self._alarms.stop_request

    @property
    def has_room(self) -> bool:
        """Whether a trigger would be served, and not too many wait for the camera."""
        is_served = self._source.kind not in DROPPED
        return is_served and self._acquisition.waiting < self._settings.queue_size

    @property
    def beat(self) -> int:
        """Grows at least every 500 ms as long as the inspection loop goes round."""
        return self._workers.beat

    @property
    def workers_ready(self) -> int:
        """How many workers can look at a part now."""
        return self._workers.ready

    @property
    def workers_lost(self) -> int:
        """How many crashed or hung since the start."""
        return self._workers.losses

    @property
    def camera(self) -> CameraHealth:
        """How the camera is doing."""
        return self._acquisition.health

    @property
    def prepared(self) -> PreparedRecipe:
        """The active recipe."""
        return self._prepared

    def start(self) -> None:
        """Inspect continuously.

        Raises:
            StateError: the line is not ready.
        """
        check_verb(Verb.START_CONTINUOUS, self.state)
        self._runs = True
        self._acquisition.set_continuous(True)

    def stop(self) -> None:
        """Finish what is under way, then only serve triggers.

        Raises:
            StateError: the line is not running.
        """
        check_verb(Verb.STOP, self.state)
        self._runs = False
        self._acquisition.set_continuous(False)

    def abort(self) -> None:
        """Answer everything that is under way as aborted, now, then only serve triggers.

        Raises:
            StateError: there is nothing to abort in this state.
        """
        check_verb(Verb.ABORT, self.state)
        self._runs = False
        self._acquisition.set_continuous(False)
        self._abort_all("aborted by command")

    def halt(self) -> None:
        """Abort, and take no part until `reset`.

        Raises:
            StateError: the line is halted already.
        """
        check_verb(Verb.HALT, self.state)
        self._is_halted, self._runs = True, False
        self._acquisition.set_continuous(False)
        self._abort_all("halted by command")

    def reset(self) -> None:
        """Leave halt, error and alarm: try the camera at once, forget what was counted up.

        Raises:
            StateError: the line is closed.
        """
        self._check_open()
        self._fault = self._answers.journal_error = ""
        self._is_halted = False
        self._alarms.reset()
        self._acquisition.retry_now()
        if self._runs:
            self._acquisition.set_continuous(True)

    def activate(self, prepared: PreparedRecipe) -> None:
        """Change the recipe once every worker has it; jobs triggered before keep theirs.

        Raises:
            StationError: a worker cannot use it; the old one stays.
        """
        self._workers.prepare(prepared)
        self._prepared = prepared

    def trigger(self, job: Job) -> Future[Result]:
        """Inspect the next frame acquired after this trigger; a known part gets its answer again.

        Raises:
            StateError: the line is closed.
        """
        self._check_open()
        return self._reception.once(job, self._begin)

    def submit(self, frame: AnyFrame, job: Job) -> Future[Result]:
        """Inspect this frame; answered at once as an overrun where the queue is full.

        Raises:
            StateError: the line is closed.
        """
        self._check_open()
        return self._reception.once(job, self._begin, frame)

    def forget_sequences(self) -> None:
        """The controller begins anew: none of its earlier numbers means a part of now."""
        self._reception.forget_sequences()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every result, from a thread of the line; returns how to end it."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    def close(self) -> None:
        """Stop grabbing, answer everything, then close journal, sinks and pictures."""
        if self._is_closed:
            return
        self._acquisition.close()
        self._is_closed = True
        self._abort_waiting()
        self._workers.close()
        self._abort_all("the station stops")
        self._reception.close()
        self.journal.drain()
        for outlet in self.outlets:
            outlet.close()
        self.journal.close()
        self.pictures.close()

    # -- what the acquisition brings (Intake) ---------------------------------------------------

    def frame(self, frame: AnyFrame, ticket: Ticket | None) -> None:
        """A frame came: to the workers with it."""
        ticket = ticket or self._reception.ticket(self._job_of(frame))
        self._keep(ticket, frame)
        self._enqueue(ticket, frame, is_live=self._source.is_live)

    def failed(
        self,
        reason: StationReason,
        text: str,
        ticket: Ticket | None,
        frame: AnyFrame | None = None,
    ) -> None:
        """No usable frame of a part that was there or asked for."""
        ticket = ticket or self._reception.ticket(Job())
        self._keep(ticket, frame)
        self._answers.give_up(ticket, ResultState.FAILED, reason, text)

    # -- what the workers bring (Outcome) -------------------------------------------------------

    def looked(self, ticket: Ticket, frame: AnyFrame, result: Result) -> None:
        """A part was looked at."""
        self._answers.give(ticket, frame, result)

    def lost(self, ticket: Ticket, frame: AnyFrame, text: str) -> None:
        """Whoever looked at the part crashed or hung."""
        reason = StationReason.WORKER_LOST
        self._answers.give_up(ticket, ResultState.FAILED, reason, text, frame)

    def fault(self, text: str) -> None:
        """Workers are lost again and again: no part is taken until somebody has seen to it."""
        self._fault = self._fault or text
        self._acquisition.set_continuous(False)

    # -- inside ---------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise StateError("the station stops: it takes no part and no command any more")

    def _keep(self, ticket: Ticket, frame: AnyFrame | None) -> None:
        """What a frame came from stays until its part is answered."""
        if frame is None or (feed := self._acquisition.keeping) is None:
            return
        if isinstance(frame, EncodedFrame):  # the ticket may outlive its answer by far
            frame = replace(frame, data=frame.data[:1])
        ticket.future.add_done_callback(partial(_put_away, feed, frame))

    def _job_of(self, frame: AnyFrame) -> Job:
        """A part that came by itself came when it was seen, however long its frame has waited."""
        if not self._source.is_live:
            return Job()
        seen_s = frame.acquired_s
        if seen_s is None:
            age_s = max(0.0, (datetime.now(UTC) - frame.acquired_at).total_seconds())
            seen_s = time.monotonic() - age_s
        return Job(triggered_at=frame.acquired_at, triggered_s=seen_s)

    def _inspector(self) -> Inspector:
        stall_s = self._settings.stall_s
        is_isolated = self._settings.isolation == "process"
        return IsolatedInspector(stall_s) if is_isolated else ThreadInspector(stall_s)

    def _begin(self, job: Job, frame: AnyFrame | None) -> Future[Result]:
        ticket = self._reception.ticket(job)
        if self._fault or self._is_halted:
            state, reason = ResultState.ABORTED, StationReason.NOT_READY
            self._answers.give_up(ticket, state, reason, self._fault, frame)
        elif frame is not None:
            self._enqueue(ticket, frame, is_live=True)
        elif self._source.kind in DROPPED:
            self.failed(StationReason.NO_FRAME, NOT_TRIGGERED, ticket)
        elif not self.has_room:
            self._answers.give_up(ticket, ResultState.ABORTED, StationReason.OVERRUN)
        else:
            self._acquisition.trigger(ticket)
        return ticket.future

    def _enqueue(self, ticket: Ticket, frame: AnyFrame, *, is_live: bool) -> None:
        while not self._is_closed and not self._is_halted:
            if self._workers.offer(ticket, frame, wait_s=0.0 if is_live else WAIT_S):
                return
            if is_live:
                state, reason = ResultState.ABORTED, StationReason.OVERRUN
                self._answers.give_up(ticket, state, reason, frame=frame)
                return
        self._answers.give_up(ticket, ResultState.ABORTED, StationReason.ABORTED, frame=frame)

    def _abort_waiting(self) -> None:
        for ticket, frame in self._workers.take_waiting():
            self._answers.give_up(ticket, ResultState.ABORTED, StationReason.ABORTED, frame=frame)

    def _abort_all(self, text: str) -> None:
        self._abort_waiting()
        for ticket in self._answers.under_way:
            self._answers.give_up(ticket, ResultState.ABORTED, StationReason.ABORTED, text)

    def _told(self, result: Result, frame: AnyFrame | None) -> None:
        """A result is recorded: called in the journal's thread."""
        self.counters.answered(result)
        self._alarms.answered(result)
        frame = showable(result, frame)
        if frame is not None:
            self.recent.add(result.job_id, frame)
            self.pictures.offer(result, frame)
        for outlet in self.outlets:
            outlet.notify()
        for listener in tuple(self._listeners):
            try:
                listener(result)
            except Exception:  # noqa: BLE001 - the border: who listens cannot stop the journal
                _LOG.exception("a listener failed on %s", result.job_id)


def _put_away(feed: KeepingFeed, frame: AnyFrame, done: Future[Result]) -> None:
    """What a part's picture came from is needed no more, once there is a record of the part."""
    if done.result().reason_code != StationReason.NO_RECORD:
        feed.answered(frame)
