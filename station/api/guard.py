"""What stands before the door: who may call, how much may be sent, and how slowly (plain ASGI)."""

import asyncio
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from station.api.problems import problem

RECEIPT_S = 15.0
"""A body must have come in whole within this time."""


class BodyTooLargeError(Exception):
    """More bytes came than were announced or allowed."""


class Guard:
    """Refuses unknown hosts (421), foreign origins (403), large bodies (413), slow ones (408)."""

    def __init__(
        self, app: ASGIApp, *, allowed_hosts: tuple[str, ...], max_body_bytes: int
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "websocket":  # the station speaks none
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers, str(scope.get("method", "GET")))
        if refusal:
            status, detail = refusal
            # Nothing of the body was read: the connection cannot be used again.
            answer = problem(status, detail, headers={"connection": "close"})
            await answer(scope, receive, send)
            return
        await self._limited(scope, receive, send)

    def _refusal(self, headers: Headers, method: str) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if _name(f"//{host}") not in self._hosts:
            return 421, f"host {host!r} is not this station; add it to api.allowed_hosts"
        origin = headers.get("origin")
        if origin and method not in ("GET", "HEAD") and _name(origin) not in self._hosts:
            return 403, f"requests from pages of {origin} are refused"
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body_bytes:
            return 413, self._too_large(int(length))
        return None

    def _too_large(self, size: int) -> str:
        return f"the body has {size:,} bytes or more, allowed are {self._max_body_bytes:,}"

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the body as it streams in, within a time limit for the whole of it."""
        seen, is_whole, has_answered = 0, False, False
        until_s = asyncio.get_running_loop().time() + RECEIPT_S

        async def counted() -> Message:
            nonlocal seen, is_whole
            if is_whole:
                return await receive()
            async with asyncio.timeout_at(until_s):
                message = await receive()
            seen += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if seen > self._max_body_bytes:
                raise BodyTooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except (BodyTooLargeError, TimeoutError) as error:
            if has_answered:
                raise
            late = isinstance(error, TimeoutError)
            detail = f"no whole body in {RECEIPT_S:g} s" if late else self._too_large(seen)
            answer = problem(408 if late else 413, detail, headers={"connection": "close"})
            await answer(scope, receive, send)


def _name(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return f"[{host}]" if ":" in host else host
