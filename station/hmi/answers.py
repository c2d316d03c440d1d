"""What the API answers, as far as the page reads it; fields it does not know are left alone."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter

from station.core.result import Result


class Answer(BaseModel):
    """An answer of the API: a newer station may say more than this page reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RecipeStatus(Answer):
    """The recipe parts are judged by now."""

    recipe_id: str
    version: int
    recipe_hash: str
    is_qualified: bool = False


class CalibrationStatus(Answer):
    """Whether the camera's calibration must be made anew."""

    is_overdue: bool = False


class Counts(Answer):
    """The counters since the start of the line."""

    triggers: int
    in_progress: int
    ok: int
    not_ok: int
    not_decidable: int
    aborted: int
    failed: int
    by_reason: dict[str, int]
    yield_ratio: float | None
    parts_per_s: float
    since: datetime


class CameraStatus(Answer):
    """How the camera is doing."""

    camera_id: str
    kind: str
    is_connected: bool
    has_ended: bool
    last_error: str


class WorkerStatus(Answer):
    """How those who look at the parts are doing; none wanted: the station does not tell."""

    ready: int = 0
    wanted: int = 0
    lost: int = 0


class SinkStatus(Answer):
    """How one receiver of the results is doing."""

    kind: str
    name: str = ""
    waiting: int = 0
    dead: int = 0
    lost: int = 0
    last_error: str = ""


class Status(Answer):
    """The answer of `GET /api/v1/station`."""

    name: str
    state: str
    state_text: str
    verbs: tuple[str, ...] = ()
    """What the station can be told now; nothing else is offered."""
    stop_request: str = ""
    workers: WorkerStatus = WorkerStatus()
    sinks: tuple[SinkStatus, ...] = ()
    journal_trouble: str = ""
    recipe: RecipeStatus
    calibration: CalibrationStatus = CalibrationStatus()
    counters: Counts
    camera: CameraStatus


class ShelfEntry(Answer):
    """One recipe of `GET /api/v1/recipes`; `problem` says why it cannot be used."""

    recipe_id: str
    version: int | None
    recipe_hash: str
    description: str
    problem: str


class ResultPage(Answer):
    """The answer of `GET /api/v1/results`."""

    results: tuple[Result, ...]


class Problem(Answer):
    """A refusal (RFC 9457)."""

    detail: str


SHELF: TypeAdapter[list[ShelfEntry]] = TypeAdapter(list[ShelfEntry])
"""Reads the answer of `GET /api/v1/recipes`."""
