"""The way to the API: events out of a stream, refusals in words."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from station.hmi.board import Board
from station.hmi.link import Link, events


def collect(chunks: list[bytes]) -> list[bytes]:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def run() -> list[bytes]:
        return [data async for data in events(stream())]

    return asyncio.run(run())


def test_events_are_found_however_the_stream_is_cut() -> None:
    text = (
        'retry: 1000\n\n: alive\n\nevent: result\nid: 1\ndata: {"a": "\u2028\x85: b"}\n\n'
        "event: other\ndata: 2\n\nevent: result\nid: 3\ndata: 3\n\nevent: result\nda"
    )
    whole = text.encode()
    expected = ['{"a": "\u2028\x85: b"}'.encode(), b"3"]
    assert collect([whole]) == expected
    assert collect([whole[n : n + 1] for n in range(len(whole))]) == expected


def test_a_stream_without_an_end_of_event_is_given_up() -> None:
    with pytest.raises(httpx.DecodingError):
        collect([b"x" * 1_000_000] * 5)


def test_a_station_that_is_not_there_is_told_in_words(free_port: int) -> None:
    async def ask() -> tuple[str, list[object], str, bytes | None]:
        async with Link(Board(), f"http://127.0.0.1:{free_port}") as link:
            entries, trouble = await link.shelf()
            return await link.tell("stop"), list(entries), trouble, await link.picture("1", 100)

    refusal, entries, trouble, picture = asyncio.run(ask())
    assert refusal == trouble == f"Nothing answers at http://127.0.0.1:{free_port}"
    assert (entries, picture) == ([], None)
