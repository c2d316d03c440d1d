"""`station line`: the line and its API in one process; the supervisor starts it."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from station.api.plc.desk import Terms
from station.api.plc.doors import Doors, bind_ports
from station.api.server import listen, serve
from station.cli.home import home, shipped, site
from station.cli.notify import Notify, Pulse, Tell, say
from station.journal.lock import FolderLock
from station.journal.pictures import Pictures
from station.journal.records import Journal
from station.journal.shifts import Shifts
from station.line.housekeeping import Housekeeping
from station.line.isolated import warm_up
from station.line.line import Line
from station.line.pauses import spare_what_stays, take_short_turns
from station.line.priority import put_first
from station.line.settings import StationSettings, read_settings
from station.line.shelf import Shelf
from station.vision.memory import keep_picture_memory

BALLAST_BYTES = 16_000_000
"""Given up when the disk is full: thousands of records more."""


def line(
    settings: Annotated[Path, typer.Argument(help="The station.toml.")],
    journal: Annotated[Path, typer.Option(help="Folder of the journal.")] = Path("var"),
    ends_with_stdin: Annotated[bool, typer.Option(hidden=True)] = False,
    says_beat: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the line and its API without a supervisor and without the operator's page."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    run_line(read_settings(settings), journal, ends_with_stdin=ends_with_stdin, says_beat=says_beat)


def run_line(
    settings: StationSettings, folder: Path, *, ends_with_stdin: bool, says_beat: bool = False
) -> None:
    """Open everything, serve until told to end, close everything.

    Raises:
        StationError: the recipe, a model, the port, the journal or a sink cannot be used.
    """
    put_first(settings.line.priority)
    take_short_turns()
    keep_picture_memory()
    if settings.line.isolation == "process":
        warm_up()
    shelf = open_shelf(settings.source.camera_id)
    prepared = shelf.prepare(settings.line.recipe)
    door, ports = listen(settings.api), bind_ports(settings.plc)
    with ExitStack() as opened:
        opened.callback(ports.close)
        opened.callback(FolderLock(folder).release)
        journal = Journal(
            folder / "journal.sqlite",
            shifts=Shifts(settings.shifts),
            ballast_bytes=BALLAST_BYTES,
        )
        pictures = Pictures(folder / "pictures", settings.journal)
        housekeeping = Housekeeping(journal, pictures, settings.journal)
        running = Line(
            settings.line, prepared, settings.source, journal, pictures, settings.sinks,
            settings.alarms,
        )  # fmt: skip
        opened.callback(running.close)
        opened.callback(housekeeping.close)
        doors = Doors(ports, running, _terms(settings, shelf, journal))
        opened.callback(doors.close)
        pulse = Pulse(lambda: running.beat, _tells(running, says_beat=says_beat))
        opened.callback(pulse.close)
        spare_what_stays()
        serve(running, shelf, settings, door, ends_with_stdin=ends_with_stdin)


def _terms(settings: StationSettings, shelf: Shelf, journal: Journal) -> Terms:
    line = settings.line
    return Terms(
        recipes=settings.plc.recipes,
        prepare=shelf.prepare,
        record_counts=journal.record_plc_counts,
        deadline_ms=line.deadline_ms,
        most_under_way=line.queue_size + line.workers,
        reject_window=line.reject_window,
    )


def _tells(running: Line, *, says_beat: bool) -> list[Tell]:
    """Who hears that the inspection loop goes round: systemd, and the supervisor."""
    notify = Notify()

    def watchdog(_beat: int) -> None:
        notify.watchdog(": ".join(filter(None, (running.state, running.state_text))))

    return [watchdog, say] if says_beat else [watchdog]


def open_shelf(camera_id: str = "camera") -> Shelf:
    """The station's own recipes first, then the shipped ones."""
    folders = (home() / "recipes", shipped() / "sample_images")
    return Shelf(folders, site(camera_id))
