"""One process of the station, as its supervisor sees it: started, listened to, ended."""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from station.cli.notify import BEAT

RESTART_FIRST_S, RESTART_MOST_S = 0.5, 30.0
STEADY_S = 60.0
"""A child that ran this long was sound: its next restart comes quickly again."""
SILENT_S = 3.0
"""A child whose beat stood for so long hangs."""
KILL_S = 2.0
START_S = 30.0
"""So long a child may take to its first beat."""


class Ear:
    """Hears the beats on a child's standard output; anything else it says is passed on."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.heard = 0
        threading.Thread(target=self._listen, name="ear", daemon=True).start()

    def _listen(self) -> None:
        for line in self._stream:
            if line.startswith(BEAT.encode()):
                self.heard += 1
            else:
                with suppress(OSError):  # a log on a full disk must not make the line seem dead
                    sys.stdout.buffer.write(line)
                    sys.stdout.buffer.flush()


@dataclass(slots=True)
class Child:
    """One `station …` process; its standard input stays open as long as the supervisor lives."""

    name: str
    arguments: Sequence[str]
    has_beat: bool = False
    """It writes its beat to standard output."""
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    restart_delay_s: float = RESTART_FIRST_S
    due_s: float | None = None
    """When it is started again, on the monotonic clock."""
    ear: Ear | None = None
    heard: int = 0
    silent_s: float = 0.0

    def start(self) -> None:
        """Start the process."""
        if self.process and self.process.stdin:  # of the one before
            self.process.stdin.close()
        command = [sys.executable, "-m", "station", *self.arguments, "--ends-with-stdin"]
        out = subprocess.PIPE if self.has_beat else None
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out)  # noqa: S603
        self.due_s = None
        self.heard, self.silent_s = 0, 0.0
        self.ear = Ear(self.process.stdout) if self.process.stdout else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll() if self.process else None

    @property
    def was_heard(self) -> bool:
        """Its beat has begun, if it has one: from now on silence counts."""
        return self.ear is None or self.ear.heard > 0

    def hangs(self, passed_s: float) -> bool:
        """Whether its beat stands; ask regularly, with the time that passed since the last time."""
        if self.ear is None:
            return False
        if self.ear.heard != self.heard:
            self.heard, self.silent_s = self.ear.heard, 0.0
            return False
        self.silent_s += passed_s
        return self.silent_s > (SILENT_S if self.heard else START_S)

    def kill(self) -> None:
        """End it at once."""
        if self.process:
            self.process.kill()
            with suppress(subprocess.TimeoutExpired):  # stuck in a driver: nobody can end it
                self.process.wait(KILL_S)

    def stop(self, until_s: float) -> None:
        """Close its standard input, wait, kill it if it does not listen."""
        if self.process is None:
            return
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(max(0.1, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()

    def postpone(self) -> float:
        """It ended: set when it is started again; gives the seconds until then."""
        now_s = time.monotonic()
        if now_s - self.started_s > STEADY_S:
            self.restart_delay_s = RESTART_FIRST_S
        delay_s = self.restart_delay_s
        self.due_s = now_s + delay_s
        self.restart_delay_s = min(delay_s * 2, RESTART_MOST_S)
        return delay_s
