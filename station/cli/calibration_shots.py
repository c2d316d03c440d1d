"""Pictures to calibrate with: from a folder, or taken now and kept in one."""

import time
import tomllib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from station.cli.home import home
from station.core.errors import CalibrationError, SettingsError
from station.core.files import write_whole
from station.core.frame import Image
from station.core.plugin import Source, parse
from station.line.settings import read_settings
from station.vision.frames import decoded
from station.vision.images import encode_png, find_pictures, read_image

Folder = Annotated[Path | None, typer.Argument(metavar="DIR", help="Pictures taken before.")]
Camera = Annotated[
    bool, typer.Option("--camera", help="Take the pictures now, with the station's camera.")
]
Settings = Annotated[Path, typer.Option(help="With --camera: the file whose source is used.")]
SourceOf = Annotated[
    list[str] | None,
    typer.Option("--source", help="With --camera: kind=…, device=… instead; repeatable."),
]
CameraId = Annotated[
    str | None,
    typer.Option(
        help="Whose calibration it is. If not told: the one of the settings, else camera."
    ),
]
Seconds = Annotated[float, typer.Option(min=1, help="With --camera: how long at most.")]
STATION_TOML = Path("station.toml")

Judge = Callable[[Image], str]
"""Empty if a picture is wanted, else why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where pictures come from."""

    folder: Path | None
    source: Source | None
    camera_id: str
    seconds: float

    @classmethod
    def of(
        cls, folder: Path | None, camera: bool, settings: Path, source: Sequence[str] | None,
        camera_id: str | None, seconds: float,
    ) -> "Origin":  # fmt: skip
        """The command line, read.

        Raises:
            SettingsError: neither or both of DIR and --camera, or a source that is not one.
        """
        live = camera or bool(source)
        if live == (folder is not None):
            raise SettingsError("give either DIR with pictures, or --camera to take them now")
        if not live:
            usual = read_settings(settings).source.camera_id if settings.is_file() else "camera"
            return cls(folder=folder, source=None, camera_id=camera_id or usual, seconds=seconds)
        found = _source_of(source, settings)
        return cls(
            folder=None, source=found, camera_id=camera_id or found.camera_id, seconds=seconds
        )

    def pictures(
        self, step: str, count: int, judge: Judge = lambda _: ""
    ) -> list[tuple[str, Image]]:
        """Name and image of each picture: all of the folder, or `count` wanted ones taken now.

        Raises:
            CalibrationError: there are none.
            StationError: the camera or a picture cannot be read.
        """
        folder = self.folder or self._take(step, count, judge)
        if not folder.is_dir():
            raise CalibrationError(f"there is no folder {folder}")
        found = [(path.name, read_image(path)) for path in find_pictures(folder)]
        if not found:
            raise CalibrationError(f"there are no pictures in {folder}")
        return found

    def within(self, name: str) -> "Origin":
        """The same, but for a folder below it."""
        return Origin(
            folder=self.folder and self.folder / name, source=self.source,
            camera_id=self.camera_id, seconds=self.seconds,
        )  # fmt: skip

    def _take(self, step: str, count: int, judge: Judge) -> Path:
        """Take pictures and keep them, so that they can be looked at again."""
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        folder = home() / "calibration" / "pictures" / self.camera_id / f"{step}-{stamp}"
        if self.source is None:
            raise SettingsError("there is no camera to take pictures with")
        typer.echo(f"taking {count} pictures, kept in {folder}")
        until_s, taken, last = time.monotonic() + self.seconds, 0, ""
        with closing(self.source.open()) as feed:
            while taken < count and time.monotonic() < until_s:
                frame = feed.grab(max(0.1, until_s - time.monotonic()))
                if frame is None:
                    break
                frame = decoded(frame)
                why = judge(frame.image)
                if not why:
                    taken += 1
                    write_whole(folder / f"{taken:03}.png", encode_png(frame.image), durable=False)
                    why = f"picture {taken} of {count} taken"
                if why != last:
                    typer.echo(f"  {why}")
                last = why
        if not taken:
            raise CalibrationError(f"no picture was taken: {last or 'the camera gave no frame'}")
        return folder


def one_size(pictures: Sequence[tuple[str, Image]]) -> tuple[int, int]:
    """Width and height that all pictures have.

    Raises:
        CalibrationError: they differ; says which does.
    """
    sizes = {name: (image.shape[1], image.shape[0]) for name, image in pictures}
    first = next(iter(sizes.values()))
    odd = next((name for name, size in sizes.items() if size != first), None)
    if odd:
        raise CalibrationError(
            f"{odd} is {sizes[odd][0]} x {sizes[odd][1]}, the first picture {first[0]} x "
            f"{first[1]}; a calibration holds for one size: take all pictures with the same camera "
            "settings"
        )
    return first


def _source_of(entries: Sequence[str] | None, settings: Path) -> Source:
    if not entries:
        return read_settings(settings).source
    fields: dict[str, Any] = {}
    for entry in entries:
        name, found, value = entry.partition("=")
        if not found:
            raise SettingsError(f"--source {entry!r} is not KEY=VALUE, as in kind=folder")
        fields[name.strip()] = _value(value.strip())
    return parse(Source, fields)


def _value(text: str) -> object:
    """A TOML value, or the text itself, so that nobody has to quote a path for the shell."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
