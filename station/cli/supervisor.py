"""Starts the line and the operator's page as processes, watches them, ends them."""

import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

import httpx

from station.cli.child import Child
from station.cli.notify import Notify
from station.core.errors import StationError

STOP_S = 4.0
"""A child that does not end within this time is killed."""
LOOK_S = 0.2
LOOK_MOST_S = 0.5
"""More is not counted between two looks: who was asleep himself cannot say that others were."""


class StartError(StationError, RuntimeError):
    """A process of the station does not come up; it has said why itself."""


@dataclass(slots=True)
class Supervisor:
    """The processes of one station; SIGINT and SIGTERM end them."""

    children: Sequence[Child]
    notify: Notify = field(default_factory=Notify)
    closing: threading.Event = field(default_factory=threading.Event)

    def open(self, ready_url: str, timeout_s: float = 30.0) -> None:
        """Start the processes and wait until the first one answers.

        Raises:
            StartError: it ends instead, or does not answer in time.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        first, *others = self.children
        first.start()
        until_s = time.monotonic() + timeout_s
        while not self.closing.is_set():
            if first.exit_code is not None:
                raise StartError(f"the {first.name} did not start; its message stands above")
            if first.was_heard and _answers(ready_url):
                for child in others:  # not before: they would take the processor from the first
                    child.start()
                self.notify.ready()
                return
            if time.monotonic() > until_s:
                raise StartError(f"the {first.name} does not answer at {ready_url}")
            self.closing.wait(0.05)

    def watch(self, seconds: float | None = None) -> None:
        """Restart what dies or hangs, until a signal comes or the time is over."""
        looked_s = time.monotonic()
        until_s = None if seconds is None else looked_s + seconds
        while not self.closing.is_set():
            left_s = LOOK_S if until_s is None else min(LOOK_S, until_s - time.monotonic())
            if left_s <= 0:
                return
            self.closing.wait(left_s)
            passed_s = min(LOOK_MOST_S, time.monotonic() - looked_s)
            looked_s = time.monotonic()
            for child in self.children:
                if not self.closing.is_set():
                    self._look(child, passed_s)

    def close(self) -> None:
        """End all processes; the last one started first."""
        self.notify.stopping()
        until_s = time.monotonic() + STOP_S
        for child in reversed(self.children):
            if child.process and child.process.stdin:
                child.process.stdin.close()
        for child in reversed(self.children):
            child.stop(until_s)

    def _look(self, child: Child, passed_s: float) -> None:
        """One look at one child; never waits, since the others are watched as well."""
        if child.due_s is not None:
            if time.monotonic() >= child.due_s:
                _start(child)
            return
        if child.exit_code is None and child.hangs(passed_s):
            _say(f"the {child.name} gave no sign for {child.silent_s:.1f} s: ended")
            child.kill()
        if child.exit_code is not None:
            code, delay_s = child.exit_code, child.postpone()
            _say(f"the {child.name} ended with code {code}; starting it again in {delay_s:g} s")

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.closing.set()


def _start(child: Child) -> None:
    """Start it; where the system has no memory or handle left for it, try again later."""
    try:
        child.start()
    except OSError as error:
        delay_s = child.postpone()
        _say(f"the {child.name} cannot be started ({error}); trying again in {delay_s:g} s")


def _say(text: str) -> None:
    """A log on a full disk takes nothing, and is no reason to end a station."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=0.5, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
