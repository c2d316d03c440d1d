"""The way to the API: hears its events, asks how it is, passes on what an operator wants."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Self

import httpx
from pydantic import ValidationError

from station.core.result import RESULT_JSON
from station.hmi.answers import SHELF, Problem, ResultPage, ShelfEntry, Status
from station.hmi.board import REJECTS, Board

POLL_S = 1.0
ANSWER_S = 3.0
CHANGEOVER_S = 60.0
EVENTS_SILENCE_S = 15.0
"""The API says something every 10 s, if only that it is alive."""
RETRY_FIRST_S, RETRY_MOST_S = 0.5, 5.0
MOST_EVENT_BYTES = 4_000_000


class Link:
    """An open connection to one station's API; `run` keeps a board up to date."""

    def __init__(self, board: Board, api_url: str) -> None:
        self._board, self._api_url = board, api_url.rstrip("/")
        self._retry_s = RETRY_FIRST_S
        # Proxies are for the internet; the station is next door.
        self._client = httpx.AsyncClient(
            base_url=f"{self._api_url}/api/v1", timeout=ANSWER_S, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def run(self) -> None:
        """Ask and listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_for_ever())
            group.create_task(self._listen_for_ever())

    async def tell(self, verb: str) -> str:
        """Tell the station start, stop, abort, halt or reset; gives its refusal, or nothing."""
        return await self._post(f"/station:{verb}", ANSWER_S)

    async def change_over(self, recipe_id: str) -> str:
        """Activate a recipe; gives the refusal, or nothing."""
        return await self._post(f"/recipes/{recipe_id}:activate", CHANGEOVER_S)

    async def shelf(self) -> tuple[list[ShelfEntry], str]:
        """The recipes there are, or why they are not known."""
        try:
            answer = await self._client.get("/recipes")
            answer.raise_for_status()
            return SHELF.validate_json(answer.content), ""
        except (httpx.HTTPError, ValidationError) as error:
            return [], self._trouble(error)

    async def picture(self, job_id: str, width: int) -> bytes | None:
        """The annotated picture of a job as JPEG; None where there is none."""
        try:
            answer = await self._client.get(f"/results/{job_id}/annotated", params={"width": width})
        except httpx.HTTPError:
            return None
        return answer.content if answer.is_success else None

    async def _post(self, path: str, timeout_s: float) -> str:
        try:
            answer = await self._client.post(path, timeout=timeout_s)
            if not answer.is_success:
                return Problem.model_validate_json(answer.content).detail
            self._board.answered(Status.model_validate_json(answer.content), time.monotonic())
        except (httpx.HTTPError, ValidationError) as error:
            return self._trouble(error)
        return ""

    async def _ask_for_ever(self) -> None:
        while True:
            try:
                answer = await self._client.get("/station")
                answer.raise_for_status()
                status = Status.model_validate_json(answer.content)
                self._board.answered(status, time.monotonic())
            except (httpx.HTTPError, ValidationError) as error:
                self._lost("station", error)
            await asyncio.sleep(POLL_S)

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
                self._lost("events", None)
            except (httpx.HTTPError, ValidationError) as error:
                self._lost("events", error)
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, RETRY_MOST_S)

    async def _listen(self) -> None:
        """Hear results until the stream ends."""
        timeout = httpx.Timeout(ANSWER_S, read=EVENTS_SILENCE_S)
        async with self._client.stream("GET", "/events", timeout=timeout) as answer:
            answer.raise_for_status()
            await self._recall()  # after the subscription, so that nothing falls between
            self._board.found("events")
            self._retry_s = RETRY_FIRST_S
            async for data in events(answer.aiter_bytes()):
                self._board.heard(RESULT_JSON.validate_json(data), time.monotonic())

    async def _recall(self) -> None:
        """The rejects from before, and those missed while the link was cut."""
        query: dict[str, str | int] = {"evaluation": "not_ok", "limit": REJECTS}
        answer = await self._client.get("/results", params=query)
        answer.raise_for_status()
        self._board.remember(ResultPage.model_validate_json(answer.content).results)

    def _lost(self, link: str, error: Exception | None) -> None:
        text = self._trouble(error) if error else "The station ended the connection"
        self._board.lost(link, text, time.monotonic(), datetime.now(UTC))

    def _trouble(self, error: Exception) -> str:
        """An error in words an operator can pass on."""
        match error:
            case httpx.HTTPStatusError():
                return f"The station answers with an error ({error.response.status_code})"
            case httpx.TimeoutException():
                return f"The station at {self._api_url} does not answer in time"
            case ValidationError():
                return "The station answers in a way this page does not understand; update both"
        return f"Nothing answers at {self._api_url}"


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of every `result` event in a stream of server-sent events.

    Split at line feeds only: a text within the data may hold any other line separator.
    """
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        if len(rest) > MOST_EVENT_BYTES:
            raise httpx.DecodingError("an event without an end")
        for block in blocks:
            fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n"))
            if fields.get(b"event") == b"result" and b"data" in fields:
                yield fields[b"data"]
