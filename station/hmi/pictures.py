"""Pictures on their way from the API to the browsers: each is drawn once, however many look."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Response

WIDTHS = {"live": 960, "large": 1280, "small": 240}
KEPT = 48
AT_ONCE = 2

NO_PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 120">'
    b'<rect width="160" height="120" fill="#151c22"/>'
    b'<g fill="none" stroke="#4c5c68" stroke-width="4">'
    b'<rect x="45" y="38" width="70" height="46" rx="6"/><circle cx="80" cy="61" r="13"/>'
    b'<path d="M40 96 120 26"/></g></svg>'
)

Fetch = Callable[[str, int], Awaitable[bytes | None]]


def picture_router(fetch: Fetch) -> APIRouter:
    """`GET /pictures/{job_id}/{size}`: browsers may be on machines the API does not talk to."""
    router, pictures = APIRouter(), Pictures(fetch)

    @router.get("/pictures/{job_id}/{size}")
    async def picture(
        job_id: Annotated[str, Path(pattern="^[0-9a-zA-Z-]{1,64}$")],
        size: Annotated[str, Path(pattern="^(live|large|small)$")],
    ) -> Response:
        jpeg = await pictures.get(job_id, WIDTHS[size])
        if jpeg is None:
            headers = {"cache-control": "no-store"}
            return Response(NO_PICTURE, media_type="image/svg+xml", headers=headers)
        headers = {"cache-control": "private, max-age=600"}
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    return router


class Pictures:
    """The last pictures asked for; those being fetched are waited for together."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[tuple[str, int], asyncio.Task[bytes | None]] = OrderedDict()

    async def get(self, job_id: str, width: int) -> bytes | None:
        """A picture as JPEG; None where there is none now."""
        key = (job_id, width)
        task = self._kept.get(key)
        if task is None or (task.done() and task.result() is None):
            task = asyncio.create_task(self._fetched(job_id, width))
            self._kept[key] = task
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return await asyncio.shield(task)

    async def _fetched(self, job_id: str, width: int) -> bytes | None:
        async with self._gate:
            return await self._fetch(job_id, width)
