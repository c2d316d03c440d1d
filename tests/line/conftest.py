"""A real line on tiny parts, and sources that misbehave on command."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.core.errors import NoFrameError
from station.core.frame import Frame, Image
from station.core.plugin import Feed, Sink, Source
from station.core.recipe import PreparedRecipe
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.line.line import Line
from station.line.settings import AlarmSettings, LineSettings

Script = Sequence[Image | Exception]
OpenLine = Callable[..., Line]


class Scripted(Source, kind="scripted"):
    """Gives what the test puts in; raises what is an error; then waits."""

    model_config = Source.model_config | {"arbitrary_types_allowed": True}

    script: list[Image | Exception]
    live: bool = True
    simulated: bool = True

    @property
    def is_live(self) -> bool:
        return self.live

    def open(self) -> Feed:
        return ScriptedFeed(self)


class ScriptedFeed:
    """An open script; what was given is gone, over reconnects too."""

    def __init__(self, settings: Scripted) -> None:
        self._settings = settings
        self._sequence = 0

    def grab(self, timeout_s: float) -> Frame | None:
        if not self._settings.script:
            threading.Event().wait(timeout_s)
            raise NoFrameError("nothing left")
        entry = self._settings.script.pop(0)
        if isinstance(entry, Exception):
            raise entry
        self._sequence += 1
        return Frame(
            image=entry,
            camera_id=self._settings.camera_id,
            sequence=self._sequence,
            acquired_at=datetime.now(UTC),
            is_simulated=self._settings.simulated,
        )

    def close(self) -> None:
        pass


@pytest.fixture
def open_line(tiny_prepared: PreparedRecipe, tmp_path: Path) -> Iterator[OpenLine]:
    """open_line(script, prepared=…, settings): a running line, closed after the test."""
    lines: list[Line] = []

    def start(
        script: Script = (),
        *,
        prepared: PreparedRecipe = tiny_prepared,
        live: bool = True,
        simulated: bool = True,
        sinks: Sequence[Sink] = (),
        keep: KeepPolicy | None = None,
        alarms: AlarmSettings | None = None,
        **settings: object,
    ) -> Line:
        source = Scripted.model_construct(
            camera_id="cam", script=list(script), live=live, simulated=simulated
        )
        line = Line(
            LineSettings.model_validate(
                {"recipe": "tiny", "autostart": False, "isolation": "thread", **settings}
            ),
            prepared,
            source,
            Journal(tmp_path / "journal.sqlite"),
            Pictures(tmp_path / "pictures", keep or KeepPolicy()),
            sinks,
            alarms,
        )
        lines.append(line)
        return line

    yield start
    for line in lines:
        line.close()
