"""The HTTP door: a plain ASGI application, seven paths, the same flat body for everything."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from station.api.plc.answers import Answer, Refusal, Status, refused
from station.api.plc.desk import Desk
from station.api.plc.orders import number, only, order_of
from station.core.errors import SettingsError
from station.core.plc_words import SEQUENCE_AT_MOST
from station.core.reasons import STATION_NUMBERS, StationReason
from station.core.result import ResultState

MOST_QUERY_BYTES = 400
MOST_WORDS = 8
MOST_COUNT = 10**9
Words = Mapping[str, str]
Body = Answer | Status

_LOG = logging.getLogger(__name__)
_STATUS_OF_CODE = {
    STATION_NUMBERS[StationReason.OVERRUN]: 409,
    STATION_NUMBERS[StationReason.LATE]: 504,
    Refusal.WRONG: 400,
    Refusal.NOT_THERE: 404,
}


class PlcApp:
    """Answers requests at one desk; whatever comes, the body is a result or a status."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._routes: dict[tuple[str, str], Callable[[Words], Awaitable[Body]]] = {
            ("POST", "/plc/v1/trigger"): self._trigger,
            ("GET", "/plc/v1/result"): self._result,
            ("POST", "/plc/v1/ack"): self._acknowledge,
            ("GET", "/plc/v1/status"): self._status,
            ("POST", "/plc/v1/recipe"): self._recipe,
            ("POST", "/plc/v1/reset"): self._reset,
            ("POST", "/plc/v1/counts"): self._counts,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """One request; a body that comes with it is not read."""
        await give(await self._answer(scope), scope, send)

    async def _answer(self, scope: Scope) -> Body:
        route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            return refused(Refusal.NOT_THERE)
        try:
            return await route(words_of(scope["query_string"]))
        except SettingsError:
            return refused(Refusal.WRONG)
        except Exception:  # noqa: BLE001 - the border: whatever breaks, a PLC gets the flat body
            _LOG.exception("the HTTP door cannot answer %s", scope["path"])
            return refused(Refusal.NOT_READY)

    async def _trigger(self, words: Words) -> Body:
        return await self._desk.trigger(order_of(words))

    async def _result(self, words: Words) -> Body:
        return self._desk.find(_sequence(words))

    async def _acknowledge(self, words: Words) -> Body:
        seq = _sequence(words)
        return self._after(self._desk.acknowledge(seq), seq)

    async def _status(self, words: Words) -> Body:
        only(words)
        return self._desk.look()

    async def _recipe(self, words: Words) -> Body:
        only(words, "number")
        return self._after(
            await self._desk.change_over(number(words, "number", 0, SEQUENCE_AT_MOST))
        )

    async def _reset(self, words: Words) -> Body:
        only(words)
        return self._after(self._desk.reset())

    async def _counts(self, words: Words) -> Body:
        names = ("sent", "passed", "rejected")
        only(words, *names)
        sent, passed, rejected = (number(words, name, 0, MOST_COUNT) for name in names)
        self._desk.count(sent, passed, rejected)
        return self._desk.look()

    def _after(self, refusal: Refusal, seq: int = 0) -> Body:
        return refused(refusal, seq=seq) if refusal else self._desk.look()


async def give(body: Body, scope: Scope, send: Send) -> None:
    """Send an answer in the way the client asked for."""
    is_text = wants_text(scope)
    content = body.as_text() if is_text else body.as_json()
    headers = [
        (b"content-type", b"text/plain" if is_text else b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": status_of(body), "headers": headers})
    await send({"type": "http.response.body", "body": content})


def status_of(body: Body) -> int:
    """The HTTP status of an answer; a reject is data, so it is 200 like a pass."""
    if isinstance(body, Status) or body.state is ResultState.COMPLETED:
        return 200
    if body.state is ResultState.PROCESSING and not body.code:
        return 202
    return _STATUS_OF_CODE.get(body.code, 503)


def words_of(query: bytes) -> dict[str, str]:
    """The words of a query.

    Raises:
        SettingsError: it is too long, broken, or a word stands twice.
    """
    if len(query) > MOST_QUERY_BYTES:
        raise SettingsError(f"the query is longer than {MOST_QUERY_BYTES} bytes")
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            max_num_fields=MOST_WORDS,
        )
    except ValueError as error:
        raise SettingsError(f"the query cannot be read: {error}") from error
    words = dict(pairs)
    if len(words) < len(pairs):
        raise SettingsError("a word stands twice in the query")
    return words


def wants_text(scope: Scope) -> bool:
    """Whether the client asks for the fixed-width line."""
    return any(name == b"accept" and b"text/plain" in value for name, value in scope["headers"])


def _sequence(words: Words) -> int:
    only(words, "seq")
    return number(words, "seq", 1, SEQUENCE_AT_MOST)
