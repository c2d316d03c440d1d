"""The folder a batch writes to: what it was made with, its result lines, and going on with it."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from natsort import natsort_keygen, ns
from pydantic import BaseModel, ConfigDict, ValidationError

from station.core.errors import JournalError, SettingsError
from station.core.files import write_whole
from station.core.result import RESULT_JSON, Result, ResultState
from station.line.batch_pictures import RESULTS_FILE, Picture

SETTINGS_FILE = "batch.json"


class BatchSettings(BaseModel):
    """What a batch was made with; another one of these needs another folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    recipe_id: str
    recipe_version: int
    recipe_hash: str
    models: Mapping[str, str]
    configuration_id: str
    software_version: str
    annotate: str
    bits: int


@dataclass(frozen=True, slots=True)
class Done:
    """A picture that has its result."""

    size_bytes: int
    mtime_ns: int
    values: Mapping[str, str] = field(default_factory=dict)

    def covers(self, picture: Picture) -> bool:
        """True when the file is still the one that was inspected, and its job says the same."""
        is_same_file = (self.size_bytes, self.mtime_ns) == (picture.size_bytes, picture.mtime_ns)
        return is_same_file and dict(self.values) == dict(picture.values)


class BatchStore:
    """An open batch folder: lines are appended whole, in the order they are given."""

    def __init__(self, folder: Path, file_descriptor: int, done: Mapping[str, Done]) -> None:
        self.folder = folder
        self.done = done
        self._file_descriptor = file_descriptor

    @classmethod
    def open(cls, folder: Path, settings: BatchSettings) -> Self:
        """Begin in a new folder, or go on in one that was made with the same settings.

        Raises:
            SettingsError: the folder holds a batch made with something else.
            JournalError: it cannot be written.
        """
        path = folder / RESULTS_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _settle(folder, settings)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            os.ftruncate(descriptor, _whole_length(path))
            os.lseek(descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise unwritable(folder, error) from error
        return cls(folder, descriptor, _read_done(path))

    def append(self, line: bytes) -> None:
        """Add one line, whole.

        Raises:
            JournalError: the disk is full, or the folder is gone.
        """
        try:
            written = os.write(self._file_descriptor, line)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        if written != len(line):
            raise JournalError(f"the disk of {self.folder} is full; make room and run it again")

    def close(self) -> None:
        """Bring the lines to the disk."""
        os.fsync(self._file_descriptor)
        os.close(self._file_descriptor)


def line_of(result: Result, picture: Picture) -> bytes:
    """A result as a line of results.jsonl: the Result's JSON, and the file's size and stamp.

    Where the job said what must be on the part, that stands there too.
    """
    stamp = b',"file_bytes":%d,"file_mtime_ns":%d' % (picture.size_bytes, picture.mtime_ns)
    values = json.dumps(dict(picture.values)).encode()
    said = b',"job_values":' + values if picture.values else b""
    return RESULT_JSON.dump_json(result)[:-1] + stamp + said + b"}\n"


def read_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of a batch folder, the newest of each picture, in natural order.

    Raises:
        JournalError: results.jsonl cannot be read, or a line of it is no record.
    """
    path = folder / RESULTS_FILE
    try:
        index = _index(path)
        with path.open("rb") as file:
            for offset in index.values():
                file.seek(offset)
                yield json.loads(file.readline())
    except (OSError, ValueError, KeyError) as error:
        raise JournalError(f"{path} cannot be read: {error}; take another --out") from error


def tidy(folder: Path) -> None:
    """Put the lines of a batch that was gone on with into natural order, one for a picture."""
    path = folder / RESULTS_FILE
    offsets = list(_index(path).values())
    with path.open("rb") as file:
        lines = sum(1 for _ in file)
        if len(offsets) == lines and offsets == sorted(offsets):
            return
        draft = path.with_name(f".{RESULTS_FILE}.{os.getpid()}.part")
        with draft.open("wb") as sorted_file:
            for offset in offsets:
                file.seek(offset)
                sorted_file.write(file.readline())
    draft.replace(path)


def unwritable(folder: Path, error: OSError) -> JournalError:
    """The error for a batch folder that cannot be written."""
    return JournalError(
        f"cannot write to {folder}: {error.strerror or error}; make room, or take another --out"
    )


def _settle(folder: Path, settings: BatchSettings) -> None:
    path = folder / SETTINGS_FILE
    if not path.exists():
        if (folder / RESULTS_FILE).exists():
            raise SettingsError(
                f"{folder} holds a {RESULTS_FILE} but no {SETTINGS_FILE}; take another --out"
            )
        write_whole(path, (settings.model_dump_json(indent=2) + "\n").encode())
        return
    try:
        before = BatchSettings.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise SettingsError(f"{path} is damaged; take another --out ({error})") from error
    for name, text in (
        ("root", "pictures of"),
        ("recipe_hash", "recipe"),
        ("configuration_id", "configuration"),
        ("bits", "--bits"),
        ("annotate", "--annotate"),
    ):
        old, new = getattr(before, name), getattr(settings, name)
        if old != new:
            if name == "recipe_hash":
                old, new = _recipe_name(before), _recipe_name(settings)
            raise SettingsError(
                f"{folder} holds results made with {text} {old}, this is {text} {new}; "
                "take another --out, or remove that folder"
            )


def _recipe_name(settings: BatchSettings) -> str:
    return f"{settings.recipe_id} v{settings.recipe_version} ({settings.recipe_hash[:12]})"


def _whole_length(path: Path) -> int:
    """The length up to the end of the last whole line."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            at = file.read(end - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            end = start
    return 0


def _read_done(path: Path) -> dict[str, Done]:
    """What need not be inspected again; a picture that could not be inspected is tried again."""
    done: dict[str, Done] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
                origin = record["origin"]
                if record["result_state"] == ResultState.COMPLETED:
                    values = record.get("job_values", {})
                    done[origin] = Done(record["file_bytes"], record["file_mtime_ns"], values)
                else:
                    done.pop(origin, None)
            except (ValueError, KeyError, TypeError) as error:
                raise JournalError(
                    f"line {number} of {path} is no result ({error}); take another --out"
                ) from error
    return done


def _index(path: Path) -> dict[str, int]:
    """Origin -> where its newest line begins, in natural order of origins."""
    index: dict[str, int] = {}
    offset = 0
    with path.open("rb") as file:
        for line in file:
            index[json.loads(line)["origin"]] = offset
            offset += len(line)
    key = natsort_keygen(alg=ns.PATH | ns.IC)
    return dict(sorted(index.items(), key=lambda entry: key(entry[0])))
