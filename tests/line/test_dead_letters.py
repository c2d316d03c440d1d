"""What a sink refused for good is handed over once more when somebody asks, and only then."""

from station.core.errors import DeliveryError, DeliveryRefusedError
from station.journal.dead_letters import dead_letters
from station.line.outlets import Outlet
from tests.journal.conftest import MakeResult, make_result, open_journal, record
from tests.line.test_outlets import QUICK, OpenJournal, results_of, scripted
from tests.sinks.receivers import until

__all__ = ["make_result", "open_journal"]


def test_dead_letters_are_handed_over_once_more_when_asked(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    results = results_of(make_result, 4)
    dead = [result.job_id for result in results[:3]]
    outlet = Outlet(scripted(refuses=frozenset(dead)), journal, QUICK)
    record(journal, *results)
    outlet.notify()
    assert until(lambda: outlet.dead == 3 and outlet.waiting == 0)
    outlet.close()
    journal = open_journal()
    sink = scripted(refuses=frozenset(dead[1:2]))
    outlet = Outlet(sink, journal, QUICK)
    outlet.resend()
    assert until(lambda: outlet.dead == 1)
    assert sink.got == [dead[0], dead[2]]
    assert journal.drain()
    (left,) = dead_letters(journal, "scripted_sink")
    assert (left.job_id, left.error) == (dead[1], f"no, never {dead[1]}")
    assert left.result == results[1]
    outlet.close()


def test_a_receiver_that_is_not_there_gets_its_dead_letters_another_time(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    Outlet(scripted(), journal, QUICK).close()
    record(journal, *results_of(make_result, 2))
    outlet = Outlet(scripted(*[DeliveryRefusedError("no")] * 6), journal, QUICK)
    assert until(lambda: outlet.dead == 2)
    outlet.close()
    sink = scripted(DeliveryError("away"))
    outlet = Outlet(sink, open_journal(), QUICK)
    outlet.resend()
    assert until(lambda: outlet.last_error == "away")
    assert (outlet.dead, sink.got) == (2, [])
    outlet.resend()
    assert until(lambda: outlet.dead == 0)
    assert len(sink.got) == 2
    outlet.close()
