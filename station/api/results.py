"""Results that were recorded, and their pictures."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from fastapi import APIRouter, HTTPException, Query, Response

from station.api.context import Context, Station
from station.api.problems import REFUSALS
from station.core.frame import Image
from station.core.result import Evaluation, Result
from station.vision.annotate import annotate
from station.vision.frames import decoded
from station.vision.images import encode_jpeg, read_image

router = APIRouter(prefix="/results", tags=["results"])

JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "A JPEG"}
}
Width = Annotated[int | None, Query(ge=64, le=8192, description="scaled down to this width")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    """Some results; ask again with `since=next` for what came after."""

    results: list[Result]
    damaged: list[str]
    """Jobs whose records the disk has damaged since they were stored."""
    next: int


@router.get("", response_model=ResultPage)
def list_results(
    context: Station,
    since: Annotated[int | None, Query(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    evaluation: Literal["ok", "not_ok", "not_decidable", "undefined"] | None = None,
    part_id: str | None = None,
) -> Response:
    """The newest results, newest first; with `since` those recorded after it, oldest first."""
    wanted = Evaluation[evaluation.upper()] if evaluation else None
    journal = context.line.journal
    if since is None:
        rows = journal.latest(limit=limit, evaluation=wanted, part_id=part_id)
    else:
        rows = journal.since(since, limit=limit, evaluation=wanted, part_id=part_id)
    last = max((row.id for row in rows), default=since or 0)
    # Records are JSON already, and clients ask all the time.
    records = b",".join(row.record for row in rows if row.is_readable)
    damaged = json.dumps([row.job_id for row in rows if not row.is_readable]).encode()
    content = b'{"results":[%b],"damaged":%b,"next":%d}' % (records, damaged, last)
    return Response(content, media_type="application/json")


@router.get("/{job_id}", responses=REFUSALS)
def get_result(job_id: str, context: Station) -> Result:
    """The one result of a job."""
    return _find(context, job_id)


@router.get("/{job_id}/late", responses=REFUSALS)
def get_late_result(job_id: str, context: Station) -> Result:
    """What came after the job was answered as late; it never replaces the answer."""
    result = context.line.journal.find_late(job_id)
    if result is None:
        raise HTTPException(404, f"nothing came late for a job {job_id!r}")
    return result


@router.get("/{job_id}/image", responses={**REFUSALS, **JPEG}, response_class=Response)
def get_image(job_id: str, context: Station, width: Width = None) -> Response:
    """The picture as it was inspected."""
    image = _image_of(context, _find(context, job_id))
    return _jpeg(_narrowed(image, width), quality=95)


@router.get("/{job_id}/annotated", responses={**REFUSALS, **JPEG}, response_class=Response)
def get_annotated(
    job_id: str, context: Station, width: Width = None, banner: bool = True
) -> Response:
    """The picture with regions, scores, reason and verdict drawn on it."""
    result = _find(context, job_id)
    image = annotate(_image_of(context, result), result, width_px=width, banner=banner)
    return _jpeg(image, quality=85)


def _find(context: Context, job_id: str) -> Result:
    result = context.line.journal.find(job_id)
    if result is None:
        raise HTTPException(404, f"there is no result of a job {job_id!r}")
    return result


def _image_of(context: Context, result: Result) -> Image:
    frame = context.line.recent.find(result.job_id)
    if frame is not None:
        return decoded(frame).image
    path = context.line.pictures.path_of(result)
    if not path.is_file():
        keep = context.settings.journal.keep
        raise HTTPException(
            404, f"no picture of job {result.job_id} was kept (journal.keep is {keep!r})"
        )
    return read_image(path)


def _narrowed(image: Image, width: int | None) -> Image:
    if width is None or image.shape[1] <= width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _jpeg(image: Image, *, quality: int) -> Response:
    return Response(encode_jpeg(image, quality=quality), media_type="image/jpeg")
