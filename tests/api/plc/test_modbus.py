"""The Modbus TCP door, asked by an independent client (pymodbus) and by raw bytes."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient

from station.api.plc.visits import Room
from station.core.plc_words import Control, Holding, Input, PlcBit
from station.core.result import Evaluation, ResultState
from tests.api.plc.conftest import WAIT_S, OpenStationWith, until

Connect = Callable[[int], ModbusTcpClient]
ALL = Input.DUP + 1


@pytest.fixture
def modbus() -> Iterator[Connect]:
    """modbus(port): a connected client."""
    clients: list[ModbusTcpClient] = []

    def start(port: int) -> ModbusTcpClient:
        client = ModbusTcpClient("127.0.0.1", port=port, framer=FramerType.SOCKET, timeout=WAIT_S)
        assert client.connect()  # type: ignore[no-untyped-call]
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.close()  # type: ignore[no-untyped-call]


def read(client: ModbusTcpClient) -> list[int]:
    answer = client.read_input_registers(0, count=ALL)
    assert not answer.isError()
    return list(answer.registers)


def seq_of(registers: list[int]) -> int:
    return registers[Input.SEQ] << 16 | registers[Input.SEQ + 1]


def trigger(client: ModbusTcpClient, seq: int, part: int = 0) -> None:
    """Registers first, then the control word; then the trigger bit is taken back."""
    words = [seq >> 16, seq & 0xFFFF, part >> 16, part & 0xFFFF, 5000, 1]
    assert not client.write_registers(Holding.SEQ, words).isError()
    assert not client.write_register(Holding.CONTROL, Control.TRIGGER.mask).isError()
    assert read(client)[Input.BITS] & PlcBit.TRIGGER_ACK.mask
    assert not client.write_register(Holding.CONTROL, 0).isError()
    assert not read(client)[Input.BITS] & PlcBit.TRIGGER_ACK.mask


def test_trigger_read_acknowledge(open_station: OpenStationWith, modbus: Connect) -> None:
    client = modbus(open_station(greys=(90, 170)).modbus)
    trigger(client, 70_001, part=123_456_789)
    until(lambda: read(client)[Input.HELD] == 1)  # results wait in the order they are ready
    trigger(client, 70_002)
    until(lambda: read(client)[Input.HELD] == 2)
    good = read(client)
    assert good[Input.BITS] & PlcBit.RESULTS_VALID.mask
    assert seq_of(good) == 70_001
    assert good[Input.PART] << 16 | good[Input.PART + 1] == 123_456_789
    assert good[Input.PASS : Input.SCORE] == [1, Evaluation.OK, ResultState.COMPLETED, 0]
    words = [Control.RESULTS_ACK.mask, 70_001 >> 16, 70_001 & 0xFFFF]
    assert not client.write_registers(0, words).isError()
    bad = read(client)
    assert bad[Input.BITS] & PlcBit.RESULTS_ACK.mask
    assert (seq_of(bad), bad[Input.HELD], bad[Input.RECIPE]) == (70_002, 1, 1)
    assert bad[Input.PASS : Input.SCORE] == [0, Evaluation.NOT_OK, ResultState.COMPLETED, 101]
    assert bad[Input.SCORE] > 1000


def test_only_the_rising_edge_triggers(open_station: OpenStationWith, modbus: Connect) -> None:
    station = open_station()
    client = modbus(station.modbus)
    for _ in range(3):
        assert not client.write_registers(0, [Control.TRIGGER.mask, 0, 5]).isError()
    until(lambda: read(client)[Input.HELD] == 1)
    assert station.line.counters.look().triggers == 1


def test_recipe_change_and_reset(open_station: OpenStationWith, modbus: Connect) -> None:
    station = open_station()
    client = modbus(station.modbus)
    trigger(client, 1)
    until(lambda: read(client)[Input.HELD] == 1)
    assert not client.write_register(Holding.RECIPE, 2).isError()
    assert not client.write_register(Holding.CONTROL, Control.RECIPE_CHANGE.mask).isError()
    until(lambda: read(client)[Input.RECIPE] == 2)
    assert station.line.prepared.recipe.recipe_id == "other"
    assert not client.write_register(Holding.CONTROL, Control.RESET.mask).isError()
    assert read(client)[Input.HELD] == 0


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda client: client.read_input_registers(0, count=16), 2),
        (lambda client: client.read_input_registers(15, count=1), 2),
        (lambda client: client.read_holding_registers(7, count=1), 2),
        (lambda client: client.write_register(7, 1), 2),
        (lambda client: client.write_registers(6, [1, 2]), 2),
        (lambda client: client.write_register(0, 16), 3),
        (lambda client: client.write_register(0, Control.TRIGGER.mask), 3),
        (lambda client: client.write_registers(0, [Control.RESULTS_ACK.mask, 0, 0]), 3),
        (lambda client: client.write_registers(0, [Control.TRIGGER.mask, 0x8000, 0]), 3),
        (lambda client: client.read_coils(0, count=1), 1),
        (lambda client: client.write_coil(0, True), 1),
    ],
)
def test_what_is_not_allowed_is_an_exception_and_changes_nothing(
    ask: Callable[[ModbusTcpClient], object],
    code: int,
    open_station: OpenStationWith,
    modbus: Connect,
) -> None:
    station = open_station()
    client = modbus(station.modbus)
    answer = ask(client)
    assert answer.isError()  # type: ignore[attr-defined]
    assert answer.exception_code == code  # type: ignore[attr-defined]
    assert client.read_holding_registers(0, count=7).registers == [0] * 7
    assert station.line.counters.look().triggers == 0


def test_several_clients_see_one_station(open_station: OpenStationWith, modbus: Connect) -> None:
    station = open_station(greys=(90,))
    writer = modbus(station.modbus)
    readers = [modbus(station.modbus) for _ in range(4)]
    torn: list[list[int]] = []
    ended = threading.Event()

    def watch(client: ModbusTcpClient) -> None:
        while not ended.is_set():
            registers = read(client)
            if registers[Input.PASS] and registers[Input.EVAL] != Evaluation.OK:
                torn.append(registers)

    threads = [threading.Thread(target=watch, args=(client,)) for client in readers]
    for thread in threads:
        thread.start()
    for seq in range(1, 11):
        trigger(writer, seq)
        until(lambda seq=seq: seq_of(read(writer)) == seq)  # type: ignore[misc]
        words = [Control.RESULTS_ACK.mask, 0, seq]
        assert not writer.write_registers(0, words).isError()
        assert not writer.write_register(0, 0).isError()
    ended.set()
    for thread in threads:
        thread.join()
    assert torn == []
    assert station.line.counters.look().triggers == 10


READ_ALL = struct.pack(">HHHBBHH", 7, 0, 6, 255, 4, 0, ALL)


def test_a_frame_in_pieces_and_two_in_one(open_station: OpenStationWith) -> None:
    station = open_station()
    with socket.create_connection(("127.0.0.1", station.modbus), timeout=WAIT_S) as client:
        for piece in (READ_ALL[:3], READ_ALL[3:9], READ_ALL[9:]):
            client.sendall(piece)
        length = 9 + 2 * ALL
        assert len(client.recv(254)) == length
        client.sendall(READ_ALL + READ_ALL)
        came = b""
        while len(came) < 2 * length:
            came += client.recv(254)
        assert came[:8] == struct.pack(">HHHBB", 7, 0, 3 + 2 * ALL, 255, 4)
        assert came[:length] == came[length:]


@pytest.mark.parametrize(
    "junk",
    [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 300, struct.pack(">HHHB", 1, 0, 255, 1), bytes(40)],
)
def test_what_is_no_modbus_ends_the_connection(junk: bytes, open_station: OpenStationWith) -> None:
    station = open_station()
    with socket.create_connection(("127.0.0.1", station.modbus), timeout=WAIT_S) as client:
        client.sendall(junk)
        assert ended(client)
    with socket.create_connection(("127.0.0.1", station.modbus), timeout=WAIT_S) as client:
        client.sendall(READ_ALL)
        assert client.recv(254)[7] == 4
    assert station.line.counters.look().triggers == 0


def test_half_a_frame_is_not_waited_for(open_station: OpenStationWith) -> None:
    station = open_station(room=lambda: Room(receipt_s=0.2))
    with socket.create_connection(("127.0.0.1", station.modbus), timeout=WAIT_S) as client:
        client.sendall(READ_ALL[:8])
        assert ended(client)


def test_a_pdu_of_the_wrong_length_is_a_wrong_value(open_station: OpenStationWith) -> None:
    station = open_station()
    requests = (
        bytes((4, 0, 0, 0)), bytes((3,)), bytes((6, 0, 1)), bytes((16, 0, 0, 0, 1)),
        bytes((16, 0, 0, 0, 1, 4, 0, 0)), bytes((16, 0, 0, 0, 0, 0)), bytes((4, 0, 0, 0, 0)),
    )  # fmt: skip
    with socket.create_connection(("127.0.0.1", station.modbus), timeout=WAIT_S) as client:
        for request in requests:
            client.sendall(struct.pack(">HHHB", 1, 0, len(request) + 1, 1) + request)
            assert client.recv(254)[7:] == bytes((request[0] | 0x80, 3)), request


def ended(client: socket.socket) -> bool:
    """Whether the station closes the connection without an answer."""
    try:
        return client.recv(254) == b""
    except ConnectionResetError:
        return True
