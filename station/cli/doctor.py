"""`station doctor`: is everything there that the station needs; one line each."""

import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from station.cli.doctor_site import driver, journal, self_trigger, watch
from station.cli.home import home, model_dirs, site
from station.cli.line import open_shelf
from station.cli.looked_at import Line
from station.cli.model_taught import check_taught
from station.core.configuration import Configuration, load_configuration
from station.core.errors import NoFrameError, StationError
from station.core.plugin import Sink, Source, Tool, discover
from station.line.settings import StationSettings, read_settings
from station.vision.card import find_model, list_models
from station.vision.frames import decoded
from station.vision.model import load_model
from station.vision.taught import TAUGHT_FILE

FREE_BYTES_WANTED = 2_000_000_000
OLDEST_SANE_YEAR = 2026
JOURNAL = "var"
"""Below the home: where `station run` keeps the journal."""
LIBRARIES = (
    "opencv-python-headless",
    "onnxruntime",
    "numpy",
    "fastapi",
    "nicegui",
    "rapidocr",
    "zxing-cpp",
)


def doctor(
    settings: Annotated[Path, typer.Argument(help="The station's settings.")] = Path(
        "station.toml"
    ),
) -> None:
    """Look at versions, plug-ins, models, recipe, camera, disk, ports and clock."""
    lines = []
    for line in examine(settings):
        lines.append(line)
        mark, colour = ("ok  ", "green") if line.is_fine else ("TODO", "red")
        typer.secho(mark, fg=colour, nl=False)
        typer.echo(f"  {line.what:<10} {line.finding}")
        if line.advice:
            typer.echo(f"      {'':<10} -> {line.advice}")
    raise typer.Exit(0 if all(line.is_fine for line in lines) else 1)


def examine(path: Path) -> Iterator[Line]:
    """Everything the station needs, looked at one by one; never raises."""
    yield _python()
    yield from _libraries()
    yield _plugins()
    yield from _models()
    yield from _calibrations(datetime.now(UTC))
    yield _disk()
    yield _clock()
    if not path.is_file():
        yield Line("settings", f"no {path}: fine for batch work and the demo")
        return
    try:
        settings = read_settings(path)
    except StationError as error:
        yield Line("settings", str(path), str(error))
        return
    yield Line("settings", f"{path} is sound")
    yield from _recipes(settings)
    yield journal(home() / JOURNAL)
    yield from filter(None, (_driver(settings), self_trigger(settings.line), watch()))
    yield _camera(settings)
    yield _port("api", settings.api.host, settings.api.port)
    if settings.hmi.enabled:
        yield _port("hmi", settings.hmi.host, settings.hmi.port)
    plc = settings.plc
    wanted = {"port": plc.port, "modbus_port": plc.modbus_port, "ascii_port": plc.ascii_port}
    for setting, port in wanted.items():
        if plc.enabled and port is not None:
            yield _port("plc", plc.host, port, setting)


def _python() -> Line:
    found = f"{platform.python_version()} on {platform.platform()}"
    fine = sys.version_info >= (3, 11)
    return Line("python", found, "" if fine else "install Python 3.11 or newer")


def _libraries() -> Iterator[Line]:
    for name in LIBRARIES:
        try:
            yield Line("library", f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Line("library", f"{name} is missing", "run `python run.py` again")
    try:
        version("opencv-python")
    except PackageNotFoundError:
        return
    yield Line(
        "library",
        "opencv-python is installed beside opencv-python-headless",
        "uninstall both, then install opencv-python-headless alone",
    )


def _plugins() -> Line:
    try:
        kinds = [f"{len(discover(family))} {family.__name__.lower()}s" for family in _FAMILIES]
    except StationError as error:
        return Line("plug-ins", "one does not import", str(error))
    return Line("plug-ins", ", ".join(kinds))


_FAMILIES = (Source, Tool, Sink)


def _models() -> Iterator[Line]:
    names = list_models(model_dirs())
    if not names:
        yield Line("models", "none", "teach one: station teach classify DIR --name NAME")
    for name in names:
        try:
            card = load_model(find_model(name, model_dirs())).card
            yield Line("model", f"{name}: {card.task}, sha256 {card.sha256[:12]}")
        except StationError as error:
            yield Line("model", name, str(error))
    for name in list_models(model_dirs(), TAUGHT_FILE):
        try:
            folder = find_model(name, model_dirs(), file=TAUGHT_FILE)
            checked = list(check_taught(folder))
            yield Line("taught", checked[0].removeprefix("card: "))
        except StationError as error:
            yield Line("taught", name, str(error))


def _calibrations(now: datetime) -> Iterator[Line]:
    """One line a camera with a Configuration of this station's own."""
    for path in sorted((home() / "calibration").glob("*.json")):
        if path.name.endswith(".schema.json"):
            continue
        try:
            yield _calibration(load_configuration(path), now)
        except StationError as error:
            yield Line("calibrated", path.name, f"{error}; repair it, or take it from earlier/")


def _calibration(found: Configuration, now: datetime) -> Line:
    steps = ", ".join(step.name for step in found.steps) or "nothing"
    words = f"{found.camera_id}: {steps} ({found.in_words})"
    if found.due_at is None:
        return Line("calibrated", words)
    due = [step.name for step in found.steps if step.due_at and not now <= step.due_at]
    advice = f"overdue: station calibrate {', '.join(due) or 'anew'}"
    if found.when_overdue == "not_decidable":
        advice += "; until then no part passes"
    return Line("calibrated", words, advice if found.is_overdue(now) else "")


def _disk() -> Line:
    free = shutil.disk_usage(home()).free
    fine = free >= FREE_BYTES_WANTED
    advice = "make room, or lower journal.max_picture_bytes and max_age_days"
    return Line("disk", f"{free / 1e9:.1f} GB free at {home()}", "" if fine else advice)


def _clock() -> Line:
    now = datetime.now(UTC)
    fine = now.year >= OLDEST_SANE_YEAR
    advice = "set the clock: results are filed and kept by time"
    return Line("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC", "" if fine else advice)


def _recipes(settings: StationSettings) -> Iterator[Line]:
    """The one to start with, and those a PLC may ask for by number."""
    camera_id, plc = settings.source.camera_id, settings.plc
    yield _recipe(settings.line.recipe, camera_id)
    for number, name in plc.recipes.items() if plc.enabled else ():
        line = _recipe(name, camera_id)
        advice = f"make the recipe, or correct plc.recipes: {line.advice}" if line.advice else ""
        yield Line("recipe", f"for the plc's number {number}: {line.finding}", advice)


def _recipe(name: str, camera_id: str) -> Line:
    try:
        prepared = open_shelf(camera_id).prepare(name)
    except StationError as error:
        return Line("recipe", name, str(error))
    recipe = prepared.recipe
    found = f"{recipe.recipe_id} version {recipe.version}, hash {prepared.recipe_hash[:12]}"
    return Line("recipe", found)


def _driver(settings: StationSettings) -> Line | None:
    return driver(settings.source.kind, getattr(settings.source, "producer", None))


def _camera(settings: StationSettings) -> Line:
    source = settings.source
    try:
        feed = source.open()
    except StationError as error:
        return Line("camera", f"{source.camera_id} ({source.kind})", str(error))
    try:
        grabbed = feed.grab(settings.line.grab_timeout_ms / 1e3)
        frame = decoded(grabbed) if grabbed else None
        if frame is not None:
            height, width = frame.image.shape[:2]
            site(source.camera_id).configuration.check_size(width, height)
    except NoFrameError:
        frame = None
    except StationError as error:
        return Line("camera", f"{source.camera_id} ({source.kind})", str(error))
    finally:
        feed.close()
    if frame is None:
        return Line("camera", f"{source.camera_id} ({source.kind}) is open, gave no frame")
    shape = " x ".join(str(size) for size in frame.image.shape[1::-1])
    return Line("camera", f"{source.camera_id} ({source.kind}) gave a frame of {shape}")


def _port(what: str, host: str, port: int, setting: str = "port") -> Line:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as door:
        try:
            door.bind((host, port))
        except OSError as error:
            advice = f"end the other program, or set {what}.{setting} in station.toml"
            return Line("port", f"{port} for the {what}: {error.strerror}", advice)
    return Line("port", f"{port} for the {what} is free")
