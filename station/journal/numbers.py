"""Which triggers of this station have their result: the ledger's numbers, without a gap."""

from collections.abc import Iterable

import sqlalchemy as sa

from station.core.result import Result
from station.journal.tables import NUMBERS, RESULTS

MOST_ABOVE = 100_000
"""So many numbers may be stored above an unanswered one before that is no longer looked for."""

_SAVE = """
UPDATE numbers SET low_water = ?, highest = ?, sequence = ?, sequence_number = ? WHERE id = 1
"""


class Numbers:
    """The numbers stored so far; changed by the writer's thread alone."""

    def __init__(self, connection: sa.Connection) -> None:
        """Look through what was stored since the last number below which all are answered."""
        row = connection.execute(sa.select(NUMBERS)).one()
        self.highest: int = row.highest
        self.sequence: int | None = row.sequence
        self._sequence_number: int = row.sequence_number
        # What is older than this window can no longer be answered, and is not looked for.
        self._low_water: int = max(row.low_water, row.highest - MOST_ABOVE)
        number = RESULTS.c.ledger_number
        above = sa.select(number).where(number > self._low_water)
        self._above: set[int] = set(connection.execute(above).scalars())
        self._forget_answered()
        self.missing = sorted(set(range(self._low_water + 1, self.highest + 1)) - self._above)

    def save(self, connection: sa.Connection, results: Iterable[Result]) -> None:
        """Write down what holds once these results are stored, in the same transaction."""
        results = list(results)
        highest, sequence, sequence_number = self._with(results)
        low_water = self._low_water_with({result.ledger_number for result in results})
        connection.exec_driver_sql(_SAVE, (low_water, highest, sequence, sequence_number))

    def stored(self, results: Iterable[Result]) -> None:
        """These results are on the disk."""
        results = list(results)
        self.highest, self.sequence, self._sequence_number = self._with(results)
        self._above.update(r.ledger_number for r in results if r.ledger_number > self._low_water)
        self._forget_answered()

    def _with(self, results: Iterable[Result]) -> tuple[int, int | None, int]:
        highest, newest = self.highest, (self._sequence_number, self.sequence)
        for result in results:
            highest = max(highest, result.ledger_number)
            # Results are stored in another order than their triggers came in.
            if result.trigger_sequence is not None and result.ledger_number >= newest[0]:
                newest = result.ledger_number, result.trigger_sequence
        return highest, newest[1], newest[0]

    def _low_water_with(self, new: set[int]) -> int:
        low_water = self._low_water
        if len(self._above) > MOST_ABOVE:
            low_water = min(self._above)
        while low_water + 1 in self._above or low_water + 1 in new:
            low_water += 1
        return low_water

    def _forget_answered(self) -> None:
        before, self._low_water = self._low_water, self._low_water_with(set())
        if self._low_water - before > len(self._above):
            self._above = {number for number in self._above if number > self._low_water}
        else:
            self._above.difference_update(range(before + 1, self._low_water + 1))
