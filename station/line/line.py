"""The line at work: every trigger becomes a ticket, every ticket gets exactly one result."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from station.core.errors import JournalError, PictureError
from station.core.frame import AnyFrame, Frame, Job
from station.core.plugin import Sink, Source
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Result, ResultState
from station.inspection import inspect, unanswered
from station.journal.pictures import Pictures
from station.journal.records import Journal
from station.line.acquisition import Acquisition, CameraHealth
from station.line.counters import Counters
from station.line.outlets import Outlet, open_outlets
from station.line.recent import RecentFrames
from station.line.settings import LineSettings
from station.line.states import State, Verb, check_verb
from station.line.tickets import Deadlines, Ticket
from station.vision.frames import decoded

Listener = Callable[[Result], None]
_LOG = logging.getLogger(__name__)


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
    ) -> None:
        """Start the threads and open the sinks; the camera is opened by its own thread.

        Raises:
            StationError: a sink cannot be opened.
        """
        self.journal, self.pictures = journal, pictures
        self.counters, self.recent = Counters(), RecentFrames()
        self.outlets: list[Outlet] = open_outlets(sinks)
        self._settings, self._prepared, self._source = settings, prepared, source
        self._listeners: list[Listener] = []
        self._is_closed = False
        self._journal_error = ""
        self._queue: queue.Queue[tuple[Ticket, Frame] | None] = queue.Queue(settings.queue_size)
        self._deadlines = Deadlines(self._answer_late)
        self._workers = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(settings.workers)
        ]
        self._acquisition = Acquisition(source, self, grab_timeout_s=settings.grab_timeout_ms / 1e3)
        for worker in self._workers:
            worker.start()
        self._acquisition.start()
        if settings.autostart:
            self._acquisition.set_continuous(True)

    # -- what others ask of the line ------------------------------------------------------------

    @property
    def state(self) -> State:
        """What the line is doing."""
        if self._is_closed:
            return State.HALTED
        camera = self._acquisition.health
        if self._journal_error or camera.last_error:
            return State.ERROR
        if not camera.is_connected:
            return State.PREOPERATIONAL
        if self._acquisition.is_continuous:
            return State.CONTINUOUS_EXECUTION
        return State.SINGLE_EXECUTION if self._acquisition.is_single else State.READY

    @property
    def state_text(self) -> str:
        """Why the line is in error; empty if it is not."""
        return self._journal_error or self._acquisition.health.last_error

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
        self._acquisition.set_continuous(True)

    def stop(self) -> None:
        """Finish what is under way, then only serve triggers.

        Raises:
            StateError: the line is not running.
        """
        check_verb(Verb.STOP, self.state)
        self._acquisition.set_continuous(False)

    def reset(self) -> None:
        """Leave the error state: try the camera at once, forget the last error.

        Raises:
            StateError: the line is closed.
        """
        check_verb(Verb.RESET, self.state)
        self._journal_error = ""
        self._acquisition.retry_now()

    def activate(self, prepared: PreparedRecipe) -> None:
        """Change the recipe; jobs triggered before keep theirs."""
        self._prepared = prepared

    def trigger(self, job: Job) -> Future[Result]:
        """Inspect the next frame acquired after this trigger.

        Raises:
            StateError: the line cannot take a trigger now.
        """
        check_verb(Verb.START_SINGLE_JOB, self.state)
        ticket = self._ticket(job)
        self._acquisition.trigger(ticket)
        return ticket.future

    def submit(self, frame: Frame, job: Job) -> Future[Result]:
        """Inspect this frame; answered at once as an overrun where the queue is full.

        Raises:
            StateError: the line is closed.
        """
        if self._is_closed:
            check_verb(Verb.START_SINGLE_JOB, self.state)
        ticket = self._ticket(job)
        self._enqueue(ticket, frame, is_live=True)
        return ticket.future

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
        for _ in self._workers:
            self._queue.put(None)
        for worker in self._workers:
            worker.join()
        self._deadlines.close()
        self.journal.close()
        for outlet in self.outlets:
            outlet.close()
        self.pictures.close()

    # -- what the acquisition brings (Intake) ---------------------------------------------------

    def frame(self, frame: AnyFrame, ticket: Ticket | None) -> None:
        """A frame came: to the workers with it."""
        try:
            picture = decoded(frame)
        except PictureError as error:
            self.failed(StationReason.UNREADABLE_IMAGE, str(error), ticket)
            return
        self._enqueue(ticket or self._ticket(Job()), picture, is_live=self._source.is_live)

    def failed(self, reason: StationReason, text: str, ticket: Ticket | None) -> None:
        """No usable frame of a part that was there or asked for."""
        self._give_up(ticket or self._ticket(Job()), ResultState.FAILED, reason, text)

    # -- inside ---------------------------------------------------------------------------------

    def _ticket(self, job: Job) -> Ticket:
        self.counters.triggered()
        ticket = Ticket(job, self._prepared)
        self._deadlines.add(ticket, job.deadline_ms or self._settings.deadline_ms)
        return ticket

    def _enqueue(self, ticket: Ticket, frame: Frame, *, is_live: bool) -> None:
        while not self._is_closed:
            try:
                self._queue.put((ticket, frame), timeout=0 if is_live else 0.1, block=not is_live)
            except queue.Full:
                if is_live:
                    reason = StationReason.OVERRUN
                    self._give_up(ticket, ResultState.ABORTED, reason, frame=frame)
                    return
            else:
                return
        self._give_up(ticket, ResultState.ABORTED, StationReason.ABORTED, frame=frame)

    def _work(self) -> None:
        while (entry := self._queue.get()) is not None:
            ticket, frame = entry
            if ticket.is_claimed:
                continue
            result = inspect(frame, ticket.prepared, ticket.job)
            if ticket.claim():
                self.journal.record(result, partial(self._recorded, ticket, frame))

    def _abort_waiting(self) -> None:
        while True:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return
            if entry:
                ticket, frame = entry
                self._give_up(ticket, ResultState.ABORTED, StationReason.ABORTED, frame=frame)

    def _answer_late(self, ticket: Ticket) -> None:
        """The deadline passed and nobody had the answer; the ticket is claimed already."""
        result = unanswered(
            ticket.job, ticket.prepared, ResultState.ABORTED, StationReason.LATE,
            camera_id=self._source.camera_id,
        )  # fmt: skip
        self.journal.record(result, partial(self._recorded, ticket, None))

    def _give_up(
        self,
        ticket: Ticket,
        state: ResultState,
        reason: StationReason,
        text: str = "",
        frame: Frame | None = None,
    ) -> None:
        if not ticket.claim():
            return
        result = unanswered(
            ticket.job, ticket.prepared, state, reason, text,
            camera_id=self._source.camera_id, frame=frame,
        )  # fmt: skip
        self.journal.record(result, partial(self._recorded, ticket, frame))

    def _recorded(
        self, ticket: Ticket, frame: Frame | None, result: Result, error: JournalError | None
    ) -> None:
        """Called in the journal's thread: only now may anybody hear of the result."""
        self._journal_error = str(error) if error else ""
        if error:
            _LOG.error("%s", error)
            result = unanswered(
                ticket.job, ticket.prepared, ResultState.FAILED, StationReason.NO_RECORD,
                str(error), frame=frame, camera_id=result.camera_id,
            )  # fmt: skip
        self.counters.answered(result)
        if frame is not None:
            self.recent.add(result.job_id, frame)
            self.pictures.offer(result, frame)
        ticket.future.set_result(result)
        for outlet in self.outlets:
            outlet.offer(result, frame)
        for listener in tuple(self._listeners):
            listener(result)
