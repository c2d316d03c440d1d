"""Every sink gets every result in order, over failures, restarts and kills; none holds the line."""

import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from station.core.errors import DeliveryError, DeliveryRefusedError, SettingsError
from station.core.frame import AnyFrame
from station.core.plugin import Delivery, Sink, parse
from station.core.result import RESULT_JSON, Result
from station.journal.records import Journal
from station.line.outlets import Outlet, Retry, open_outlets
from station.line.settings import parse_settings
from station.sinks.mqtt import Mqtt
from station.sinks.webhook import Webhook
from tests.journal.conftest import MakeResult, make_result, open_journal, record
from tests.sinks.receivers import mqtt_receiver, until, web_receiver

__all__ = ["make_result", "open_journal"]

QUICK = Retry(first_s=0.01, longest_s=0.05)
OpenJournal = Callable[..., Journal]


class Scripted(Sink, kind="scripted_sink"):
    """Keeps what it gets; before that it raises what the test puts in."""

    model_config = Sink.model_config | {"arbitrary_types_allowed": True}

    errors: list[Exception]
    got: list[str]
    refuses: frozenset[str] = frozenset()

    def open(self) -> Delivery:
        return ScriptedDelivery(self)


class ScriptedDelivery:
    def __init__(self, settings: Scripted) -> None:
        self._settings = settings

    def deliver(self, result: Result, frame: AnyFrame | None) -> None:
        assert frame is None
        if self._settings.errors:
            raise self._settings.errors.pop(0)
        if result.job_id in self._settings.refuses:
            raise DeliveryRefusedError(f"no, never {result.job_id}")
        self._settings.got.append(result.job_id)

    def close(self) -> None:
        pass


def scripted(*errors: Exception, refuses: frozenset[str] = frozenset(), name: str = "") -> Scripted:
    return Scripted.model_construct(errors=list(errors), got=[], refuses=refuses, name=name)


def results_of(make_result: MakeResult, count: int, start: int = 1) -> list[Result]:
    return [make_result(number) for number in range(start, start + count)]


def test_a_new_sink_begins_at_the_end_and_an_old_one_where_it_stopped(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    history, first, second = (results_of(make_result, 5, start) for start in (1, 11, 21))
    record(journal, *history)
    sink = scripted()
    outlet = Outlet(sink, journal, QUICK)
    record(journal, *first)
    outlet.notify()
    assert until(lambda: len(sink.got) == 5)
    outlet.close()
    record(journal, *second)
    journal = open_journal()
    outlet = Outlet(sink, journal, QUICK)
    assert until(lambda: len(sink.got) == 10)
    outlet.close()
    assert sink.got == [result.job_id for result in first + second]
    assert (outlet.delivered, outlet.waiting, outlet.dead, outlet.lost) == (5, 0, 0, 0)


def test_what_fails_is_tried_again_in_order(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    sink = scripted(*[DeliveryError("away"), ConnectionResetError("broken"), TimeoutError()] * 3)
    outlet = Outlet(sink, journal, QUICK)
    results = results_of(make_result, 20)
    record(journal, *results)
    outlet.notify()
    assert until(lambda: len(sink.got) == 20)
    assert sink.got == [result.job_id for result in results]
    assert (outlet.failed, outlet.dead, outlet.last_error) == (9, 0, "")
    outlet.close()


def test_a_refused_result_is_put_aside_and_does_not_block_the_rest(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    results = results_of(make_result, 6)
    poison = frozenset({results[1].job_id, results[4].job_id})
    sink = scripted(refuses=poison)
    outlet = Outlet(sink, journal, QUICK)
    record(journal, *results)
    outlet.notify()
    assert until(lambda: outlet.waiting == 0)
    outlet.close()
    assert sink.got == [result.job_id for result in results if result.job_id not in poison]
    assert (outlet.dead, outlet.failed) == (2, 2 * QUICK.tries_if_refused)
    again = Outlet(scripted(), open_journal(), QUICK)
    assert (again.dead, again.waiting) == (2, 0)
    again.close()


def test_a_sink_that_breaks_on_a_result_refuses_it(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    sink = scripted(*[ZeroDivisionError("a bug")] * QUICK.tries_if_refused)
    outlet = Outlet(sink, journal, QUICK)
    record(journal, *results_of(make_result, 2))
    outlet.notify()
    assert until(lambda: len(sink.got) == 1)
    assert outlet.dead == 1
    outlet.close()


def damaged(
    open_journal: OpenJournal, make_result: MakeResult, change: str
) -> tuple[Journal, list[Result]]:
    """A journal of three results that a sink waits for, the second one's row changed by SQL."""
    journal = open_journal()
    Outlet(scripted(), journal, QUICK).close()
    results = results_of(make_result, 3)
    record(journal, *results)
    journal.close()
    with closing(sqlite3.connect(journal.path)) as database, database:
        database.execute(f"UPDATE results SET {change} WHERE job_id = ?", (results[1].job_id,))  # noqa: S608
    return open_journal(), results


def test_a_record_that_was_damaged_on_the_disk_is_put_aside(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal, results = damaged(open_journal, make_result, "record = x'00'")
    sink = scripted()
    outlet = Outlet(sink, journal, QUICK)
    assert until(lambda: outlet.waiting == 0)
    outlet.close()
    assert sink.got == [results[0].job_id, results[2].job_id]
    assert outlet.dead == 1


def test_a_damaged_letter_of_an_id_holds_no_sink(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    letters = "part_id = CAST(x'ff41' AS TEXT), job_id = CAST(x'c3' AS TEXT)"
    journal, results = damaged(open_journal, make_result, letters)
    sink = scripted()
    outlet = Outlet(sink, journal, QUICK)
    assert until(lambda: outlet.waiting == 0)
    outlet.close()
    assert sink.got == [result.job_id for result in results]
    assert len(journal.latest()) == 3


def test_retention_keeps_what_a_live_sink_waits_for_up_to_a_bound(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    sink = scripted(*[DeliveryError("away")] * 1000)
    outlet = Outlet(sink, journal, Retry(first_s=60))
    record(journal, *results_of(make_result, 20))
    assert until(lambda: outlet.failed == 1)
    assert journal.forget_before(1e12) == 0
    assert (outlet.waiting, outlet.lost) == (20, 0)
    assert journal.forget_before(1e12, most_waiting=5) == 15
    assert (outlet.waiting, outlet.lost) == (5, 15)
    outlet.close()
    again = Outlet(sink, open_journal(), Retry(first_s=60))
    assert (again.waiting, again.lost) == (5, 15)
    again.close()


def test_waits_grow_to_a_limit_and_honour_what_the_receiver_asks_for() -> None:
    retry = Retry(chance=lambda: 1.0)
    assert [retry.wait_s(tries) for tries in (1, 2, 3, 20, 5000)] == [1, 2, 4, 300, 300]
    assert Retry(chance=lambda: 0.0).wait_s(1) == 0.5
    assert retry.wait_s(1, asked_s=17) == 17
    assert retry.wait_s(1, asked_s=1e9) == 3600


def test_two_sinks_of_one_kind_have_names(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    sinks = [scripted(name="a"), scripted(*[DeliveryError("away")] * 100, name="b")]
    outlets = open_outlets(sinks, journal, Retry(first_s=60))
    record(journal, *results_of(make_result, 3))
    for outlet in outlets:
        outlet.notify()
    assert until(lambda: len(sinks[0].got) == 3 and outlets[1].failed == 1)
    assert [(outlet.name, outlet.waiting) for outlet in outlets] == [("a", 0), ("b", 3)]
    for outlet in outlets:
        outlet.close()


def test_two_sinks_of_one_name_are_refused(tmp_path: Path) -> None:
    sink = {"kind": "csv", "path": str(tmp_path / "out.csv")}
    content = {"line": {"recipe": "r"}, "source": {"kind": "upload"}, "sinks": [sink, sink]}
    with pytest.raises(SettingsError, match="two sinks are called 'csv': give each a name"):
        parse_settings(content, "station.toml")
    content["sinks"] = [sink, {**sink, "name": "second"}]
    assert [s.outlet_name for s in parse_settings(content, "").sinks] == ["csv", "second"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "webhook", "url": "ftp://a/b"}, "must be http"),
        ({"kind": "webhook", "url": "http://me:secret@a/b"}, "without a password"),
        ({"kind": "mqtt", "topic": "a/{lot}"}, "may name only camera_id"),
        ({"kind": "mqtt", "topic": "a/#"}, "may name only camera_id"),
    ],
)
def test_settings_that_cannot_work_are_refused(entry: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse(Sink, entry)


def test_a_secret_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"no secret in \$NOT_THERE"):
        Webhook(url="http://a", secret_env="NOT_THERE").open()  # noqa: S106 - a name


def test_webhook_signed_retried_and_refused(
    open_journal: OpenJournal, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = f"whsec_{b64encode(bytes(range(24))).decode()}"
    monkeypatch.setenv("HOOK", secret)
    journal = open_journal()
    with web_receiver() as receiver:
        results = results_of(make_result, 8)
        receiver.refused = {results[3].job_id}
        receiver.answers = [(500, {}), (429, {"retry-after": "0"}), (302, {"location": "/x"})]
        outlet = Outlet(Webhook(**receiver.settings, secret_env="HOOK"), journal, QUICK)  # noqa: S106
        record(journal, *results)
        outlet.notify()
        assert until(lambda: outlet.waiting == 0)
        outlet.close()
        expected = [r.job_id for r in results if r is not results[3]]
        assert receiver.job_ids(7) == expected
        assert (outlet.failed, outlet.dead) == (3 + QUICK.tries_if_refused, 1)
        for headers, body in receiver.requests:
            Verifier(secret).verify(body, headers)
        assert RESULT_JSON.validate_json(receiver.requests[0][1]) == results[0]


def test_a_webhook_that_comes_back_gets_what_it_missed(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    with web_receiver() as receiver:
        port = int(receiver.settings["url"].split(":")[2].split("/")[0])
    journal = open_journal()
    outlet = Outlet(Webhook(url=receiver.settings["url"]), journal, QUICK)
    results = results_of(make_result, 5)
    record(journal, *results)
    outlet.notify()
    assert until(lambda: outlet.failed > 2)
    assert "refused" in outlet.last_error
    with web_receiver(port) as back:
        assert back.job_ids(5) == [result.job_id for result in results]
        outlet.close()


def test_nothing_is_lost_when_the_mqtt_broker_is_killed_and_comes_back(
    open_journal: OpenJournal, make_result: MakeResult, tmp_path: Path
) -> None:
    journal = open_journal()
    with mqtt_receiver(tmp_path) as receiver:
        outlet = Outlet(Mqtt(**receiver.settings, timeout_s=1), journal, QUICK)
        results = results_of(make_result, 40)
        record(journal, *results[:20])
        outlet.notify()
        assert len(receiver.job_ids(20)) == 20
        receiver.broker.kill()
        record(journal, *results[20:])
        outlet.notify()
        assert until(lambda: outlet.failed > 0)
        receiver.broker.start()
        assert until(lambda: outlet.waiting == 0, 25)
        got = receiver.job_ids(40)
        assert list(dict.fromkeys(got)) == [result.job_id for result in results]
        outlet.close()
        assert until(lambda: receiver.states()[-1:] == ["offline"])
        assert "online" in receiver.states()


DELIVERS_FOR_EVER = """
import json, sys, threading
from dataclasses import replace
from pathlib import Path
from station.core.result import RESULT_JSON
from station.journal.records import Journal
from station.line.outlets import Outlet
from station.sinks.csv import Csv
result = RESULT_JSON.validate_json(sys.stdin.buffer.read())
journal = Journal(Path(sys.argv[1]) / "journal.sqlite")
outlet = Outlet(Csv(path=Path(sys.argv[1]) / "out.csv"), journal)
number = journal.last_number()
def recorded(result, error):
    outlet.notify()
    print(result.job_id, error or "", flush=True)
while True:
    number += 1
    journal.record(replace(result, job_id=f"j{number}", ledger_number=number), recorded)
"""


def test_killed_at_any_instant_every_result_is_one_row_of_the_csv_file(
    tmp_path: Path, make_result: MakeResult
) -> None:
    from station.sinks.csv import Csv

    for round_number in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", DELIVERS_FOR_EVER, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert child.stdin
        assert child.stdout
        child.stdin.write(RESULT_JSON.dump_json(make_result()))
        child.stdin.close()
        for _ in range(50 + 61 * round_number):
            child.stdout.readline()
        child.kill()
        child.stdout.close()
        child.wait()
    journal = Journal(tmp_path / "journal.sqlite")
    outlet = Outlet(Csv(path=tmp_path / "out.csv"), journal)
    assert until(lambda: outlet.waiting == 0)
    outlet.close()
    stored = [row.result.job_id for row in journal.since(limit=1_000_000)]
    journal.close()
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows[0].startswith("completed_at,job_id")
    assert [row.split(",")[1] for row in rows[1:]] == stored
    assert len(stored) > 100
