"""Shifts begin at local times, also on the two odd days of the year."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from station.core.errors import SettingsError
from station.journal.shifts import Shifts

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = ("06:00", "14:00", "22:00")


def start(shifts: Shifts, *moment: int) -> str:
    local = datetime(*moment, tzinfo=BERLIN)  # type: ignore[misc,arg-type]
    return shifts.start_of(local.astimezone(UTC)).astimezone(BERLIN).strftime("%d %H:%M")


def test_a_shift_begins_on_the_minute_and_runs_over_midnight() -> None:
    shifts = Shifts(DAILY, BERLIN)
    assert start(shifts, 2026, 7, 10, 6, 0) == "10 06:00"
    assert start(shifts, 2026, 7, 10, 5, 59) == "09 22:00"
    assert start(shifts, 2026, 7, 10, 13, 59) == "10 06:00"
    assert start(shifts, 2026, 7, 10, 14, 0) == "10 14:00"
    assert start(shifts, 2026, 7, 10, 23, 0) == "10 22:00"
    assert start(shifts, 2026, 7, 9, 23, 0) == "09 22:00"


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 29), [7, 8, 8]), ((2026, 10, 25), [9, 8, 8])]
)
def test_the_night_of_the_change_is_an_hour_shorter_or_longer(
    day: tuple[int, int, int], hours: list[int]
) -> None:
    shifts = Shifts(DAILY, BERLIN)
    eve = datetime(*day, 3, tzinfo=BERLIN).astimezone(UTC)
    night = shifts.start_of(eve)
    starts = sorted({shifts.start_of(night + timedelta(minutes=10 * n)) for n in range(24 * 6 + 8)})
    lengths = [(b - a) / timedelta(hours=1) for a, b in pairwise(starts)]
    assert lengths[:3] == hours


def test_every_moment_belongs_to_the_shift_that_began_last() -> None:
    shifts = Shifts(("22:30", "06:15"), BERLIN)
    moment = datetime(2026, 10, 24, tzinfo=UTC)
    for _ in range(300):
        began = shifts.start_of(moment)
        assert began <= moment < began + timedelta(hours=17.25)
        assert shifts.start_of(began) == began
        moment += timedelta(minutes=17)


def test_the_computers_own_zone_is_taken_where_none_is_named() -> None:
    began = Shifts(("06:00",)).start_of(datetime.now(UTC))
    assert began.astimezone().strftime("%H:%M") == "06:00"


def test_no_time_of_day_is_refused() -> None:
    with pytest.raises(SettingsError, match="'25:00' is no time of day; write it as 06:00"):
        Shifts(("25:00",))
