"""The field that is read from five metres: a verdict, or in plain words why there is none."""

from dataclasses import dataclass

from station.core.result import Result
from station.hmi import words
from station.hmi.answers import Status
from station.hmi.views import Tone, VerdictView


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A result and when it came in, on the monotonic clock."""

    result: Result
    at_s: float


def verdict_of(
    status: Status | None,
    newest: Heard | None,
    present: Heard | None,
    now_s: float,
    *,
    is_lost: bool,
) -> VerdictView:
    """The verdict of the present part; where there is none, the state of the station."""
    if status is None or is_lost:
        return VerdictView(
            tone=Tone.ALARM, word="NO CONNECTION", text="The station does not answer"
        )
    if present:
        return _present(present.result)
    return _absent(status, _before(newest, now_s))


def _present(result: Result) -> VerdictView:
    tone = words.tone_of(result)
    score = words.score_of(result)
    facts = (words.part_of(result), f"score {score}" if score else "")
    return VerdictView(
        tone=tone,
        word=words.VERDICT_WORDS[tone],
        text=words.reason_of(result) or "No defect found",
        facts=" · ".join(filter(None, facts)),
    )


def _absent(status: Status, before: str) -> VerdictView:
    """Why there is no verdict, and what to do."""
    state, error = status.state, words.sentence(status.state_text)
    if state == words.RUNNING:
        word, text = (
            ("NO NEW PART", before) if before else ("WAITING", "Waiting for the first part")
        )
        return VerdictView(tone=Tone.IDLE, word=word, text=text, facts=_source_hint(status))
    if state in words.READY:
        text = (
            "No more pictures" if status.camera.has_ended else "Only triggered parts are inspected"
        )
        return VerdictView(
            tone=Tone.IDLE, word="STOPPED", text=text, facts="Press Run to inspect continuously"
        )
    if state == "error" and status.camera.last_error:
        return VerdictView(
            tone=Tone.ALARM,
            word="CAMERA ERROR",
            text=error,
            facts="Parts are not inspected. Check camera, cable and power; then press Reset",
        )
    if state == "error":
        return VerdictView(
            tone=Tone.ALARM,
            word="ERROR",
            text=error,
            facts="Parts are not passed. Remove the cause, then press Reset",
        )
    if state == "preoperational":
        text = "The workers get ready" if status.camera.is_connected else "Connecting to the camera"
        return VerdictView(tone=Tone.IDLE, word="STARTING", text=text, facts="Please wait")
    if state == "halted":
        return _halted(status)
    return VerdictView(
        tone=Tone.ALARM,
        word=words.STATES.get(state, (state, Tone.ALARM))[0].upper(),
        text=error or "Parts are not inspected",
        facts="Start the station again",
    )


def _halted(status: Status) -> VerdictView:
    """No part is taken; what leads out depends on whether the station can be told anything."""
    can_reset = "reset" in status.verbs
    return VerdictView(
        tone=Tone.ALARM,
        word="HALTED",
        text="No part is inspected until Reset" if can_reset else "The station has ended its work",
        facts="Reset ends the halt; Run then inspects continuously"
        if can_reset
        else "Start the station again",
    )


def _before(newest: Heard | None, now_s: float) -> str:
    if newest is None:
        return ""
    return f"The last one came {words.age(now_s - newest.at_s)} ago"


def _source_hint(status: Status) -> str:
    if status.camera.kind == "upload":
        return "Pictures come from outside, over HTTP"
    return "Check that parts come and that the camera sees them"
