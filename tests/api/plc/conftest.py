"""A real line on tiny parts behind real doors, and a stand-in line that answers on command."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import pytest

from station.api.plc.desk import Desk, Terms
from station.api.plc.doors import Doors, bind_ports
from station.api.plc.visits import Room
from station.core.errors import StateError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Check, Site
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe, Recipe, write_recipe
from station.core.result import Evaluation, Finding, Result, ResultState
from station.inspection import unanswered
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.line.counters import Counters
from station.line.line import Line
from station.line.settings import parse_settings
from station.line.shelf import Shelf
from station.line.states import State

WAIT_S = 10.0


def until(condition: Callable[[], bool]) -> None:
    """Wait for something, but not for ever."""
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        threading.Event().wait(0.01)


@dataclass
class OpenStation:
    """An open line and its doors."""

    line: Line
    shelf: Shelf
    doors: Doors
    http: int
    modbus: int
    ascii: int


OpenStationWith = Callable[..., OpenStation]


@pytest.fixture
def open_station(
    tmp_path: Path,
    tiny_recipe: Recipe,
    tiny_model_dir: Path,
    draw_part: Callable[..., Image],
) -> Iterator[OpenStationWith]:
    """open_station(greys=(90, 170), room=Room, prepared=None, **line): parts of these greys."""
    opened: list[OpenStation] = []

    def start(
        greys: tuple[float, ...] = (90, 170),
        *,
        room: Callable[[], Room] = Room,
        prepare: Callable[[PreparedRecipe], PreparedRecipe] = lambda prepared: prepared,
        **line: object,
    ) -> OpenStation:
        folder = tmp_path / f"station{len(opened)}"
        write_recipe(tiny_recipe, folder / "recipes" / "tiny.json")
        other = tiny_recipe.model_copy(update={"recipe_id": "other", "version": 7})
        write_recipe(other, folder / "recipes" / "other.json")
        (folder / "recipes" / "broken.json").write_text("{}")
        (folder / "parts").mkdir()
        for number, grey in enumerate(greys):
            cv2.imwrite(str(folder / "parts" / f"{number}.png"), draw_part(grey, seed=number))
        source = {
            "kind": "folder", "path": str(folder / "parts"), "loop": True, "rate_per_s": 200,
        }  # fmt: skip
        settings = parse_settings(
            {
                "line": {"recipe": "tiny", "autostart": False, "isolation": "thread", **line},
                "source": source,
                "plc": {"port": 0, "modbus_port": 0, "ascii_port": 0},
            },
            "test",
        )
        shelf = Shelf((folder / "recipes",), Site(model_dirs=(tiny_model_dir,)))
        running = Line(
            settings.line,
            prepare(shelf.prepare("tiny")),
            settings.source,
            Journal(folder / "journal.sqlite"),
            Pictures(folder / "pictures", KeepPolicy()),
        )
        terms = Terms(
            recipes={1: "tiny", 2: "other", 3: "broken"},
            prepare=shelf.prepare,
            record_counts=running.journal.record_plc_counts,
            deadline_ms=settings.line.deadline_ms,
            most_under_way=settings.line.queue_size + settings.line.workers,
            reject_window=settings.line.reject_window,
        )
        ports = bind_ports(settings.plc)
        doors = Doors(ports, running, terms, room=room)
        numbers = [door.getsockname()[1] for door in ports.bound]
        station = OpenStation(running, shelf, doors, *numbers)
        opened.append(station)
        until(lambda: running.state is State.READY)
        return station

    yield start
    for station in opened:
        station.doors.close()
        station.line.close()


class Plc:
    """A client as a PLC has it: one socket, one `recv` of 254 bytes an answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)

    def ask(self, method: str, target: str, *more: str) -> tuple[int, str]:
        """Status and body of one request; the answer must be whole after one `recv`."""
        lines = (f"{method} {target} HTTP/1.1", "Host: station", *more, "", "")
        self.socket.sendall("\r\n".join(lines).encode("latin-1"))
        return read_whole(self.socket.recv(254))

    def close(self) -> None:
        self.socket.close()


def read_whole(answer: bytes) -> tuple[int, str]:
    """Status and body of an answer that came in one piece and keeps to the contract."""
    head, mark, body = answer.partition(b"\r\n\r\n")
    assert mark, answer
    assert len(answer) <= 200, answer
    names = dict(line.split(": ", 1) for line in head.decode("ascii").split("\r\n")[1:])
    assert int(names["Content-Length"]) == len(body), answer
    assert "Transfer-Encoding" not in names
    return int(head.split(b" ")[1]), body.decode("ascii")


@pytest.fixture
def connect() -> Iterator[Callable[[int], Plc]]:
    """connect(port): a PLC."""
    clients: list[Plc] = []

    def start(port: int) -> Plc:
        clients.append(Plc(port))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


class StandInLine:
    """A line whose jobs are answered by the test."""

    def __init__(self, prepared: PreparedRecipe) -> None:
        self.counters, self.prepared = Counters(), prepared
        self.state, self.beat, self.stop_request = State.READY, 0, ""
        self.is_closed, self.has_room = False, True
        self.jobs: list[tuple[Job, Future[Result]]] = []
        self.resets = self.forgotten = 0
        self._listeners: list[Callable[[Result], None]] = []

    def trigger(self, job: Job) -> Future[Result]:
        if self.is_closed:
            raise StateError("closed")
        self.counters.triggered()
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        self.jobs.append((job, future))
        return future

    def answer(self, number: int = -1, **fields: object) -> None:
        """Answer a job: OK, unless the fields say otherwise."""
        job, future = self.jobs[number]
        result = replace(ok(job, self.prepared), **fields)  # type: ignore[arg-type]
        self.counters.answered(result)
        future.set_result(result)

    def lose(self, sequence: int) -> None:
        """Say that a trigger never came."""
        result = unanswered(
            Job(trigger_sequence=sequence), self.prepared, ResultState.FAILED,
            StationReason.LOST_TRIGGER,
        )  # fmt: skip
        for listener in self._listeners:
            listener(result)

    def activate(self, prepared: PreparedRecipe) -> None:
        self.prepared = prepared

    def reset(self) -> None:
        if self.is_closed:
            raise StateError("closed")
        self.resets += 1

    def forget_sequences(self) -> None:
        self.forgotten += 1

    def subscribe(self, listener: Callable[[Result], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)


def ok(job: Job, prepared: PreparedRecipe) -> Result:
    """A part that passes."""
    return Result(
        job_id=job.job_id, part_id=job.part_id, product_id="", meas_id="", camera_id="cam",
        sequence=1, result_state=ResultState.COMPLETED, evaluation=Evaluation.OK, passed=True,
        reason_code=None, reason_text="", findings=(), recipe_id="tiny", recipe_version=1,
        recipe_hash=prepared.recipe_hash, models={}, configuration_id="", software_version="",
        is_simulated=True, is_partial=False, origin="", truth=None,
        triggered_at=job.triggered_at, acquired_at=None, completed_at=datetime.now(UTC),
        acquisition_ms=1.0, processing_ms=2.0, total_ms=23.4,
        trigger_sequence=job.trigger_sequence,
    )  # fmt: skip


AtDesk = Callable[[Callable[[Desk, StandInLine], Awaitable[None]]], None]


@pytest.fixture
def at_desk(tiny_prepared: PreparedRecipe) -> AtDesk:
    """at_desk(story): run a coroutine with a desk and the stand-in line behind it."""

    def run(story: Callable[[Desk, StandInLine], Awaitable[None]]) -> None:
        async def tell() -> None:
            line = StandInLine(tiny_prepared)
            with ThreadPoolExecutor(2) as pool, closing(Desk(line, terms(line), pool)) as desk:
                async with asyncio.timeout(WAIT_S):
                    await story(desk, line)

        asyncio.run(tell())

    return run


def terms(line: StandInLine) -> Terms:
    """A desk's terms around the stand-in line; recipe 2 is the same one by another name."""
    recipe = line.prepared.recipe.model_copy(update={"recipe_id": "other"})
    other = replace(line.prepared, recipe=recipe)
    return Terms(
        recipes={1: "tiny", 2: "other"},
        prepare={"tiny": line.prepared, "other": other}.__getitem__,
        record_counts=lambda *_: None,
        deadline_ms=5000,
        most_under_way=3,
        reject_window=100,
    )


def held_back(prepared: PreparedRecipe, gate: threading.Event) -> PreparedRecipe:
    """The same recipe with a tool that waits for the gate."""

    def run(frame: Frame) -> Sequence[Finding]:
        gate.wait(10)
        return prepared.checks["surface"].run(frame)

    return replace(prepared, checks={"surface": Check(run=run)})
