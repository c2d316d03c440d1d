"""Pictures: each fetched once, and never kept where there was none."""

import asyncio

from station.hmi.pictures import KEPT, Pictures


def test_many_who_want_one_picture_fetch_it_once() -> None:
    asked: list[tuple[str, int]] = []

    async def fetch(job_id: str, width: int) -> bytes | None:
        asked.append((job_id, width))
        await asyncio.sleep(0)
        return job_id.encode()

    async def run() -> list[bytes | None]:
        pictures = Pictures(fetch)
        got = await asyncio.gather(*(pictures.get("a", 960) for _ in range(5)))
        return [*got, await pictures.get("a", 960), await pictures.get("a", 240)]

    assert asyncio.run(run()) == [b"a"] * 7
    assert asked == [("a", 960), ("a", 240)]


def test_a_picture_that_was_not_there_is_asked_for_again() -> None:
    answers = [None, b"there"]

    async def fetch(_job_id: str, _width: int) -> bytes | None:
        return answers.pop(0)

    async def run() -> list[bytes | None]:
        pictures = Pictures(fetch)
        return [await pictures.get("a", 1) for _ in range(3)]

    assert asyncio.run(run()) == [None, b"there", b"there"]


def test_only_the_last_pictures_are_kept() -> None:
    asked: list[str] = []

    async def fetch(job_id: str, _width: int) -> bytes | None:
        asked.append(job_id)
        return b"x"

    async def run() -> None:
        pictures = Pictures(fetch)
        for number in range(KEPT + 1):
            await pictures.get(str(number), 1)
        await pictures.get(str(KEPT), 1)
        await pictures.get("0", 1)

    asyncio.run(run())
    assert len(asked) == KEPT + 2
    assert asked[-1] == "0"
