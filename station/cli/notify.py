"""Tells systemd that the station is ready and that its inspection loop goes round (sd_notify)."""

import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

EVERY_S = 0.5
SEND_S = 0.5
_LOG = logging.getLogger(__name__)

Tell = Callable[[int], None]
"""Passes a beat on; called only when the loop has gone round since the last time."""


class Notify:
    """The way to systemd; without `NOTIFY_SOCKET` every word goes nowhere.

    The protocol is that of sd_notify(3): lines of `NAME=value` in one datagram.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the null byte of Linux's abstract sockets.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._is_failing = False

    def tell(self, *lines: str) -> None:
        """Send one message; one that cannot be sent is logged, the first of a row."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.settimeout(SEND_S)
                way.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._is_failing:
                _LOG.warning("systemd at NOTIFY_SOCKET cannot be told anything: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    def ready(self) -> None:
        """The station can inspect."""
        self.tell("READY=1")

    def stopping(self) -> None:
        """The station ends."""
        self.tell("STOPPING=1", "STATUS=ending")

    def watchdog(self, status: str) -> None:
        """The inspection loop goes round, and this is how the station is."""
        self.tell("WATCHDOG=1", f"STATUS={' '.join(status.split())}")


class Pulse:
    """A thread that passes the beat of the inspection loop on; a loop that stands is not heard."""

    def __init__(
        self, beat: Callable[[], int], tells: Sequence[Tell], every_s: float = EVERY_S
    ) -> None:
        self._beat, self._tells, self._every_s = beat, tells, every_s
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; one that is stuck in a full pipe is left behind."""
        self._ending.set()
        self._thread.join(2 * SEND_S)

    def _run(self) -> None:
        last = self._beat()
        while not self._ending.wait(self._every_s):
            now = self._beat()
            if now != last:
                last = now
                for tell in self._tells:
                    tell(now)


def say(beat: int) -> None:
    """Write a beat to standard output, where the supervisor hears it."""
    try:
        sys.stdout.write(f"{BEAT}{beat}\n")
        sys.stdout.flush()
    except OSError as error:  # nobody listens any more; that the supervisor is gone ends the line
        _LOG.debug("the supervisor does not listen: %s", error)


BEAT = "station-beat "
"""How a line begins that the supervisor keeps to itself."""
