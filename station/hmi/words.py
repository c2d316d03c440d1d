"""The words on the page: what a verdict, a state or a reason is called, and what to do about it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from station.core.reasons import STATION_TEXTS, StationReason
from station.core.result import Evaluation, Finding, Result, ResultState, worst
from station.hmi.views import Tone

VERDICT_WORDS = {
    Tone.OK: "OK",
    Tone.NOT_OK: "NOT OK",
    Tone.TO_CHECK: "TO CHECK",
    Tone.NOT_INSPECTED: "NOT INSPECTED",
}

RUNNING = "continuous_execution"
READY = frozenset({"ready", "single_execution"})
INSPECTING = READY | {RUNNING}
"""States in which a result can come."""

LEFT_BY_RESET = frozenset({"halted", "error"})

STATES: Mapping[str, tuple[str, Tone]] = {
    "preoperational": ("Starting", Tone.IDLE),
    "halted": ("Halted", Tone.ALARM),
    "error": ("Error", Tone.ALARM),
    "initialized": ("Initialized", Tone.IDLE),
    "ready": ("Stopped", Tone.IDLE),
    "single_execution": ("Stopped", Tone.IDLE),
    RUNNING: ("Running", Tone.OK),
}

_TONES = {
    Evaluation.OK: Tone.OK,
    Evaluation.NOT_OK: Tone.NOT_OK,
    Evaluation.NOT_DECIDABLE: Tone.TO_CHECK,
}


def tone_of(result: Result) -> Tone:
    """How a result looks: OK only where it passed, NOT_INSPECTED where nothing was decided."""
    if result.result_state is not ResultState.COMPLETED:
        return Tone.NOT_INSPECTED
    tone = _TONES.get(result.evaluation, Tone.NOT_INSPECTED)
    return tone if tone is not Tone.OK or result.passed else Tone.NOT_INSPECTED


def reason_of(result: Result) -> str:
    """The reason in words, with a capital; empty for a part that passed."""
    if result.passed:
        return ""
    return sentence(result.reason_in_words or text_of(result.reason_code or "", {}))


def text_of(code: str, known: Mapping[str, str]) -> str:
    """A reason code in words: the station's own, one heard before, else the code made readable."""
    if code in set(StationReason):
        return STATION_TEXTS[StationReason(code)]
    return known.get(code) or code.replace("_", " ").replace("-", " ")


def sentence(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]


def deciding(result: Result) -> Finding | None:
    """The finding that explains the verdict."""
    same = [f for f in result.findings if f.reason_code == result.reason_code]
    return worst(same or result.findings, {})


def by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """What is not OK first: after thirty good positions nobody would see it."""
    order = (Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE, Evaluation.UNDEFINED, Evaluation.OK)
    return sorted(findings, key=lambda finding: order.index(finding.evaluation))


def score_of(result: Result) -> str:
    """The score that decided, with two digits; empty where there is none."""
    finding = deciding(result)
    return "" if finding is None or finding.score is None else f"{finding.score:.2f}"


def score_and_limit(finding: Finding) -> str:
    """The score of a finding beside the limits it was held against."""
    if finding.score is None:
        return ""
    limits = [
        f"{word} {limit:.2f}"
        for word, limit in (
            ("OK up to", finding.accept_limit),
            ("reject from", finding.reject_limit),
        )
        if limit is not None
    ]
    return f"{finding.score:.2f}" + (f" ({', '.join(limits)})" if limits else "")


def part_of(result: Result) -> str:
    """What the part is called: its id, else the number of its picture, else the job."""
    if result.part_id:
        return f"Part {result.part_id}"
    if result.sequence is not None:
        return f"Picture {result.sequence}"
    return f"Job {result.job_id[-6:]}"


def clock_time(stamp: datetime) -> str:
    """A stamp as a time of day at this station."""
    return stamp.astimezone().strftime("%H:%M:%S")


def recent_time(stamp: datetime, now: datetime) -> str:
    """A time of day; with the date in front where it was not today."""
    local, today = stamp.astimezone(), now.astimezone()
    same_day = local.date() == today.date()
    return local.strftime("%H:%M:%S" if same_day else "%d %b %H:%M")


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
