"""The station itself: what it is doing, and the verbs that change it."""

from dataclasses import dataclass
from datetime import UTC, datetime

import cv2
import onnxruntime
from fastapi import APIRouter

from station import __version__
from station.api.context import Context, Station
from station.api.problems import REFUSALS
from station.core.configuration import Configuration
from station.line.acquisition_terms import CameraHealth
from station.line.counters import Counts
from station.line.outlets import Outlet
from station.line.states import State, Verb

router = APIRouter(prefix="", tags=["station"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRecipe:
    """The recipe parts are judged by now."""

    recipe_id: str
    version: int
    recipe_hash: str
    product_id: str
    models: dict[str, str]
    configuration_id: str
    is_qualified: bool
    """It carries a qualification made with exactly this recipe, models and Configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationStatus:
    """The camera's Configuration, and whether it must be made anew."""

    configuration_id: str
    steps: list[str]
    """What was calibrated: lens, scale, flat, colour, focus."""
    calibrated_at: datetime | None
    due_at: datetime | None
    when_overdue: str
    is_overdue: bool
    error_px: float | None
    """Combined standard uncertainty of a place, from the error budget."""
    error_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletStatus:
    """How one sink is doing."""

    kind: str
    delivered: int
    failed: int
    """Tries that came to nothing; the result was tried again."""
    name: str
    waiting: int
    """Results it has not got yet."""
    dead: int
    """Results the receiver refused for good; they are kept in the journal."""
    lost: int
    """Results that were deleted before it got them."""
    last_error: str
    """Empty once a result was delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """How those who look at the parts are doing."""

    ready: int
    wanted: int
    lost: int
    """Crashed or hung since the start; each cost one part."""
    isolation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationStatus:
    """Everything an operator's page needs at one look."""

    name: str
    state: State
    state_text: str
    verbs: list[Verb]
    """What the station can be told in its present state."""
    stop_request: str
    """Why the belt should be stopped; empty: it need not be."""
    workers: WorkerStatus
    beat: int
    """Grows at least every 500 ms as long as the inspection loop goes round."""
    recipe: ActiveRecipe
    calibration: CalibrationStatus
    counters: Counts
    camera: CameraHealth
    sinks: list[OutletStatus]
    journal_trouble: str
    """A broken journal that was set aside at the start; empty: none."""
    pictures_kept: int
    pictures_dropped: int
    started_at: datetime
    versions: dict[str, str]


@router.get("/station")
def get_station(context: Station) -> StationStatus:
    """State, active recipe, counters, camera health, versions."""
    return status_of(context)


@router.post("/station:start", responses=REFUSALS)
def start(context: Station) -> StationStatus:
    """Inspect continuously."""
    context.line.start()
    return status_of(context)


@router.post("/station:stop", responses=REFUSALS)
def stop(context: Station) -> StationStatus:
    """Finish what is under way, then inspect only what is triggered or posted."""
    context.line.stop()
    return status_of(context)


@router.post("/station:abort", responses=REFUSALS)
def abort(context: Station) -> StationStatus:
    """Answer everything that is under way as aborted, now; then inspect only what is triggered."""
    context.line.abort()
    return status_of(context)


@router.post("/station:halt", responses=REFUSALS)
def halt(context: Station) -> StationStatus:
    """Abort, and take no part until `reset`."""
    context.line.halt()
    return status_of(context)


@router.post("/station:reset", responses=REFUSALS)
def reset(context: Station) -> StationStatus:
    """Leave halt, error and alarm: forget what was wrong, try the camera at once."""
    context.line.reset()
    return status_of(context)


def status_of(context: Context) -> StationStatus:
    """One consistent look at the station."""
    line, prepared = context.line, context.line.prepared
    return StationStatus(
        name=context.settings.name,
        state=line.state,
        state_text=line.state_text,
        verbs=line.verbs,
        stop_request=line.stop_request,
        workers=WorkerStatus(
            ready=line.workers_ready,
            wanted=context.settings.line.workers,
            lost=line.workers_lost,
            isolation=context.settings.line.isolation,
        ),
        beat=line.beat,
        recipe=ActiveRecipe(
            recipe_id=prepared.recipe.recipe_id,
            version=prepared.recipe.version,
            recipe_hash=prepared.recipe_hash,
            product_id=prepared.recipe.product_id,
            models=dict(prepared.models),
            configuration_id=prepared.configuration_id,
            is_qualified=prepared.is_qualified,
        ),
        calibration=_calibration(prepared.configuration, datetime.now(UTC)),
        counters=line.counters.look(),
        camera=line.camera,
        sinks=[outlet_status(outlet) for outlet in line.outlets],
        journal_trouble=line.journal.trouble,
        pictures_kept=line.pictures.kept,
        pictures_dropped=line.pictures.dropped,
        started_at=context.started_at,
        versions={
            "station": __version__,
            "opencv": cv2.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    )


def outlet_status(outlet: Outlet) -> OutletStatus:
    """How one sink is doing now."""
    return OutletStatus(
        kind=outlet.kind,
        delivered=outlet.delivered,
        failed=outlet.failed,
        name=outlet.name,
        waiting=outlet.waiting,
        dead=outlet.dead,
        lost=outlet.lost,
        last_error=outlet.last_error,
    )


def _calibration(configuration: Configuration, now: datetime) -> CalibrationStatus:
    return CalibrationStatus(
        configuration_id=configuration.configuration_id,
        steps=[step.name for step in configuration.steps],
        calibrated_at=configuration.calibrated_at,
        due_at=configuration.due_at,
        when_overdue=configuration.when_overdue,
        is_overdue=configuration.is_overdue(now),
        error_px=configuration.error_px(),
        error_mm=configuration.error_mm(),
    )
