"""The FTP protocol (pyftpdlib), cut down to uploads by one user, in a thread of its own."""

import errno
import hmac
import logging
import os
import threading
import warnings
from pathlib import Path
from typing import Any, ClassVar

from station.core.errors import AcquisitionError
from station.sources.ftp.rules import FtpRules
from station.sources.ftp.uploads import Uploads, counts

with warnings.catch_warnings():  # it stands on asyncore, which says that Python 3.12 lacks it
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.exceptions import AuthenticationFailed
    from pyftpdlib.filesystems import AbstractedFS
    from pyftpdlib.handlers import DTPHandler, FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

PERMISSIONS = "elfmw"
"""Change folder, list, rename, make a folder, store; nothing is read, deleted or appended to."""
MOST_UNRENAMED = 100
"""So many uploads under temporary names a client may have."""
TURN_S = 0.2
_LOG = logging.getLogger("pyftpdlib")


class FtpServer:
    """A listening server."""

    def __init__(self, rules: FtpRules, uploads: Uploads) -> None:
        """Listen.

        Raises:
            AcquisitionError: the address cannot be had.
        """
        _LOG.addHandler(logging.NullHandler())  # else pyftpdlib writes to stderr by itself
        _LOG.setLevel(logging.WARNING)
        self._uploads = uploads
        try:
            self._server = _Server((rules.host, rules.port), _session(rules, uploads), IOLoop())
        except (OSError, OverflowError) as error:
            raise AcquisitionError(
                f"the FTP server cannot listen on {rules.host}:{rules.port}: {error}; is another "
                "program using the port?"
            ) from error
        self._server.most = rules.max_connections
        self.address: tuple[str, int] = self._server.address
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="ftp", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Disconnect everybody and stop listening."""
        self._is_closing.set()
        self._thread.join(10)

    def _serve(self) -> None:
        try:
            while not self._is_closing.is_set():
                self._server.serve_forever(timeout=TURN_S, blocking=False, handle_exit=False)
        finally:
            self._server.close_all()
            self._uploads.end(f"the FTP server on {self.address[0]}:{self.address[1]} has ended")


class _Server(FTPServer):  # type: ignore[misc]
    most = 1

    def _accept_new_cons(self) -> bool:
        return len(self.ip_map) <= self.most


class Session(FTPHandler):  # type: ignore[misc]
    """One client."""

    uploads: ClassVar[Uploads]
    banner = "Inspection station ready."

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._open: set[Path] = set()
        self._unrenamed: set[Path] = set()
        self._faults: dict[Path, str] = {}

    def remember(self, name: str, fault: str) -> None:
        """Why an upload came to nothing, for the report."""
        self._faults[Path(name)] = fault

    def ftp_STOR(self, file: str, mode: str = "w") -> str | None:  # noqa: N802
        """Begin an upload."""
        path = Path(file)
        self._give_up_begun()
        why = self._refusal(path)
        if why:
            self.uploads.refused(path, why)
            self.respond(f"550 The upload {why}.")
            return None
        begun: str | None = super().ftp_STOR(file, mode)
        if begun is None:
            self.uploads.refused(path, f"cannot be stored: {self._last_response[4:]}")
        else:
            self._open.add(path)
            self.uploads.begin(path)
        return begun

    def ftp_RNTO(self, path: str) -> tuple[str, str] | None:  # noqa: N802
        """Rename; into the name of a picture, it is taken."""
        if os.path.lexists(path):
            self._rnfr = None
            self.respond("550 There is a file of this name.")
            return None
        renamed: tuple[str, str] | None = super().ftp_RNTO(path)
        if renamed is not None and Path(renamed[1]).is_file():
            self._unrenamed.discard(Path(renamed[0]))
            self._complete(Path(renamed[1]))
        return renamed

    def ftp_REST(self, line: str) -> None:  # noqa: N802, ARG002
        """Nothing is resumed: what broke off is gone."""
        self.respond("502 Resuming is not supported; upload the picture again.")

    def ftp_STOU(self, line: str) -> None:  # noqa: N802, ARG002
        """A picture has a name."""
        self.respond("502 Upload under a name of your own.")

    def on_file_received(self, file: str) -> None:
        """An upload is complete."""
        self._open.discard(Path(file))
        self._complete(Path(file))

    def on_incomplete_file_received(self, file: str) -> None:
        """An upload was broken off."""
        self._open.discard(Path(file))
        self.uploads.broken(Path(file), self._faults.pop(Path(file), "was broken off"))

    def on_disconnect(self) -> None:
        """The client has gone; what it left unfinished has failed."""
        self._give_up_begun()
        for path in self._unrenamed:
            self.uploads.broken(path, "was never renamed into its final name")
        self._unrenamed = set()

    def _on_dtp_close(self) -> None:
        """A data connection that was dead on arrival takes the upload that waited for it along."""
        super()._on_dtp_close()
        waits = getattr(self, "_in_dtp_queue", None)
        if waits is not None:
            waits[0].close()
            self._in_dtp_queue: Any = None
            self.respond("426 The data connection was lost.")
            self._give_up_begun()

    def _give_up_begun(self) -> None:
        for path in self._open:
            self.uploads.broken(path, "was broken off before it began")
        self._open = set()

    def _complete(self, path: Path) -> None:
        if not self.uploads.complete(path):
            self._unrenamed.add(path)

    def _refusal(self, path: Path) -> str:
        if counts(path) and self._current_type == "a":
            return "came in ASCII mode, which damages pictures; set the camera to binary (TYPE I)"
        if len(self._unrenamed) >= MOST_UNRENAMED:
            return f"found {MOST_UNRENAMED} others that were not renamed"
        return self.uploads.refusal(path)


class _Transfer(DTPHandler):  # type: ignore[misc]
    """A data connection. FTP knows no length: an end is one only if the picture is whole."""

    transfer_finished: bool

    def close(self) -> None:
        if not self._closed and self.receive and self.file_obj:
            fault = self.file_obj.fault or (self.transfer_finished and self._fault())
            if fault:
                self.transfer_finished = False
                self._resp = (f"426 The upload {fault}.", _LOG.warning)
                self.cmd_channel.remember(self.file_obj.name, fault)
        super().close()

    def _fault(self) -> str:
        try:
            self.file_obj.keep()
        except OSError as error:
            return f"cannot be stored: {error.strerror}"
        return str(self.cmd_channel.uploads.fault(Path(self.file_obj.name)))


class _Capped:
    """A file that takes so many bytes and no more."""

    def __init__(self, name: str, mode: str, max_bytes: int) -> None:
        self._file = open(name, mode)  # noqa: SIM115, PTH123 - closed by the transfer
        self.name, self.fault = name, ""
        self._left, self._max_bytes = max_bytes, max_bytes

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            self.fault = f"has more than max_bytes = {self._max_bytes:,} bytes"
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        try:
            return self._file.write(data)
        except OSError as error:
            self.fault = f"cannot be stored: {error.strerror}"
            raise

    def keep(self) -> None:
        """On the disk before the client hears that it is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        self._file.close()


class _OneUser:
    """Lets one user in, or anybody as `anonymous`."""

    def __init__(self, user: str, password: str | None, home: Path) -> None:
        self._user, self._password, self._home = user, password, home

    def validate_authentication(self, user: str, password: str, handler: object) -> None:  # noqa: ARG002
        if self._password is None:
            fits = user in {"anonymous", "ftp"}
        else:
            same = hmac.compare_digest(password.encode(), self._password.encode())
            fits = hmac.compare_digest(user.encode(), self._user.encode()) and same
        if not fits:
            raise AuthenticationFailed("Authentication failed.")

    def get_home_dir(self, user: str) -> str:  # noqa: ARG002
        return str(self._home)

    def has_perm(self, user: str, permission: str, path: str | None = None) -> bool:  # noqa: ARG002
        return permission in PERMISSIONS

    def get_perms(self, user: str) -> str:  # noqa: ARG002
        return PERMISSIONS

    def get_msg_login(self, user: str) -> str:  # noqa: ARG002
        return "Upload pictures in binary mode."

    def get_msg_quit(self, user: str) -> str:  # noqa: ARG002
        return "Goodbye."

    def impersonate_user(self, user: str, password: str) -> None:
        """All files are the station's."""

    def terminate_impersonation(self, user: str) -> None:
        """All files are the station's."""


def _session(rules: FtpRules, uploads: Uploads) -> type[Session]:
    """What a client meets: pyftpdlib wants a class whose attributes are the settings."""

    class Files(AbstractedFS):  # type: ignore[misc]
        def open(self, filename: str, mode: str) -> _Capped:
            return _Capped(filename, mode, rules.max_bytes)

    first, last = rules.passive_ports or (0, 0)
    ports = list(range(first, last + 1)) if rules.passive_ports else None
    transfer = type("Transfer", (_Transfer,), {"timeout": rules.stall_timeout_s})
    home = uploads.incoming.resolve()
    return type(
        "StationSession",
        (Session,),
        {
            "uploads": uploads,
            "authorizer": _OneUser(rules.user, rules.password, home),
            "abstracted_fs": Files,
            "dtp_handler": transfer,
            "passive_ports": ports,
            "timeout": rules.idle_timeout_s,
        },
    )
