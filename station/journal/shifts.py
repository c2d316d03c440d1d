"""When a shift begins: local times of day, over summer time and the other one."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

from station.core.errors import SettingsError

_DAY = timedelta(days=1)


class Shifts:
    """The shifts of a day; remembers the one it was asked for last."""

    def __init__(self, starts: Sequence[str] = ("00:00",), zone: tzinfo | None = None) -> None:
        """Shifts that begin at these local times (06:00); without `zone` the computer's own.

        Raises:
            SettingsError: a start is no time of day.
        """
        self._starts = sorted({_time_of_day(start) for start in starts}) or [time()]
        self._zone = zone
        self._last = (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

    def start_of(self, moment: datetime) -> datetime:
        """When the shift of an aware moment began, in UTC."""
        start, end = self._last
        if not start <= moment < end:
            start, end = self._last = self._around(moment)
        return start

    def _around(self, moment: datetime) -> tuple[datetime, datetime]:
        today = moment.astimezone(self._zone).date()
        starts = sorted(
            self._in_utc(datetime.combine(today + days * _DAY, start))
            for days in (-1, 0, 1)
            for start in self._starts
        )
        before = max(start for start in starts if start <= moment)
        return before, min(start for start in starts if start > moment)

    def _in_utc(self, local: datetime) -> datetime:
        # A naive moment is one of the computer's own zone, with the offset of that day.
        return (local.replace(tzinfo=self._zone) if self._zone else local).astimezone(UTC)


def _time_of_day(start: str) -> time:
    try:
        return datetime.strptime(start, "%H:%M").time()  # noqa: DTZ007 - no day, so no zone
    except ValueError:
        raise SettingsError(f"shifts: {start!r} is no time of day; write it as 06:00") from None
