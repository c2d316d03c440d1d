"""The HTTP door as a PLC meets it: raw sockets, one `recv`, 254 bytes."""

import itertools
import json
import threading
from collections.abc import Callable

import pytest

from station.core.frame import Job
from tests.api.plc.conftest import OpenStationWith, Plc, held_back, read_whole, until

Connect = Callable[[int], Plc]


def test_a_good_and_a_bad_part(open_station: OpenStationWith, connect: Connect) -> None:
    plc = connect(open_station(greys=(90, 170)).http)
    status, good = plc.ask("POST", "/plc/v1/trigger?seq=1&part=4711")
    fields = json.loads(good)
    assert status == 200
    assert list(fields) == ["seq", "part", "pass", "eval", "state", "code", "score", "ms", "dup"]
    assert (fields["seq"], fields["part"], fields["pass"], fields["eval"]) == (1, 4711, 1, 1)
    assert (fields["state"], fields["code"], fields["dup"]) == (1, 0, 0)
    status, bad = plc.ask("POST", "/plc/v1/trigger?seq=2&part=A17&wait=1&deadline_ms=5000")
    fields = json.loads(bad)
    assert status == 200
    assert (fields["seq"], fields["part"], fields["pass"], fields["eval"]) == (2, 0, 0, 2)
    assert fields["code"] == 101
    assert fields["score"] > 1000


def test_the_fixed_width_twin(open_station: OpenStationWith, connect: Connect) -> None:
    plc = connect(open_station().http)
    status, line = plc.ask("POST", "/plc/v1/trigger?seq=7", "Accept: text/plain")
    assert status == 200
    assert len(line) == 49
    assert line.startswith("R,0000000007,0000000000,1,1,1,00000,")
    status, line = plc.ask("GET", "/plc/v1/status", "Accept: text/plain")
    assert status == 200
    assert len(line) == len("S,00129,1,0,0,1,0,0,04711,00001,0,0000000012")
    assert line.endswith(",00001,1,0000000007")


def test_300_answers_come_in_one_piece_each(
    open_station: OpenStationWith, connect: Connect
) -> None:
    plc = connect(open_station(greys=(90,)).http)
    for seq in range(1, 301):
        if seq % 3:
            status, body = plc.ask("GET", "/plc/v1/status")
            assert (status, json.loads(body)["online"]) == (200, 1)
        else:
            status, body = plc.ask("POST", f"/plc/v1/trigger?seq={seq // 3}")
            assert (status, json.loads(body)["seq"]) == (200, seq // 3)


def test_wait_0_then_result_then_acknowledge(
    open_station: OpenStationWith, connect: Connect
) -> None:
    plc = connect(open_station().http)
    status, body = plc.ask("POST", "/plc/v1/trigger?seq=5&wait=0")
    assert (status, json.loads(body)["state"], json.loads(body)["pass"]) == (202, 2, 0)
    until(lambda: plc.ask("GET", "/plc/v1/result?seq=5")[0] == 200)
    fields = json.loads(plc.ask("GET", "/plc/v1/status")[1])
    assert (fields["valid"], fields["held"], fields["seq"]) == (1, 1, 5)
    status, body = plc.ask("POST", "/plc/v1/ack?seq=5")
    fields = json.loads(body)
    assert (status, fields["valid"], fields["held"], fields["seq"]) == (200, 0, 0, 0)
    assert plc.ask("GET", "/plc/v1/result?seq=5")[0] == 200


def test_a_trigger_that_many_others_overtook_is_lost_and_costs_no_other(
    open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station(greys=(90,), reject_window=100)
    plc = connect(station.http)

    def ask(seq: int) -> tuple[int, int]:
        fields = json.loads(plc.ask("POST", f"/plc/v1/trigger?seq={seq}&part={1000 + seq}")[1])
        return fields["pass"], fields["code"]

    assert {ask(seq) for seq in range(20, 31)} == {(1, 0)}
    assert {ask(seq) for seq in range(32, 60)} == {(1, 0)}
    assert ask(31) == (0, 19)
    assert json.loads(plc.ask("GET", "/plc/v1/result?seq=59")[1])["pass"] == 1
    assert ask(60) == (1, 0)
    counts = station.line.counters.look()
    assert (counts.triggers, counts.ok, counts.failed) == (41, 40, 1)


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("POST", "/plc/v1/trigger?seq=x", 400, 90),
        ("POST", "/plc/v1/trigger?seq=-1", 400, 90),
        ("POST", "/plc/v1/trigger?seq=2147483648", 400, 90),
        ("POST", "/plc/v1/trigger?part=a%20b", 400, 90),
        ("POST", "/plc/v1/trigger?deadline_ms=0", 400, 90),
        ("POST", "/plc/v1/trigger?seqq=1", 400, 90),
        ("POST", "/plc/v1/trigger?seq=1&seq=1", 400, 90),
        ("POST", "/plc/v1/trigger?seq=1&", 400, 90),
        ("GET", "/plc/v1/result", 400, 90),
        ("GET", "/plc/v1/result?seq=0", 400, 90),
        ("GET", "/plc/v1/result?seq=9", 404, 91),
        ("POST", "/plc/v1/ack?seq=9", 404, 91),
        ("POST", "/plc/v1/recipe?number=9", 404, 91),
        ("POST", "/plc/v1/recipe?number=3", 503, 92),
        ("POST", "/plc/v1/counts?sent=1", 400, 90),
        ("GET", "/plc/v1/trigger?seq=1", 404, 91),
        ("DELETE", "/plc/v1/result?seq=1", 404, 91),
        ("GET", "/", 404, 91),
        ("GET", "/plc/v1/status?x=" + "y" * 500, 400, 90),
    ],
)
def test_what_is_wrong_gets_the_same_flat_body(
    method: str,
    target: str,
    status: int,
    code: int,
    open_station: OpenStationWith,
    connect: Connect,
) -> None:
    plc = connect(open_station().http)
    got, body = plc.ask(method, target)
    assert got == status
    assert list(json.loads(body))[:3] == ["seq", "part", "pass"]
    assert (json.loads(body)["pass"], json.loads(body)["code"]) == (0, code)


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\xff\x00\xff\r\n\r\n",
        b"GET /plc/v1/status HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"POST /plc/v1/trigger?seq=1 HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"a" * 20_000,
    ],
)
def test_what_is_no_http_is_400_and_the_end(
    junk: bytes, open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station()
    plc = connect(station.http)
    plc.socket.sendall(junk)
    status, body = read_whole(plc.socket.recv(254))
    assert (status, json.loads(body)["pass"], json.loads(body)["code"]) == (400, 0, 90)
    assert plc.socket.recv(1) == b""
    assert connect(station.http).ask("GET", "/plc/v1/status")[0] == 200
    assert station.line.counters.look().triggers == 0


def test_a_retry_gets_the_same_answer_and_no_second_inspection(
    open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station(greys=(90, 170))
    plc = connect(station.http)
    first = json.loads(plc.ask("POST", "/plc/v1/trigger?seq=3&part=A")[1])
    again = json.loads(plc.ask("POST", "/plc/v1/trigger?seq=3&part=A")[1])
    assert (first["pass"], first["dup"]) == (1, 0)
    assert again == {**first, "dup": 1}
    assert station.line.counters.look().triggers == 1


def test_one_id_for_all_parts_passes_only_the_first(
    open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station(greys=(90, 170, 170))
    plc = connect(station.http)
    assert json.loads(plc.ask("POST", "/plc/v1/trigger?seq=1&part=TYPE7")[1])["pass"] == 1
    for query in ("seq=2&part=TYPE7", "part=TYPE7"):
        other = json.loads(plc.ask("POST", f"/plc/v1/trigger?{query}")[1])
        assert (other["pass"], other["dup"], other["code"]) == (0, 1, 93)


def test_part_0_is_no_id(open_station: OpenStationWith, connect: Connect) -> None:
    plc = connect(open_station(greys=(90, 170)).http)
    assert json.loads(plc.ask("POST", "/plc/v1/trigger?seq=1&part=0")[1])["pass"] == 1
    other = json.loads(plc.ask("POST", "/plc/v1/trigger?seq=2&part=0")[1])
    assert (other["pass"], other["dup"], other["code"]) == (0, 0, 101)


def test_the_same_number_for_another_part_is_inspected(
    open_station: OpenStationWith, connect: Connect
) -> None:
    plc = connect(open_station(greys=(90, 170)).http)
    assert json.loads(plc.ask("POST", "/plc/v1/trigger?seq=3&part=A")[1])["pass"] == 1
    other = json.loads(plc.ask("POST", "/plc/v1/trigger?seq=3&part=B")[1])
    assert (other["pass"], other["dup"], other["code"]) == (0, 0, 101)


def test_a_gap_gives_each_missing_number_its_result(
    open_station: OpenStationWith, connect: Connect
) -> None:
    station = open_station(greys=(90,))
    plc = connect(station.http)
    assert plc.ask("POST", "/plc/v1/trigger?seq=1")[0] == 200
    assert plc.ask("POST", "/plc/v1/trigger?seq=4")[0] == 200
    until(lambda: plc.ask("GET", "/plc/v1/result?seq=3")[0] == 503)
    for seq in (2, 3):
        fields = json.loads(plc.ask("GET", f"/plc/v1/result?seq={seq}")[1])
        assert (fields["seq"], fields["pass"], fields["code"]) == (seq, 0, 19)
    assert station.line.counters.look().triggers == 4
    assert json.loads(plc.ask("GET", "/plc/v1/status")[1])["bits"] & 1 << 5


def test_late_is_told_at_the_deadline(open_station: OpenStationWith, connect: Connect) -> None:
    gate = threading.Event()
    plc = connect(open_station(prepare=lambda prepared: held_back(prepared, gate)).http)
    status, body = plc.ask("POST", "/plc/v1/trigger?seq=1&deadline_ms=100")
    fields = json.loads(body)
    gate.set()
    assert (status, fields["seq"], fields["pass"], fields["code"]) == (504, 1, 0, 2)
    assert 75 <= fields["ms"] < 1000  # the record's time before it is due, on a busy machine after


def test_busy_is_409_at_once(open_station: OpenStationWith, connect: Connect) -> None:
    gate = threading.Event()
    station = open_station(
        prepare=lambda prepared: held_back(prepared, gate), queue_size=1, workers=1
    )
    plc, numbers = connect(station.http), itertools.count(1)

    def is_full() -> bool:
        """Another part, where there is room."""
        if not json.loads(plc.ask("GET", "/plc/v1/status")[1])["ready"]:
            return True
        plc.ask("POST", f"/plc/v1/trigger?seq={next(numbers)}&wait=0")
        return False

    def ask_next() -> tuple[int, str]:
        return plc.ask("POST", f"/plc/v1/trigger?seq={next(numbers)}&deadline_ms=200")

    until(is_full)
    until(lambda: ask_next()[0] == 409)
    status, body = ask_next()
    later = plc.ask("GET", f"/plc/v1/result?seq={json.loads(body)['seq']}")
    now = json.loads(plc.ask("GET", "/plc/v1/status")[1])
    gate.set()
    assert (status, json.loads(body)["code"], json.loads(body)["pass"]) == (409, 1, 0)
    assert (now["ready"], now["busy"]) == (0, 1)
    assert now["bits"] & 1 << 5
    assert later == (status, body)


def test_what_the_plc_counted_is_kept(open_station: OpenStationWith, connect: Connect) -> None:
    station = open_station()
    plc = connect(station.http)
    status, body = plc.ask("POST", "/plc/v1/counts?sent=100&passed=97&rejected=3")
    assert (status, json.loads(body)["online"]) == (200, 1)
    assert station.line.journal.drain()
    (kept,) = station.line.journal.plc_counts()
    assert (kept.sent, kept.passed, kept.rejected) == (100, 97, 3)


def test_changing_over_by_number(open_station: OpenStationWith, connect: Connect) -> None:
    station = open_station(greys=(90,))
    plc = connect(station.http)
    for seq, (number, recipe_id) in enumerate(((2, "other"), (1, "tiny"), (2, "other")), 1):
        status, body = plc.ask("POST", f"/plc/v1/recipe?number={number}")
        assert (status, json.loads(body)["recipe"]) == (200, number)
        assert plc.ask("POST", f"/plc/v1/trigger?seq={seq}")[0] == 200
        assert station.line.journal.latest(limit=1)[0].result.recipe_id == recipe_id
    assert plc.ask("POST", "/plc/v1/recipe?number=3")[0] == 503
    assert json.loads(plc.ask("GET", "/plc/v1/status")[1])["recipe"] == 2


def test_reset_forgets_the_buffer_and_every_number(
    open_station: OpenStationWith, connect: Connect
) -> None:
    plc = connect(open_station(greys=(90,)).http)
    assert plc.ask("POST", "/plc/v1/trigger?seq=4")[0] == 200
    status, body = plc.ask("POST", "/plc/v1/reset")
    assert (status, json.loads(body)["held"]) == (200, 0)
    assert plc.ask("GET", "/plc/v1/result?seq=4")[0] == 404
    first = json.loads(plc.ask("POST", "/plc/v1/trigger?seq=4")[1])
    assert (first["pass"], first["dup"]) == (1, 0)


def test_what_breaks_is_answered_with_the_flat_body(
    open_station: OpenStationWith, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_job: Job) -> None:
        raise ZeroDivisionError("a bug")

    station = open_station(greys=(90,))
    plc = connect(station.http)
    with monkeypatch.context() as patch:
        patch.setattr(station.line, "trigger", broken)
        status, body = plc.ask("POST", "/plc/v1/trigger?seq=1")
    assert (status, json.loads(body)["pass"], json.loads(body)["code"]) == (503, 0, 25)
    assert json.loads(plc.ask("POST", "/plc/v1/trigger?seq=2")[1])["pass"] == 1
