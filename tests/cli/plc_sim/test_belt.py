"""The virtual belt: when parts come, and what goes wrong with which."""

from itertools import islice, pairwise

import pytest

from station.cli.plc_sim import FAULTS, BeltSettings, When, parse_fault
from station.cli.plc_sim.belt import arrivals
from station.core.errors import SettingsError


def test_parts_come_evenly_and_as_many_as_asked() -> None:
    parts = list(arrivals(BeltSettings(parts=5, rate_per_s=10)))

    assert [part.place for part in parts] == [1, 2, 3, 4, 5]
    assert [part.after_s for part in parts] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_seconds_end_the_belt() -> None:
    assert len(list(arrivals(BeltSettings(parts=None, seconds=0.95, rate_per_s=10)))) == 10


def test_jitter_moves_parts_by_a_share_and_never_before_one_another() -> None:
    belt = BeltSettings(parts=500, rate_per_s=10, jitter=0.9)
    times = [part.after_s for part in arrivals(belt)]

    assert all(after > before for before, after in pairwise(times))
    assert max(abs(at - 0.1 * n) for n, at in enumerate(times)) <= 0.045 + 1e-9


def test_the_same_seed_gives_the_same_faults_at_about_their_rate() -> None:
    faults = {"lose_ack": When(rate=0.2), "restart": When(parts=frozenset({7}))}
    belt = BeltSettings(parts=1000, faults=faults, seed=4)
    first = [part.faults for part in arrivals(belt)]

    assert first == [part.faults for part in arrivals(belt)]
    assert 150 < sum("lose_ack" in found for found in first) < 250
    assert [n for n, found in enumerate(first, 1) if "restart" in found] == [7]


def test_a_burst_comes_at_one_time() -> None:
    belt = BeltSettings(rate_per_s=1, burst_size=3, faults={"burst": When(parts=frozenset({2}))})
    assert [part.after_s for part in islice(arrivals(belt), 5)] == [0, 1, 1, 1, 4]


def test_faults_as_words() -> None:
    assert parse_fault("lose_ack=0.25") == ("lose_ack", When(rate=0.25))
    assert parse_fault("lose-trigger=@3,7") == ("lose_trigger", When(parts=frozenset({3, 7})))


@pytest.mark.parametrize("text", ["lose_ack", "lose_ack=", "lose_ack=@", "lose_ack=2", "x=@1,"])
def test_a_fault_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="fault"):
        parse_fault(text)


def test_settings_that_make_no_belt_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"no fault 'fire'.*lose_ack"):
        BeltSettings(faults={"fire": When(rate=1)})
    for wrong in ({"parts": None}, {"rate_per_s": 0}, {"jitter": 1.0}, {"connections": 0}):
        with pytest.raises(SettingsError):
            BeltSettings(**wrong)
    assert all(text for text in FAULTS.values())
