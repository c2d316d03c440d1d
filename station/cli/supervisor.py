"""Starts the line and the operator's page as processes, watches them, ends them."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

import httpx

from station.core.errors import StationError

STOP_S = 4.0
"""A child that does not end within this time is killed."""
RESTART_FIRST_S, RESTART_MOST_S = 0.5, 30.0
STEADY_S = 60.0
"""A child that ran this long was sound: its next restart comes quickly again."""


class StartError(StationError, RuntimeError):
    """A process of the station does not come up; it has said why itself."""


@dataclass(slots=True)
class Child:
    """One `station …` process; its standard input stays open as long as the supervisor lives."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    restart_delay_s: float = RESTART_FIRST_S

    def start(self) -> None:
        """Start the process."""
        command = [sys.executable, "-m", "station", *self.arguments, "--ends-with-stdin"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603
        self.started_s = time.monotonic()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll() if self.process else None

    def stop(self, until_s: float) -> None:
        """Close its standard input, wait, kill it if it does not listen."""
        if self.process is None:
            return
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(max(0.1, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Supervisor:
    """The processes of one station; SIGINT and SIGTERM end them."""

    children: Sequence[Child]
    closing: threading.Event = field(default_factory=threading.Event)

    def open(self, ready_url: str, timeout_s: float = 30.0) -> None:
        """Start the processes and wait until the first one answers.

        Raises:
            StartError: it ends instead, or does not answer in time.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        for child in self.children:
            child.start()
        until_s = time.monotonic() + timeout_s
        first = self.children[0]
        while not self.closing.is_set():
            if first.exit_code is not None:
                raise StartError(f"the {first.name} did not start; its message stands above")
            if _answers(ready_url):
                return
            if time.monotonic() > until_s:
                raise StartError(f"the {first.name} does not answer at {ready_url}")
            self.closing.wait(0.05)

    def watch(self, seconds: float | None = None) -> None:
        """Restart what dies, until a signal comes or the time is over."""
        until_s = None if seconds is None else time.monotonic() + seconds
        while not self.closing.is_set():
            left_s = 0.2 if until_s is None else min(0.2, until_s - time.monotonic())
            if left_s <= 0:
                return
            self.closing.wait(left_s)
            for child in self.children:
                if child.exit_code is not None and not self.closing.is_set():
                    self._restart(child)

    def close(self) -> None:
        """End all processes; the last one started first."""
        until_s = time.monotonic() + STOP_S
        for child in reversed(self.children):
            if child.process and child.process.stdin:
                child.process.stdin.close()
        for child in reversed(self.children):
            child.stop(until_s)

    def _restart(self, child: Child) -> None:
        if time.monotonic() - child.started_s > STEADY_S:
            child.restart_delay_s = RESTART_FIRST_S
        sys.stderr.write(
            f"the {child.name} ended with code {child.exit_code}; starting it again in "
            f"{child.restart_delay_s:g} s\n"
        )
        if not self.closing.wait(child.restart_delay_s):
            child.start()
        child.restart_delay_s = min(child.restart_delay_s * 2, RESTART_MOST_S)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.closing.set()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=0.5, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
