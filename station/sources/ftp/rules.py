"""Who may upload what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FtpRules:
    """Who may upload what; see the settings of the kind `ftp`."""

    host: str
    port: int
    passive_ports: tuple[int, int] | None
    user: str
    password: str | None
    """None: anybody, as `anonymous`."""
    max_bytes: int
    max_connections: int
    idle_timeout_s: float
    stall_timeout_s: float
