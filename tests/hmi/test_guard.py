"""The guard: other people's pages cannot press the buttons."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from station.hmi.guard import Guard

app = Guard(PlainTextResponse("in"))


def ask(host: str, origin: str = "") -> int:
    async def run() -> int:
        headers = {"host": host} | ({"origin": origin} if origin else {})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return (await client.get("http://127.0.0.1:8471/", headers=headers)).status_code

    return asyncio.run(run())


@pytest.mark.parametrize("host", ["127.0.0.1:8471", "localhost:8471", "[::1]:8471", "10.0.0.7"])
def test_the_machine_is_called_by_address_or_name(host: str) -> None:
    assert ask(host) == 200
    assert ask(host, origin=f"http://{host}") == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1"])
def test_a_name_from_elsewhere_is_refused(host: str) -> None:
    assert ask(host) == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9999", "null"])
def test_a_page_from_elsewhere_is_refused(origin: str) -> None:
    assert ask("127.0.0.1:8471", origin=origin) == 403


def test_a_socket_from_elsewhere_is_closed() -> None:
    sent: list[Message] = []

    async def run() -> None:
        headers = [(b"host", b"127.0.0.1"), (b"origin", b"http://evil.example")]
        scope: Scope = {"type": "websocket", "path": "/", "headers": headers}

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await app(scope, receive, send)

    asyncio.run(run())
    assert sent == [{"type": "websocket.close", "code": 1008}]
