"""Ports of the station."""

import socket
import sys

from station.core.errors import SettingsError

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - named, not bound
"""Hosts that mean every address of this machine -> the one it reaches itself by."""


def name_of(host: str) -> str:
    """How this machine itself calls a host it listens at, as it stands in an address."""
    name = ANYWHERE.get(host, host)
    return f"[{name}]" if ":" in name else name


def bind(host: str, port: int, setting: str) -> socket.socket:
    """Bind a port; 0: any free one.

    Raises:
        SettingsError: somebody else has it; names the setting to change.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers share the port
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise SettingsError(
            f"port {port} of {host} cannot be used ({error.strerror}); end the other program "
            f"or set {setting} in station.toml"
        ) from error
    return door
