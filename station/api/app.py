"""The application: every route of the station behind one guard."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from station import __version__
from station.api import events, health, jobs, ledger, outbox, problems, recipes, results, station
from station.api.context import Context
from station.api.guard import Guard
from station.core.sockets import name_of

DESCRIPTION = """
Ask the inspection station whether a part passes.

A part passed when `passed` is true, and at no other time: not on an error, not on silence.
Errors are problem documents (RFC 9457).
"""


def create_app(context: Context) -> FastAPI:
    """The API of one running station; `/docs` needs no internet."""
    app = FastAPIOffline(
        title="Inspection station",
        version=__version__,
        description=DESCRIPTION,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.context = context
    for module in (station, jobs, results, ledger, outbox, recipes, events):
        app.include_router(module.router, prefix="/api/v1")
    app.include_router(health.router)
    problems.install(app)
    api = context.settings.api
    hosts = (*api.allowed_hosts, name_of(api.host))  # its own supervisor asks there
    app.add_middleware(Guard, allowed_hosts=hosts, max_body_bytes=api.max_body_bytes)
    return app
