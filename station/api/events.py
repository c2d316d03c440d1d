"""Results as they come: server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from station.api.context import Context, Station
from station.core.result import RESULT_JSON, Result

router = APIRouter(tags=["events"])

QUEUE_SIZE = 100
HEARTBEAT_S = 10.0


@router.get("/events", response_class=StreamingResponse)
async def get_events(context: Station) -> StreamingResponse:
    """Every result from now on: `event: result`, `id:` its job, `data:` the result as JSON.

    A client that falls 100 results behind misses the oldest; `GET /api/v1/results?since=` has all.
    """
    return StreamingResponse(
        _stream(context), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _stream(context: Context) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Result] = asyncio.Queue(QUEUE_SIZE)

    def put(result: Result) -> None:
        if waiting.full():
            waiting.get_nowait()
        waiting.put_nowait(result)

    def listen(result: Result) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(put, result)

    unsubscribe = context.line.subscribe(listen)
    try:
        yield b"retry: 1000\n\n"
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    result = await waiting.get()
            except TimeoutError:
                yield b": alive\n\n"
                continue
            data = RESULT_JSON.dump_json(result)
            yield b"event: result\nid: %b\ndata: %b\n\n" % (result.job_id.encode(), data)
    finally:
        unsubscribe()
