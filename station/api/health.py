"""For those who watch over the station: is it alive, is it ready, how is it doing."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from station.api.context import Context, Station
from station.api.problems import problem
from station.journal.ledger import OUTCOMES
from station.line.states import State

router = APIRouter(tags=["health"])

READY = frozenset({State.READY, State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION})


@router.get("/healthz", response_class=PlainTextResponse)
async def healthz() -> str:
    """The process is alive."""
    return "ok"


@router.get("/readyz")
async def readyz(context: Station) -> JSONResponse:
    """200 while the station can inspect a part, else 503."""
    state = context.line.state
    if state in READY:
        return JSONResponse({"state": state})
    return problem(503, f"the station is {state}: {context.line.state_text or 'not ready yet'}")


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(context: Station) -> Response:
    """Counters and gauges for Prometheus."""
    registry = CollectorRegistry()
    registry.register(_LineCollector(context))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _LineCollector(Collector):
    """Reads the line's own counters at the moment somebody asks."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """All metrics of the station."""
        line = self._context.line
        counts = line.counters.look()
        yield CounterMetricFamily("station_triggers", "Jobs triggered", counts.triggers)
        results = CounterMetricFamily("station_results", "Results", labels=["outcome"])
        for outcome in OUTCOMES:
            results.add_metric([outcome], getattr(counts, outcome))
        yield results
        reasons = CounterMetricFamily("station_reasons", "Results not OK", labels=["reason_code"])
        for code, number in counts.by_reason.items():
            reasons.add_metric([code], number)
        yield reasons
        yield GaugeMetricFamily("station_in_progress", "Jobs under way", counts.in_progress)
        yield GaugeMetricFamily("station_parts_per_second", "Mean of 10 s", counts.parts_per_s)
        yield GaugeMetricFamily("station_ready", "1 if ready", float(line.state in READY))
        camera = line.camera
        yield GaugeMetricFamily("station_camera_connected", "1 if so", float(camera.is_connected))
        yield CounterMetricFamily("station_camera_failures", "No usable frame", camera.failures)
        dropped = line.pictures.dropped
        yield CounterMetricFamily("station_pictures_dropped", "Pictures not kept", dropped)
