"""An FTP server inside the station, for cameras that can only upload."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from station.core.errors import AcquisitionError, SettingsError
from station.core.frame import AnyFrame, EncodedFrame
from station.core.plugin import Source
from station.sources.drop_feed import DropFeed, DropRules
from station.sources.ftp.rules import FtpRules

if TYPE_CHECKING:
    from station.sources.ftp.server import FtpServer


class Ftp(Source, kind="ftp"):
    """Every picture uploaded by FTP is a part, once its upload is complete.

    FTP sends passwords and pictures in the clear: keep it in the machine's own network.
    """

    path: Path = Field(
        description="folder the uploads are stored in until they are inspected",
        examples=["incoming"],
    )
    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0: every one")
    port: int = Field(2121, ge=0, le=65535, description="0: a free one")
    passive_ports: tuple[int, int] | None = Field(
        None, description="first and last port of data connections, for firewalls; none: any"
    )
    user: str = Field(
        "", description="name the camera logs in with; needed, and a password, unless anonymous"
    )
    password: str | None = Field(
        None, repr=False, min_length=1, description="the password itself; better use password_env"
    )
    password_env: str | None = Field(
        None, min_length=1, description="environment variable that holds the password"
    )
    anonymous: bool = Field(False, description="anybody may upload, without a password")
    after: Literal["move", "delete"] = Field(
        "delete", description="what becomes of a picture whose result is stored: see `watch`"
    )
    max_bytes: int = Field(100_000_000, gt=0, description="larger uploads are broken off")
    max_waiting: int = Field(
        1000, ge=1, le=20_000, description="so many pictures may wait; more are refused"
    )
    max_connections: int = Field(16, ge=1, le=200, description="cameras connected at a time")
    idle_timeout_s: float = Field(300, gt=0, description="a silent client is disconnected")
    stall_timeout_s: float = Field(30, gt=0, description="an upload without progress is broken off")
    bits: Literal[8, 10, 12, 14, 16] = Field(16, description="what 16-bit pictures really fill")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.anonymous and (self.user or self.password or self.password_env):
            raise ValueError("anonymous = true goes with neither user nor password")
        if not self.anonymous and not self.user:
            raise ValueError("user is missing; anonymous uploads need anonymous = true")
        if not self.anonymous and (self.password is None) == (self.password_env is None):
            raise ValueError("user needs either password or password_env")
        if self.passive_ports and not 0 < self.passive_ports[0] <= self.passive_ports[1] <= 65535:
            raise ValueError("passive_ports must be the first and the last of a range of ports")
        return self

    @property
    def is_live(self) -> bool:
        """An uploaded picture waits for the station."""
        return False

    def open(self) -> "FtpFeed":
        """Lock the folder and begin to listen.

        Raises:
            InUseError: another station takes pictures from the folder.
            AcquisitionError: the folder cannot be used, or the port is taken.
            SettingsError: the environment variable of the password is not set.
        """
        from station.sources.ftp.server import FtpServer
        from station.sources.ftp.uploads import Uploads

        password = self._password()
        drops = DropFeed(self._rules())
        try:
            uploads = Uploads(self.path, drops, max_waiting=self.max_waiting)
            return FtpFeed(drops, FtpServer(self._ftp_rules(password), uploads))
        except BaseException:
            drops.close()
            raise

    def _password(self) -> str | None:
        if self.anonymous:
            return None
        if self.password_env is None:
            return self.password
        password = os.environ.get(self.password_env)
        if not password:
            raise SettingsError(
                f"source 'ftp': the environment variable {self.password_env} is not set; it must "
                f"hold the password of {self.user!r}"
            )
        return password

    def _rules(self) -> DropRules:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AcquisitionError(
                f"folder {self.path} cannot be made: {error.strerror}; correct `path` of the source"
            ) from error
        return DropRules(
            folder=self.path,
            camera_id=self.camera_id,
            after=self.after,
            bits=self.bits,
            settle_s=0.0,
            give_up_s=0.0,
            poll_s=1.0,
            max_bytes=self.max_bytes,
            takes_existing=True,
            is_watched=False,
        )

    def _ftp_rules(self, password: str | None) -> FtpRules:
        return FtpRules(
            host=self.host,
            port=self.port,
            passive_ports=self.passive_ports,
            user=self.user,
            password=password,
            max_bytes=self.max_bytes,
            max_connections=self.max_connections,
            idle_timeout_s=self.idle_timeout_s,
            stall_timeout_s=self.stall_timeout_s,
        )


class FtpFeed:
    """An open FTP server; what it stored is given as by a watched folder."""

    def __init__(self, drops: DropFeed, server: "FtpServer") -> None:
        self._drops, self._server = drops, server

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._server.address

    def grab(self, timeout_s: float) -> EncodedFrame | None:
        """The next picture; see `Feed.grab`. An upload that broke off is a PictureError."""
        return self._drops.grab(timeout_s)

    def answered(self, frame: AnyFrame) -> None:
        """See `KeepingFeed.answered`."""
        self._drops.answered(frame)

    def close(self) -> None:
        """Disconnect everybody, then release the folder."""
        self._server.close()
        self._drops.close()
