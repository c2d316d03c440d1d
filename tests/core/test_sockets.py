"""How the station calls the hosts it listens at."""

import pytest

from station.core.sockets import name_of


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - only named
        ("::", "[::1]"),
        ("fe80::1", "[fe80::1]"),
        ("inspector.local", "inspector.local"),
    ],
)
def test_a_host_has_a_name_this_machine_reaches_it_by(host: str, name: str) -> None:
    assert name_of(host) == name
