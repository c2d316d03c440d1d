"""What the station answered, turned into the page's words."""

from datetime import datetime

from station.core.result import Result
from station.hmi import words
from station.hmi.answers import Status
from station.hmi.views import NOTHING, CountsView, HeaderView, KeysView, RejectView, Tone


def header_of(status: Status | None, now: datetime, *, is_lost: bool) -> HeaderView:
    """The strip along the top; while the station does not answer, nothing in it looks good."""
    local = now.astimezone()
    clock, date = local.strftime("%H:%M:%S"), local.strftime("%a %d %b %Y")
    if status is None:
        return HeaderView(state="No connection", state_tone=Tone.ALARM, clock=clock, date=date)
    state, tone = words.STATES.get(status.state, (status.state, Tone.ALARM))
    tone = Tone.ALARM if status.stop_request else tone
    camera, camera_tone = _camera(status)
    return HeaderView(
        name=status.name,
        state="No connection" if is_lost else state,
        state_tone=Tone.ALARM if is_lost else tone,
        recipe=recipe_name(status),
        recipe_detail=_recipe_detail(status),
        camera="unknown" if is_lost else camera,
        camera_tone=Tone.IDLE if is_lost else camera_tone,
        clock=clock,
        date=date,
    )


def _recipe_detail(status: Status) -> str:
    marks = [status.recipe.recipe_hash[:8]]
    if not status.recipe.is_qualified:
        marks.append("not qualified")
    if status.calibration.is_overdue:
        marks.append("calibration overdue")
    return " · ".join(marks)


def _camera(status: Status) -> tuple[str, Tone]:
    camera = status.camera
    if camera.last_error:
        return "error", Tone.ALARM
    if not camera.is_connected:
        return "connecting", Tone.IDLE
    return ("no more pictures", Tone.IDLE) if camera.has_ended else ("connected", Tone.OK)


def recipe_name(status: Status) -> str:
    """The active recipe in words."""
    return f"{status.recipe.recipe_id} v{status.recipe.version}"


def counts_of(status: Status | None, now: datetime) -> CountsView:
    """The counters, ready to be shown."""
    if status is None:
        return CountsView()
    counts = status.counters
    ratio = counts.yield_ratio
    # Cut, not rounded: 100 % is shown only where every part was good.
    percent = NOTHING if ratio is None else f"{int(ratio * 1000) / 10:.1f} %"
    return CountsView(
        ok=f"{counts.ok:,}",
        not_ok=f"{counts.not_ok:,}",
        to_check=f"{counts.not_decidable:,}",
        aborted=f"{counts.aborted:,}",
        failed=f"{counts.failed:,}",
        triggers=f"{counts.triggers:,}",
        yield_percent=percent,
        parts_per_s=f"{counts.parts_per_s:.1f}",
        since=words.recent_time(counts.since, now),
    )


def reject_of(result: Result, now: datetime) -> RejectView:
    """One reject in the list."""
    return RejectView(
        job_id=result.job_id,
        reason=words.reason_of(result),
        score=words.score_of(result),
        part=words.part_of(result),
        time=words.recent_time(result.completed_at, now),
    )


def keys_of(status: Status | None) -> KeysView:
    """The buttons for what the station can be told, less those that would change nothing."""
    if status is None:
        return KeysView()
    is_running = status.state == words.RUNNING
    return KeysView(
        can_run="start_continuous" in status.verbs and not is_running,
        can_stop="stop" in status.verbs and is_running,
        can_reset="reset" in status.verbs,
        can_abort="abort" in status.verbs,
        can_halt="halt" in status.verbs,
        can_change=status.state != "halted",
        leads_out="reset" in status.verbs
        and (status.state in words.LEFT_BY_RESET or bool(status.stop_request)),
    )
