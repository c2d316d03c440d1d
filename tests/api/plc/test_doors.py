"""What the doors bear: many, slow, mute and broken clients, a busy neighbour, and their end."""

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn

from station.api.app import create_app
from station.api.context import Context
from station.api.plc.doors import bind_ports
from station.api.plc.visits import Room
from station.api.server import listen
from station.core.errors import SettingsError
from station.line.settings import ApiSettings, PlcSettings, parse_settings
from tests.api.plc.conftest import WAIT_S, OpenStationWith, Plc, held_back, read_whole, until

Connect = Callable[[int], Plc]


def gone(client: socket.socket) -> bool:
    """Whether the station closes the connection without an answer."""
    try:
        return client.recv(254) == b""
    except ConnectionResetError:
        return True


def bodies(stream: socket.socket, count: int) -> list[dict[str, int]]:
    """The bodies of so many answers, however the segments fell."""
    found: list[dict[str, int]] = []
    came = b""
    while len(found) < count:
        head, mark, rest = came.partition(b"\r\n\r\n")
        size = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) if mark else 1
        if not mark or len(rest) < size:
            piece = stream.recv(4096)
            assert piece, came
            came += piece
            continue
        found.append(json.loads(rest[:size]))
        came = rest[size:]
    return found


def test_pipelined_requests_are_answered_in_their_order(
    open_station: OpenStationWith, connect: Connect
) -> None:
    plc = connect(open_station(greys=(90,)).http)
    request = "POST /plc/v1/trigger?seq={} HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    plc.socket.sendall("".join(request.format(seq) for seq in range(1, 11)).encode())
    answers = bodies(plc.socket, 10)
    assert [(answer["seq"], answer["pass"]) for answer in answers] == [
        (seq, 1) for seq in range(1, 11)
    ]


def test_a_client_that_goes_away_cancels_nothing(
    open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station(greys=(90,))
    plc = connect(station.http)
    plc.socket.sendall(b"POST /plc/v1/trigger?seq=1 HTTP/1.1\r\n\r\n")
    plc.close()
    other = connect(station.http)
    answer = (202, "")
    while answer[0] in (202, 404):
        answer = other.ask("GET", "/plc/v1/result?seq=1")
    assert json.loads(answer[1])["pass"] == 1


def test_every_ending_a_client_may_ask_for(open_station: OpenStationWith, connect: Connect) -> None:
    station = open_station()
    for sent in (
        b"GET /plc/v1/status HTTP/1.0\r\n\r\n",
        b"GET /plc/v1/status HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"POST /plc/v1/trigger?seq=1 HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab",
    ):
        plc = connect(station.http)
        plc.socket.sendall(sent)
        assert read_whole(plc.socket.recv(254))[0] == 200
        assert plc.socket.recv(1) == b""


def test_head_has_no_body_and_is_no_answer(open_station: OpenStationWith, connect: Connect) -> None:
    plc = connect(open_station().http)
    plc.socket.sendall(b"HEAD /plc/v1/status HTTP/1.1\r\nConnection: close\r\n\r\n")
    answer = plc.socket.recv(254)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.endswith(b"\r\n\r\n")
    assert plc.socket.recv(1) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /plc/v1/trig",
        b"POST /plc/v1/trigger?seq=1 HTTP/1.1\r\nX: ",
        b"POST /plc/v1/trigger?seq=1 HTTP/1.1\r\nContent-Length: 900\r\n\r\nhalf",
    ],
)
def test_a_request_that_does_not_end_is_not_waited_for(
    sent: bytes, open_station: OpenStationWith, connect: Connect
) -> None:
    plc = connect(open_station(room=lambda: Room(receipt_s=0.3)).http)
    plc.socket.sendall(sent)
    while plc.socket.recv(254):
        pass


def test_a_trickling_client_is_ended_and_does_not_hold_the_others(
    open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station(room=lambda: Room(3, receipt_s=0.5))
    slow = [connect(station.http) for _ in range(3)]
    for plc in slow:
        plc.socket.sendall(b"GET /plc/v1/status HTTP/1.1\r\nX: ")
    ended = 0
    while ended < len(slow):
        threading.Event().wait(0.02)
        for plc in list(slow):
            try:
                plc.socket.sendall(b"x")
            except OSError:
                slow.remove(plc)
    assert connect(station.http).ask("GET", "/plc/v1/status")[0] == 200


def test_a_new_connection_takes_the_place_of_the_one_idle_longest(
    open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station(room=lambda: Room(3))
    first, second, third = (connect(station.http) for _ in range(3))
    for plc in (second, third, first):
        assert plc.ask("GET", "/plc/v1/status")[0] == 200
    assert connect(station.http).ask("GET", "/plc/v1/status")[0] == 200
    assert gone(second.socket)
    assert first.ask("GET", "/plc/v1/status")[0] == 200
    assert third.ask("GET", "/plc/v1/status")[0] == 200


def test_an_idle_http_connection_is_closed_in_the_end_the_others_stay(
    open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station(room=lambda: Room(idle_s=0.5))
    standing = [connect(station.modbus).socket, connect(station.ascii).socket]
    assert gone(connect(station.http).socket)
    plc = connect(station.http)
    assert plc.ask("GET", "/plc/v1/status")[0] == 200
    assert gone(plc.socket)
    for door in standing:
        door.settimeout(0.2)
        with pytest.raises(TimeoutError):
            door.recv(1)


def test_a_body_that_comes_after_the_answer_cuts_nothing_off(
    open_station: OpenStationWith, connect: Connect
) -> None:
    plc = connect(open_station(room=lambda: Room(receipt_s=0.3)).http)
    plc.socket.sendall(b"POST /plc/v1/reset HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
    assert read_whole(plc.socket.recv(254))[0] == 200
    plc.socket.sendall(b"{}")
    threading.Event().wait(0.6)
    assert plc.ask("GET", "/plc/v1/status")[0] == 200


def test_a_busy_api_cannot_starve_the_plc(open_station: OpenStationWith, connect: Connect) -> None:
    station = open_station(greys=(90,))
    config = parse_settings(
        {"line": {"recipe": "tiny"}, "source": {"kind": "upload"}, "api": {"port": 0}}, "test"
    )
    door = listen(ApiSettings(port=0))
    pool = ThreadPoolExecutor(2)
    app = create_app(Context(line=station.line, shelf=station.shelf, settings=config, pool=pool))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    url, ended = f"http://127.0.0.1:{door.getsockname()[1]}/api/v1/station", threading.Event()

    def hammer() -> None:
        with httpx.Client(trust_env=False, timeout=WAIT_S) as client:
            while not ended.is_set():
                client.get(url)

    busy = [threading.Thread(target=hammer) for _ in range(4)]
    for one in busy:
        one.start()
    try:
        plc = connect(station.http)
        for seq in range(1, 101):
            status, body = plc.ask("POST", f"/plc/v1/trigger?seq={seq}&deadline_ms=5000")
            assert (status, json.loads(body)["pass"]) == (200, 1)
    finally:
        ended.set()
        for one in busy:
            one.join()
        server.should_exit = True
        thread.join()
        pool.shutdown()


def test_closing_answers_what_is_under_way(open_station: OpenStationWith, connect: Connect) -> None:
    station = open_station(greys=(90,))
    plc, idle = connect(station.http), connect(station.http)
    plc.socket.sendall(b"POST /plc/v1/trigger?seq=1 HTTP/1.1\r\n\r\n")
    while not station.line.counters.look().triggers:
        threading.Event().wait(0.01)
    station.doors.close()
    assert json.loads(read_whole(plc.socket.recv(254))[1])["pass"] == 1
    assert gone(idle.socket)
    with pytest.raises(OSError, match=r".*"):
        socket.create_connection(("127.0.0.1", station.http), timeout=1)


def test_a_port_in_use_frees_the_others() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"port {taken} .*plc\.ascii_port"):
            bind_ports(PlcSettings(port=0, modbus_port=0, ascii_port=taken))


def test_doors_that_are_off_bind_nothing() -> None:
    assert bind_ports(PlcSettings(enabled=False, modbus_port=0)).bound == []
    ports = bind_ports(PlcSettings(port=0))
    assert (ports.modbus, ports.ascii) == (None, None)
    ports.close()


def test_the_heartbeat_stops_when_the_inspection_loop_is_dead(
    open_station: OpenStationWith, connect: Connect
) -> None:
    gate = threading.Event()
    station = open_station(prepare=lambda prepared: held_back(prepared, gate), workers=1)
    plc = connect(station.http)

    def beat() -> int:
        return int(json.loads(plc.ask("GET", "/plc/v1/status")[1])["beat"])

    first = beat()
    until(lambda: beat() != first)
    plc.ask("POST", "/plc/v1/trigger?seq=1&wait=0")
    until(lambda: not moves(beat))
    gate.set()
    until(lambda: moves(beat))


def moves(beat: Callable[[], int]) -> bool:
    """Whether it changes within a second."""
    first, end_s = beat(), time.monotonic() + 1
    while time.monotonic() < end_s:
        threading.Event().wait(0.05)
        if beat() != first:
            return True
    return False
