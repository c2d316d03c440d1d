"""One station a device: a lock by name, for all stations of this machine."""

import hashlib
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from station.core.errors import AcquisitionError, InUseError

FOLDER = "inspection-station"


class Held:
    """The right to use one thing until it is released, or until this process is gone."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def release(self) -> None:
        """Let others have it; a second call does nothing. Any thread may call."""
        self._lock.release()


def exclusive(what: str) -> Held:
    """Take `what` ("camera rtsp://10.0.0.5/1", a folder's path) for this station alone.

    The system lets go of it when the process ends, however it ends.

    Raises:
        InUseError: another station, or another source of this one, is using it.
        AcquisitionError: the lock file cannot be written.
    """
    path = Path(tempfile.gettempdir()) / FOLDER / f"{_short(what)}.lock"
    lock = FileLock(path, thread_local=False, mode=0o666)
    try:
        _shared(path.parent)
        lock.acquire(timeout=0)
    except Timeout:
        raise InUseError(f"{what} is used by another station; stop that one first") from None
    except OSError as error:
        raise AcquisitionError(
            f"{what} cannot be locked: {error}; make {path} writable for this user"
        ) from error
    return Held(lock)


def _shared(folder: Path) -> None:
    """Make the folder, for every user of the machine."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)


def _short(what: str) -> str:
    return hashlib.sha256(what.encode()).hexdigest()[:24]
