"""The ASCII door, line by line."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from station.api.plc.visits import Room
from station.core.frame import Job
from station.core.plc_words import PlcBit
from tests.api.plc.conftest import WAIT_S, OpenStationWith, until


class Talk:
    """A controller on a plain socket."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._lines = self.socket.makefile("rb")

    def ask(self, line: str, end: str = "\r\n") -> str:
        self.socket.sendall((line + end).encode("latin-1"))
        return self.hear()

    def hear(self) -> str:
        line = self._lines.readline()
        assert line.endswith(b"\r\n") or not line, line
        return line.decode("ascii").removesuffix("\r\n")

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


@pytest.fixture
def talk() -> Iterator[Callable[[int], Talk]]:
    """talk(port): a connected controller."""
    open_ones: list[Talk] = []

    def start(port: int) -> Talk:
        open_ones.append(Talk(port))
        return open_ones[-1]

    yield start
    for one in open_ones:
        one.close()


def test_every_request(open_station: OpenStationWith, talk: Callable[[int], Talk]) -> None:
    station = open_station(greys=(90, 170))
    plc = talk(station.ascii)
    assert re.fullmatch(r"T,1,11,1,0,\d+,\d+", plc.ask("T,A17,11"))
    assert re.fullmatch(r"T,1,12,0,101,1\d\d\d,\d+", plc.ask("T,,12,5000"))
    assert re.fullmatch(r"T,1,11,1,0,\d+,\d+", plc.ask("R,11"))
    assert plc.ask("R,13") == "T,0,13,0,91,0,0"
    bits, _, recipe, held, seq = plc.ask("S").removeprefix("S,").split(",")
    assert int(bits) & PlcBit.RESULTS_VALID.mask
    assert (recipe, held, seq) == ("1", "2", "11")
    assert plc.ask("A,11") == "A,1,11"
    assert plc.ask("A,13") == "A,0,13"
    assert plc.ask("C,2") == "C,1,2"
    assert plc.ask("C,3") == "C,0,3"
    assert station.line.prepared.recipe.recipe_id == "other"
    assert re.fullmatch(r"T,1,2000000001,1,0,\d+,\d+", plc.ask("T,B"))
    assert plc.ask("X") == "X,1"
    assert plc.ask("S").endswith(",0,0")


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_any_end_of_a_line(
    end: str, open_station: OpenStationWith, talk: Callable[[int], Talk]
) -> None:
    plc = talk(open_station().ascii)
    for _ in range(3):
        assert plc.ask("R,9", end) == "T,0,9,0,91,0,0"


@pytest.mark.parametrize(
    "line",
    ["", "T", "T,a b", "T,A,x", "T,A,-1", "T,A,1,2,3", "t,A", "R", "R,0", "C,99999999999", "S,1",
     "Z", "T,\xff,1", "T,A,2147483648", "A,", "X,1", " S", "T,A,1,0", "y" * 128, "y" * 129],
)  # fmt: skip
def test_anything_else_is_an_error_and_triggers_nothing(
    line: str, open_station: OpenStationWith, talk: Callable[[int], Talk]
) -> None:
    station = open_station()
    plc = talk(station.ascii)
    if line:
        assert plc.ask(line) == "E,90"
    assert plc.ask("R,9") == "T,0,9,0,91,0,0"
    assert station.line.counters.look().triggers == 0


def test_requests_sent_at_once_are_answered_in_their_order(
    open_station: OpenStationWith, talk: Callable[[int], Talk]
) -> None:
    plc = talk(open_station(greys=(90,)).ascii)
    plc.socket.sendall(b"".join(b"T,,%d\r\n" % seq for seq in range(1, 11)))
    assert [plc.hear().split(",")[2] for _ in range(10)] == [str(seq) for seq in range(1, 11)]


def test_too_much_at_once_and_a_line_without_end_are_the_end(
    open_station: OpenStationWith, talk: Callable[[int], Talk]
) -> None:
    station = open_station(room=lambda: Room(receipt_s=0.2))
    for sent in (b"S" * 1000, b"S\n" * 1000):
        plc = talk(station.ascii)
        plc.socket.sendall(sent)
        assert plc.hear() == "E,90"
        assert plc.hear() == ""
    plc = talk(station.ascii)
    plc.socket.sendall(b"T,A")
    with suppress(ConnectionResetError):
        assert plc.socket.recv(1) == b""
    assert station.line.counters.look().triggers == 0


def test_a_client_that_goes_away_cancels_nothing(
    open_station: OpenStationWith, talk: Callable[[int], Talk]
) -> None:
    station = open_station(greys=(90,))
    plc = talk(station.ascii)
    plc.socket.sendall(b"T,A,1\r\n")
    until(lambda: station.line.counters.look().triggers == 1)
    plc.close()
    other = talk(station.ascii)
    until(lambda: other.ask("R,1").startswith("T,1,1,1,"))


def test_what_breaks_ends_the_connection_and_no_other(
    open_station: OpenStationWith, talk: Callable[[int], Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_job: Job) -> None:
        raise ZeroDivisionError("a bug")

    station = open_station(greys=(90,))
    with monkeypatch.context() as patch:
        patch.setattr(station.line, "trigger", broken)
        plc = talk(station.ascii)
        plc.socket.sendall(b"T,A,1\r\nT,A,2\r\n")
        assert plc.hear() == ""
    assert talk(station.ascii).ask("T,A,3").startswith("T,1,3,1,")
