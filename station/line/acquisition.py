"""The thread that owns the camera: grabs for triggers or continuously, and reconnects."""

import logging
import random
import threading
import time
from collections import deque
from contextlib import suppress

from station.core.errors import IncompleteFrameError, NoFrameError, PictureError, SettingsError
from station.core.frame import AnyFrame, Frame
from station.core.plugin import Feed, KeepingFeed, Source
from station.core.reasons import StationReason
from station.line.acquisition_terms import CameraHealth, Intake, Rules
from station.line.frame_watch import FrameWatch
from station.line.open_camera import OpenCamera
from station.line.self_trigger import PartWatch
from station.line.tickets import Ticket

_LOG = logging.getLogger(__name__)

IDLE_S = 0.25
PROBE_S = 1.0
BLIND_S = 1.0
"""So long without a good frame, and one part may have taken another one's place unseen."""
SLICE_S = 0.2
"""Longest single wait for a frame, so that a stop is heard."""


class Acquisition:
    """An open source and the thread that owns it."""

    def __init__(
        self,
        source: Source,
        intake: Intake,
        *,
        grab_timeout_s: float,
        rules: Rules | None = None,
    ) -> None:
        self._source, self._intake, self._grab_timeout_s = source, intake, grab_timeout_s
        self._rules = rules or Rules()
        self._watch = FrameWatch()
        self._parts = self._part_watch()
        self._changed = threading.Condition()
        self._triggers: deque[Ticket] = deque()
        self._is_continuous = self._is_closing = self._has_ended = self._is_connected = False
        self._is_retry_wanted = self._is_flush_due = self._is_at_fault = False
        self._in_hand: Ticket | None = None
        self._frames = self._failures = 0
        self._seen_s = 0.0
        self._last_error = ""
        self.keeping: KeepingFeed | None = None
        """The open source, if it keeps what frames came from until they are answered."""
        self._thread = threading.Thread(target=self._run, name="acquisition", daemon=True)

    def start(self) -> None:
        """Start the thread; it opens the source."""
        self._thread.start()

    def set_continuous(self, wanted: bool) -> None:
        """Grab one frame after the other, or only for triggers."""
        with self._changed:
            self._is_flush_due = wanted and (self._is_flush_due or not self._is_continuous)
            self._is_continuous = wanted
            self._has_ended = self._has_ended and not wanted
            self._changed.notify_all()

    def trigger(self, ticket: Ticket) -> None:
        """Grab the next fresh frame for this ticket."""
        with self._changed:
            self._triggers.append(ticket)
            self._changed.notify_all()

    def retry_now(self) -> None:
        """Try to reconnect at once; learn the empty scene of the self-trigger anew."""
        with self._changed:
            self._parts = self._part_watch()
            self._is_retry_wanted = True
            self._changed.notify_all()

    def _part_watch(self) -> PartWatch:
        if self._rules.trigger_mode == "self" and self._rules.empty_scene is None:
            _LOG.warning(
                "what the camera shows first is taken for the place without a part: a part that "
                "stands there now would hide those like it (line.self_trigger.empty_scene)"
            )
        return PartWatch(self._rules.self_trigger, self._rules.empty_scene)

    @property
    def is_continuous(self) -> bool:
        """Whether it grabs one frame after the other."""
        return self._is_continuous

    @property
    def waiting(self) -> int:
        """How many triggers wait for their frame."""
        return len(self._triggers) + (self._in_hand is not None)

    @property
    def is_single(self) -> bool:
        """Whether a trigger is being served."""
        return bool(self._triggers) or self._in_hand is not None

    @property
    def health(self) -> CameraHealth:
        """How the camera is doing."""
        return CameraHealth(
            camera_id=self._source.camera_id,
            kind=self._source.kind,
            is_connected=self._is_connected,
            has_ended=self._has_ended,
            frames=self._frames,
            failures=self._failures,
            last_error=self._last_error,
        )

    def close(self) -> None:
        """End the thread; triggers not served yet are answered as no_frame."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(self._grab_timeout_s + 1)

    def _run(self) -> None:
        first_s, most_s = self._rules.reconnect_s
        delay_s = first_s
        while not self._is_closing:
            feed = self._open()
            if feed is None:
                self._wait_refusing(delay_s * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
                delay_s = min(delay_s * 2, most_s)
                continue
            delay_s = first_s
            self._watch.reopened()
            self._parts.resume()
            opened_s = time.monotonic()
            camera = OpenCamera(feed)
            try:
                self.keeping = camera.keeping
                self._serve(camera)
            except Exception as error:  # noqa: BLE001 - the thread must go on, and say so
                _LOG.exception("the acquisition broke off")
                self._lose(str(error) or type(error).__name__)
            finally:
                self.keeping = None
                self._close(feed)
            if time.monotonic() - opened_s < first_s and self._last_error:
                self._wait_refusing(first_s)
        self._refuse("the station stops")

    def _open(self) -> Feed | None:
        try:
            feed = self._source.open()
        except Exception as error:  # noqa: BLE001 - the border: a driver may raise anything
            self._lose(str(error))
            return None
        with self._changed:
            self._is_connected, self._last_error = True, ""
            self._changed.notify_all()
        return feed

    def _serve(self, camera: OpenCamera) -> None:
        """Grab until the source ends, is lost, or the station closes."""
        while not self._is_closing:
            with self._changed:
                if not self._triggers and not self._is_continuous:
                    self._changed.wait(IDLE_S)
                self._in_hand = self._next_trigger()
                is_idle = self._in_hand is None and not self._is_continuous
            if is_idle:
                if self._is_lost(camera):
                    return
                continue
            try:
                if not self._grab(camera, self._in_hand):
                    return
            finally:
                self._in_hand = None

    def _next_trigger(self) -> Ticket | None:
        """The oldest trigger somebody still waits for, if its part may still stand there."""
        while self._triggers:
            ticket = self._triggers.popleft()
            if ticket.is_claimed:
                continue
            age_s = time.monotonic() - ticket.job.triggered_s
            if age_s <= self._rules.exposure_within_s:
                return ticket
            text = f"the camera was busy for {age_s:.2f} s, and the part may have moved on"
            self._intake.failed(StationReason.NO_FRAME, text, ticket)
        return None

    def _close(self, feed: Feed) -> None:
        try:
            feed.close()
        except Exception as error:  # noqa: BLE001 - the border: a driver may raise anything
            self._lose(str(error))

    def _grab(self, camera: OpenCamera, ticket: Ticket | None) -> bool:
        """One frame to the intake; False when the feed is of no more use."""
        try:
            self._flush(camera, ticket)
            frame = self._fresh(camera, ticket)
        except PictureError as error:
            is_torn = isinstance(error, IncompleteFrameError)
            if is_torn:
                self._watch.torn()
            reason = StationReason.INCOMPLETE_FRAME if is_torn else StationReason.UNREADABLE_IMAGE
            self._fail(reason, str(error), ticket, error.frame)
            return True
        except NoFrameError as error:
            if ticket:
                self._failures += 1
                self._intake.failed(StationReason.NO_FRAME, str(error), ticket)
            return True
        except Exception as error:  # noqa: BLE001 - the border: a driver may raise anything
            self._lose(str(error))
            if ticket:
                self._intake.failed(StationReason.NO_FRAME, str(error), ticket)
            return False
        if frame is None:
            self._end(ticket)
            return False
        self._frames += 1
        try:
            self._take(frame, ticket)
        except Exception as error:
            if ticket:
                self._intake.failed(StationReason.NO_FRAME, str(error), ticket)
            raise
        return True

    def _take(self, frame: AnyFrame, ticket: Ticket | None) -> None:
        """A frame that is new and of its time goes on, if it shows a part that is to be judged."""
        missed = self._watch.missed(frame) if self._rules.trigger_mode == "hardware" else 0
        for _ in range(min(missed, self._rules.reject_window)):
            text = "the camera was triggered and its frame was lost"
            self._intake.failed(StationReason.NO_FRAME, text, None)
        fault = self._watch.fault(frame)
        if fault:
            self._fail(*fault, ticket, frame)
            return
        self._is_at_fault = False
        self._see()
        if ticket is not None or self._is_due(frame):
            self._intake.frame(frame, ticket)

    def _see(self) -> None:
        """After some time without a good frame, what stands there now may be another part."""
        before_s, self._seen_s = self._seen_s, time.monotonic()
        if self._seen_s - before_s > BLIND_S:
            self._parts.resume()

    def _fail(
        self,
        reason: StationReason,
        text: str,
        ticket: Ticket | None,
        frame: AnyFrame | None = None,
    ) -> None:
        """A frame that cannot be judged; where the camera triggers itself, one of a row counts."""
        self._failures += 1
        was_at_fault, self._is_at_fault = self._is_at_fault, True
        if ticket is not None or self._rules.trigger_mode != "self" or not was_at_fault:
            self._intake.failed(reason, text, ticket, frame)

    def _flush(self, camera: OpenCamera, ticket: Ticket | None) -> None:
        """What a camera kept from before is no frame of this trigger, nor a part of this run."""
        is_due, self._is_flush_due = self._is_flush_due, False
        if is_due:  # nobody looked meanwhile: what went by then was no part of this run
            self._parts.resume()
        is_software = ticket is not None and not self._is_continuous
        if is_due or is_software:
            self._watch.skip()
            camera.flush()

    def _is_due(self, frame: AnyFrame) -> bool:
        if self._rules.trigger_mode != "self":
            return True
        try:
            return isinstance(frame, Frame) and self._parts.is_due(frame.image)
        except SettingsError as error:
            self._intake.fault(str(error))
            return False

    def _is_lost(self, camera: OpenCamera) -> bool:
        """Whether a camera nobody asks for frames just now is gone."""
        try:
            camera.check()
        except Exception as error:  # noqa: BLE001 - the border: a driver may raise anything
            self._lose(str(error))
            return True
        return False

    def _fresh(self, camera: OpenCamera, ticket: Ticket | None) -> AnyFrame | None:
        """The next frame; for a trigger the first one acquired after it.

        Raises:
            NoFrameError: none came; without a trigger after a short while, which means nothing.
        """
        if ticket is None:
            return camera.feed.grab(SLICE_S)
        camera.expose()
        until_s = time.monotonic() + self._grab_timeout_s
        while time.monotonic() < until_s and not self._is_closing:
            with suppress(NoFrameError):
                frame = camera.feed.grab(SLICE_S)
                if frame is None or camera.is_for(frame, ticket):
                    return frame
                self._pass_on(frame)
        raise NoFrameError(
            f"no frame was acquired within {self._grab_timeout_s:g} s of the trigger"
        )

    def _pass_on(self, frame: AnyFrame) -> None:
        """A frame from before the trigger: of another part, or nobody's; nothing may repeat it."""
        if self._is_continuous:
            self._take(frame, None)
        else:
            self._watch.fault(frame)

    def _end(self, ticket: Ticket | None) -> None:
        """The source has no more frames: stand by; the next start or trigger opens it again."""
        if ticket:
            self._intake.failed(StationReason.NO_FRAME, "the source came to its end", ticket)
        with self._changed:
            self._in_hand = None
            self._is_continuous, self._has_ended = False, True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._is_closing or self._is_continuous or bool(self._triggers)
            )
            self._has_ended = False

    def _lose(self, error: str) -> None:
        with self._changed:
            self._is_connected, self._last_error = False, error
            self._is_retry_wanted = False
            self._failures += 1

    def _wait_refusing(self, delay_s: float) -> None:
        """Wait for the next try; whoever triggers meanwhile is told at once.

        A device that can be seen again, or somebody who asks, ends the wait.
        """
        until_s = time.monotonic() + delay_s
        while not self._is_closing and (left_s := until_s - time.monotonic()) > 0:
            self._refuse(self._last_error)
            with self._changed:
                if not self._triggers and not self._is_retry_wanted:
                    self._changed.wait(min(left_s, PROBE_S))
            if self._is_retry_wanted or self._source_is_there():
                return

    def _source_is_there(self) -> bool:
        try:
            return self._source.is_there()
        except Exception:  # noqa: BLE001 - the border: a driver may raise anything
            return False

    def _refuse(self, why: str) -> None:
        while self._triggers:
            self._intake.failed(StationReason.NO_FRAME, why, self._triggers.popleft())
