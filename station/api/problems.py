"""Errors as problem documents (RFC 9457), always of the same shape."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from station.core.errors import (
    JournalError,
    ModelError,
    PictureError,
    RecipeError,
    StateError,
    StationError,
)

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[StationError], int], ...] = (
    (PictureError, 422),
    (StateError, 409),
    (RecipeError, 422),
    (ModelError, 422),
    (JournalError, 503),
)


class Problem(BaseModel):
    """What went wrong with a request."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = ""


def problem(
    status: int, detail: str, *, instance: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    """A problem document as an answer."""
    content = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, instance=instance
    )
    return JSONResponse(content.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""

    @app.exception_handler(StationError)
    async def station_error(request: Request, error: StationError) -> JSONResponse:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        return problem(status, str(error), instance=request.url.path)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return problem(422, "; ".join(lines), instance=request.url.path)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers) if error.headers else None
        return problem(
            error.status_code, str(error.detail), instance=request.url.path, headers=headers
        )

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "the station failed; see its log", instance=request.url.path)


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": text}
    for status, text in ((404, "There is no such thing"), (409, "Not in this state"))
}
