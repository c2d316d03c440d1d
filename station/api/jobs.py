"""Jobs: trigger the camera or post a picture, and get the one result."""

import asyncio
import base64
import hashlib
import re
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import WithJsonSchema

from station.api.context import Station
from station.api.problems import REFUSALS, Problem
from station.core.errors import PictureError, SettingsError
from station.core.frame import Job
from station.core.job_values import (
    LONGEST_VALUE,
    MOST_VALUES,
    VALUE_CHARACTERS,
    VALUE_NAME,
    parse_values,
)
from station.core.plc_words import SEQUENCE_AT_MOST
from station.core.reasons import StationReason
from station.core.result import RESULT_JSON, Result, ResultState
from station.sources.upload import encoded_from_upload

router = APIRouter(tags=["jobs"])

RECORD_S = 0.05
"""After a job's deadline its result may take so long to be recorded; then the answer is a 504."""

_NAMED_VALUE = f"^{VALUE_NAME}:{VALUE_CHARACTERS}{{1,{LONGEST_VALUE}}}$"

Id = Annotated[str, Query(max_length=128, pattern=r"^[^\x00-\x1f]*$")]

NamedValue = Annotated[str, WithJsonSchema({"type": "string", "pattern": _NAMED_VALUE})]
"""Described by its pattern, checked by `parse_values`, which says in words what is wrong."""
Values = Annotated[
    list[NamedValue],
    Query(
        alias="value",
        max_length=MOST_VALUES,
        description="What must be on this part, as NAME:VALUE (lot:A1); repeat it for more values. "
        "A recipe refers to it as job.NAME; one that needs a value not given here fails the job "
        "with the reason no_job_value.",
        examples=[["lot:A1", "serial:000123"]],
    ),
]


@router.post(
    "/jobs",
    response_model=Result,
    responses={
        **REFUSALS,
        409: {"model": Result, "description": "Busy: the result is ABORTED, reason `overrun`"},
        413: {"model": Problem, "description": "The body is too large"},
        415: {"model": Problem, "description": "The body is no picture type"},
        422: {"model": Problem, "description": "The body is plainly no whole picture"},
        503: {
            "model": Result,
            "description": "ABORTED: it stops (`aborted`), halt or fault (`not_ready`)",
        },
        504: {
            "model": Result,
            "description": "Late: ABORTED, reason `late`; a problem where the "
            "record was not written in time",
        },
    },
    openapi_extra={
        "requestBody": {
            "description": "Empty: the camera is triggered. A picture: it is inspected.",
            "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def post_job(
    request: Request,
    context: Station,
    part_id: Id = "",
    product_id: Id = "",
    meas_id: Id = "",
    deadline_ms: Annotated[float | None, Query(gt=0, le=600_000)] = None,
    sequence: Annotated[int | None, Query(ge=1, le=SEQUENCE_AT_MOST)] = None,
    encoder_count: int | None = None,
    gate_delay_ms: Annotated[float | None, Query(ge=0, le=3_600_000)] = None,
    values: Values = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Inspect one part; the verdict is data: 200 also for a part that does not pass.

    With an empty body the next frame acquired after this request is inspected. With a picture
    (PNG, JPEG, BMP, TIFF; `Content-Digest: sha-256=:…:` is checked where given) that picture is;
    one that turns out to be damaged when it is decoded is FAILED, `unreadable_image`.
    A part asked for again within `line.duplicate_window_s` gets its answer again, `is_duplicate`.
    `sequence` counts the triggers: a gap in it gives each missing one a result, `lost_trigger`;
    `encoder_count` and `gate_delay_ms` come back with the result.
    """
    job = Job(
        part_id=part_id,
        product_id=product_id,
        meas_id=meas_id,
        values=_named(values),
        deadline_ms=deadline_ms,
        trigger_sequence=sequence,
        encoder_count=encoder_count,
        gate_delay_ms=gate_delay_ms,
    )
    body = await request.body()
    if body:
        _check_upload(request, body)
        frame = encoded_from_upload(body, camera_id="upload", sequence=next(context.uploads))
        promise = context.line.submit(frame, job)
    else:
        promise = context.line.trigger(job)
    deadline_s = (deadline_ms or context.settings.line.deadline_ms) / 1e3
    result = await in_time(job, deadline_s + RECORD_S, promise)
    return Response(
        RESULT_JSON.dump_json(result), _status_of(result), media_type="application/json"
    )


async def in_time(job: Job, patience_s: float, promise: Future[Result]) -> Result:
    """The result, if it is there so soon after the trigger; a slow disk makes nothing pass late.

    Raises:
        HTTPException: it is not, or came after that (504).
    """
    due_s = job.triggered_s + patience_s
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, due_s - time.monotonic())):
            result = await asyncio.wrap_future(promise)
            if time.monotonic() <= due_s:
                return result
    raise HTTPException(
        504, f"job {job.job_id} was not recorded by its deadline; see its result later"
    )


def _named(values: list[str]) -> dict[str, str]:
    try:
        return parse_values(values, ":")
    except SettingsError as error:
        raise HTTPException(422, str(error)) from None


def _check_upload(request: Request, body: bytes) -> None:
    """Refuse what is announced as something else than a picture, or did not arrive as sent."""
    kind = request.headers.get("content-type", "application/octet-stream").split(";")[0].lower()
    if not kind.startswith("image/") and kind != "application/octet-stream":
        raise HTTPException(415, f"{kind} is no picture; send the bytes as image/jpeg or image/png")
    digest = re.search(r"sha-256=:([^:]*):", request.headers.get("content-digest", ""))
    actual = base64.b64encode(hashlib.sha256(body).digest()).decode() if digest else ""
    if digest and digest.group(1) != actual:
        raise PictureError("the picture did not arrive as it was sent: its sha-256 differs")


def _status_of(result: Result) -> int:
    if result.result_state is not ResultState.ABORTED:
        return 200
    return {StationReason.OVERRUN: 409, StationReason.LATE: 504}.get(
        StationReason(result.reason_code or ""), 503
    )
