"""One station a journal folder: the lock is let go by the system when the process ends."""

from pathlib import Path

from filelock import FileLock, Timeout

from station.core.errors import InUseError, JournalError


class FolderLock:
    """The right to write into a journal folder, until it is released or this process is gone."""

    def __init__(self, folder: Path) -> None:
        """Take the folder.

        Raises:
            InUseError: another station writes into it.
            JournalError: it cannot be written.
        """
        self._lock = FileLock(folder / ".station.lock", thread_local=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InUseError(
                f"another station uses the journal folder {folder.absolute()}; "
                "stop it, or give this one a home of its own: start it in another folder, or with "
                "another STATION_HOME"
            ) from None
        except OSError as error:
            raise JournalError(f"the journal folder {folder} cannot be written: {error}") from error

    def release(self) -> None:
        """Let others have it; a second call does nothing."""
        self._lock.release()
