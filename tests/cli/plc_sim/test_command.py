"""`station plc sim` and `station plc status` on the command line."""

import socket

import pytest

from tests.cli.conftest import RunStation
from tests.cli.plc_sim.scripted_door import result, scripted

BAD = {"pass": 0, "eval": 2, "code": 101}


def half_bad(seq: int, _: int) -> list[bytes]:
    return [result(seq) if seq % 2 else result(seq, **BAD)]


def test_a_run_as_one_line_of_json(station: RunStation) -> None:
    with scripted(half_bad) as door:
        ended = station(
            "plc", "sim", "--port", door.port, "--no-ledger", "--json", "--parts", 10,
            "--rate", 100, "--fault", "lose_trigger=@3", "--fault", "double-trigger=@4",
        )  # fmt: skip

    assert ended.code == 0
    assert ended.out.count("\n") == 1
    counts = ended.last
    assert (counts["parts"], counts["passed"], counts["rejected"]) == (10, 4, 6)
    assert (counts["lost"], counts["triggers"], counts["not_ok"]) == (1, 10, 5)
    assert (counts["by_code"], counts["agrees"]) == ({"101": 5}, None)
    assert counts["p99_ms"] >= counts["p50_ms"] > 0


def test_a_run_as_a_table(station: RunStation) -> None:
    with scripted(half_bad) as door:
        ended = station("plc", "sim", "--port", door.port, "--no-ledger", "--parts", 4)

    assert ended.code == 0
    assert "4 parts in" in ended.out
    assert "2 passed the gate" in ended.out
    assert "Not compared with the station's ledger." in ended.out


def test_a_station_without_a_ledger_is_an_error_before_any_part_comes(
    station: RunStation,
) -> None:
    with scripted(half_bad) as door:
        ended = station("plc", "sim", "--port", door.port, "--api", f"http://127.0.0.1:{free()}")

    assert ended.code == 2
    assert "--no-ledger" in ended.err
    assert door.triggers == []


def test_a_station_that_is_not_there_is_said(station: RunStation) -> None:
    port = free()
    assert f"127.0.0.1:{port}" in station("plc", "status", "--port", port).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--door", "opc"), "no door 'opc'"),
        (("--door", "ascii"), "say --port"),
        (("--fault", "fire=1"), "no fault 'fire'"),
        (("--fault", "lose_ack"), "NAME=SHARE"),
        (("--api", "station"), "no address"),
        (("--jitter", "2"), "jitter"),
    ],
)
def test_wrong_options_are_said(station: RunStation, arguments: tuple[str, ...], said: str) -> None:
    ended = station("plc", "sim", *arguments)

    assert ended.code == 2
    assert said in ended.err


def test_the_bits_in_words(station: RunStation) -> None:
    with scripted(half_bad) as door:
        ended = station("plc", "status", "--port", door.port)

    assert ended.code == 0
    rows = {line.split("│")[2].strip(): line.split("│")[3].strip() for line in table(ended.out)}
    assert (rows["trigger_ready"], rows["online"], rows["fault"]) == ("1", "1", "0")


def table(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("│") and line[2] != " "]


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])
