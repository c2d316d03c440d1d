"""What must hold for any input and any answer: flat, short, and never a pass without proof."""

import asyncio
import json

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from station.api.plc.answers import Answer, Refusal, Status, refused
from station.api.plc.desk import Desk
from station.api.plc.http import PlcApp, give, status_of, words_of
from station.api.plc.joined import JoinedProtocol
from station.api.plc.orders import order_of
from station.api.plc.visits import Room
from station.core.errors import SettingsError
from station.core.plc_words import PlcBit
from station.core.result import Evaluation, ResultState
from tests.api.plc.conftest import WAIT_S, AtDesk, StandInLine, read_whole

queries = st.one_of(
    st.binary(max_size=500),
    st.lists(
        st.tuples(
            st.sampled_from(["seq", "part", "wait", "deadline_ms", "encoder", "gate_ms", "x", ""]),
            st.one_of(st.text(max_size=12), st.integers().map(str)),
        ),
        max_size=9,
    ).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode()),
)


def is_sound(query: bytes) -> bool:
    try:
        order_of(words_of(query))
    except SettingsError:
        return False
    return True


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=queries, accept=st.sampled_from([b"", b"text/plain", b"*/*"]))
def test_any_junk_is_400_with_the_flat_body_and_never_passes(
    query: bytes, accept: bytes, at_desk: AtDesk
) -> None:
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        raise AssertionError("nobody reads a body")

    async def story(desk: Desk, line: StandInLine) -> None:
        scope = {
            "type": "http", "method": "POST", "path": "/plc/v1/trigger", "query_string": query,
            "headers": [(b"accept", accept)],
        }  # fmt: skip
        line.is_closed = True  # sound orders end there, at 503
        await PlcApp(desk)(scope, receive, send)  # type: ignore[arg-type]

    at_desk(story)
    start, body = sent
    content = body["body"]
    assert isinstance(content, bytes)
    assert start["status"] == (503 if is_sound(query) else 400)
    passes = content.split(b",")[3] == b"1" if accept == b"text/plain" else b'"pass":1' in content
    assert not passes
    if accept == b"text/plain":
        assert len(content) == 49
    else:
        assert all(isinstance(value, int) for value in json.loads(content).values())


answers = st.builds(
    Answer,
    seq=st.integers(0, 2**31 - 1),
    part=st.integers(0, 999_999_999),
    passed=st.just(False),
    evaluation=st.sampled_from([Evaluation.UNDEFINED, Evaluation.NOT_OK]),
    state=st.sampled_from(ResultState),
    code=st.integers(1, 65_535),
    score=st.integers(0, 99_999),
    ms=st.integers(0, 99_999),
    is_duplicate=st.booleans(),
)
WIDEST = Answer(
    seq=2**31 - 1, part=999_999_999, state=ResultState.FAILED, evaluation=Evaluation.NOT_OK,
    code=65_535, score=99_999, ms=99_999, is_duplicate=True,
)  # fmt: skip
BUSIEST = Status(
    bits=sum(bit.mask for bit in PlcBit), beat=65_535, recipe=65_535, held=8, seq=2**31 - 1
)


@given(answer=answers)
def test_any_answer_keeps_its_width(answer: Answer) -> None:
    assert len(answer.as_text()) == 49
    assert len(answer.as_json()) <= len(WIDEST.as_json())


@pytest.mark.parametrize("accept", ["*/*", "text/plain"])
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize(
    "body", [WIDEST, BUSIEST, *(refused(code, seq=2**31 - 1) for code in list(Refusal)[1:])]
)
def test_no_answer_has_more_than_200_bytes_in_all(
    body: Answer | Status, connection: str, accept: str
) -> None:
    request = f"GET / HTTP/1.1\r\nAccept: {accept}\r\nConnection: {connection}\r\n\r\n"
    status, content = read_whole(asyncio.run(sent(body, request.encode())))
    assert status == status_of(body)
    assert content.encode() == (body.as_text() if "plain" in accept else body.as_json())


async def sent(body: Answer | Status, request: bytes) -> bytes:
    """What one read gives of this answer, sent through the real protocol."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await give(body, scope, send)

    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    loop, room = asyncio.get_running_loop(), Room()
    server = await loop.create_server(
        lambda: JoinedProtocol(config, ServerState(), room), "127.0.0.1", 0
    )
    async with server, asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(request)
        answer = await reader.read(254)
        writer.close()
        await writer.wait_closed()
        return answer
