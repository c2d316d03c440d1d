"""How the disk behaves: a record waits for its flush, and a shared disk has bad moments."""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PERIOD_S = 0.1
SLOW_MS = 50.0


@dataclass(slots=True)
class Flushes:
    """What single flushes of a file beside the journal took, ms."""

    took_ms: list[float] = field(default_factory=list)

    @property
    def in_words(self) -> str:
        """The slowest, and how many were slow."""
        slow = sum(ms > SLOW_MS for ms in self.took_ms)
        most = max(self.took_ms, default=0.0)
        return f"slowest flush {most:.0f} ms, {slow} of {len(self.took_ms)} over {SLOW_MS:g} ms"


@contextmanager
def watched_disk() -> Iterator[Flushes]:
    """Flush a page ten times a second, in the place where temporary folders lie."""
    found, ends = Flushes(), threading.Event()

    def look() -> None:
        with tempfile.TemporaryFile() as file:
            while not ends.wait(PERIOD_S):
                started_s = time.monotonic()
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
                found.took_ms.append((time.monotonic() - started_s) * 1e3)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ends.set()
        thread.join()
