"""What the PLC counted beside what the station counted, to the unit."""

import http.client
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from station.cli.plc_sim.belt import BeltSettings
from station.cli.plc_sim.tally import OUTCOMES, Tally
from station.core.errors import AcquisitionError, SettingsError
from station.core.reasons import GOOD_CLASSES

COUNTED = ("triggers", *OUTCOMES, "in_progress", "duplicates")
TIMEOUT_S = 10.0
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One count, as the PLC and as the station have it."""

    name: str
    plc: int
    station: int
    unknown: int = 0
    """Parts the PLC had no answer for, which may be in this row."""

    @property
    def difference(self) -> int:
        """Station minus PLC; what the PLC could not know is no difference."""
        apart = self.station - self.plc
        return max(0, apart - self.unknown) if apart > 0 else apart

    @property
    def agrees(self) -> bool:
        """Both counted the same."""
        return self.difference == 0


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Both ledgers of one run."""

    rows: tuple[Row, ...]
    false_passes: tuple[str, ...] = ()
    """Parts let through that must not be, in words."""
    adds_up: bool = True
    flaws: tuple[str, ...] = ()
    """Answers no station may give, in words."""

    @property
    def agrees(self) -> bool:
        """To the unit, nothing passed that must not, and no answer was wrong."""
        is_clean = not self.false_passes and not self.flaws
        return self.adds_up and is_clean and all(row.agrees for row in self.rows)


class StationLedger:
    """The station's side, over its native API: totals, and what it recorded of single parts."""

    def __init__(self, api_url: str) -> None:
        """Raises SettingsError: it is no address."""
        parts = urlsplit(api_url)
        if parts.scheme != "http" or not parts.hostname:
            raise SettingsError(f"{api_url!r} is no address of a station; http://127.0.0.1:8470 is")
        self._url = api_url
        self._address = parts.hostname, parts.port or 80

    def totals(self) -> Counter[str]:
        """Every count of the ledger, over all shifts and recipes.

        Raises:
            AcquisitionError: the station does not tell.
        """
        total = self._get("/api/v1/ledger").get("total")
        if not isinstance(total, Mapping):
            raise AcquisitionError(f"the ledger of {self._url} has no total")
        return Counter({name: int(total.get(name, 0)) for name in COUNTED})

    def newest(self) -> int:
        """The number of the newest record; 0 without any."""
        page = self._get("/api/v1/results?limit=1")
        return int(page["next"])

    def results_of(self, part: int) -> list[dict[str, Any]]:
        """What was recorded of a part."""
        found = self._get(f"/api/v1/results?part_id={quote(str(part))}")["results"]
        return list(found)

    def results_since(self, number: int) -> Iterator[dict[str, Any]]:
        """Every record after this one, oldest first."""
        while True:
            page = self._get(f"/api/v1/results?since={number}&limit={PAGE}")
            yield from page["results"]
            if len(page["results"]) < PAGE:
                return
            number = int(page["next"])

    def _get(self, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AcquisitionError(
                f"the station's API at {self._url} does not answer ({error}); say --api URL, or "
                "--no-ledger to compare nothing"
            ) from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise AcquisitionError(f"{self._url}{path} answers {answer.status}: {body[:200]!r}")
        found: dict[str, Any] = json.loads(body)
        return found


def reconcile(
    tally: Tally, before: Mapping[str, int], after: Mapping[str, int], belt: BeltSettings
) -> Reconciled:
    """Compare a run with what the station's ledger grew by; nobody else may have triggered.

    A trigger sent in the moment of a restart may be lost with the connection, and the numbers
    that begin anew show no gap: one a restart the station cannot have seen.
    """
    grown = {name: after.get(name, 0) - before.get(name, 0) for name in COUNTED}
    gaps = tally.lost + tally.refused - tally.unseen
    sent = tally.parts - tally.stale - tally.unseen
    cut_off = max(0, min(tally.restarts, len(tally.unanswered_parts), sent - grown["triggers"]))
    unknown = tally.no_answer + gaps - cut_off
    triggers = Row("triggers", sent - cut_off, grown["triggers"])
    rows = [triggers]
    for names in _told_apart(belt):
        counted = sum(getattr(tally, name) for name in names)
        station = sum(grown[name] for name in names)
        may_be = unknown if "failed" in names else tally.no_answer  # a gap: lost_trigger, failed
        rows.append(
            Row(" + ".join(names), counted, station, max(0, min(may_be, station - counted)))
        )
    answered = sum(row.plc for row in rows[1:]) + unknown
    rows.append(Row("all outcomes", answered, sum(row.station for row in rows[1:])))
    rows.append(Row("in_progress", 0, grown["in_progress"]))
    return Reconciled(tuple(rows), adds_up=tally.adds_up, flaws=tuple(_flaws(tally, belt)))


def _flaws(tally: Tally, belt: BeltSettings) -> Iterator[str]:
    if tally.contradictions:
        yield f"{tally.contradictions} answers contradict themselves, an earlier one, or the part"
    if tally.garbled:
        yield f"{tally.garbled} answers could not be read"
    if tally.stale and belt.names_parts:
        yield f"{tally.stale} parts got the answer of another one"


def report_counts(belt: BeltSettings, tally: Tally) -> bool:
    """Tell the station the PLC's counters, which begin at 0 with a run; whether it took them."""
    if belt.door not in ("http", "http-text"):
        return False
    counts = f"sent={tally.parts}&passed={tally.passed}&rejected={tally.rejected}"
    connection = http.client.HTTPConnection(belt.host, belt.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", f"/plc/v1/counts?{counts}")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def find_unanswered(tally: Tally, ledger: StationLedger) -> None:
    """Count what the station recorded of parts whose answer never reached the PLC."""
    left = []
    for part in tally.unanswered_parts:
        records = ledger.results_of(part)
        if len(records) != 1:
            left.append(part)
            continue
        outcome = _outcome(records[0])
        setattr(tally, outcome, getattr(tally, outcome) + 1)
        tally.answered += 1
        tally.no_answer -= 1
    tally.unanswered_parts = left


def false_passes(
    tally: Tally, records: Iterable[Mapping[str, Any]], *, with_truth: bool
) -> tuple[str, ...]:
    """Parts let through whose record does not say pass, or (where known) whose truth is bad."""
    wanted = {str(part) for part in tally.passed_parts}
    found = []
    for record in records:
        if record["part_id"] not in wanted:
            continue
        wanted.discard(record["part_id"])
        if not record["passed"]:
            found.append(f"part {record['part_id']}: recorded as {record['reason_code']}")
        elif with_truth and record["truth"] not in GOOD_CLASSES:
            found.append(f"part {record['part_id']}: in truth {record['truth'] or 'unknown'}")
    return (*found, *(f"part {part}: the station has no record of it" for part in sorted(wanted)))


def _told_apart(belt: BeltSettings) -> tuple[tuple[str, ...], ...]:
    """The outcomes a door tells apart."""
    if belt.door == "ascii":
        return ("ok",), ("not_ok", "not_decidable"), ("aborted", "failed")
    return tuple((name,) for name in OUTCOMES)


def _outcome(record: Mapping[str, Any]) -> str:
    if record["result_state"] == 3:
        return "aborted"
    names = {1: "ok", 2: "not_ok", 3: "not_decidable"}
    return names.get(record["evaluation"], "failed") if record["result_state"] == 1 else "failed"
