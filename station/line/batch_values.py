"""Which values the job of each picture of a batch carries: for all, or row by row in values.csv."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from station.core.errors import SettingsError
from station.core.job_values import check_values

VALUES_FILE = "values.csv"
FILE_COLUMN = "file"

Rows = Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class FolderValues:
    """The values of pictures: those for all, and over them the row of its folder's values.csv."""

    for_all: Mapping[str, str] = field(default_factory=dict)
    _known: dict[Path, Rows] = field(default_factory=dict)

    def of(self, path: Path) -> dict[str, str]:
        """The values of one picture.

        Raises:
            SettingsError: values.csv beside it cannot be used.
        """
        folder = path.parent
        if folder not in self._known:
            table = folder / VALUES_FILE
            self._known[folder] = read_table(table) if table.is_file() else {}
        return check_values({**self.for_all, **self._known[folder].get(path.name, {})})


def read_table(path: Path) -> Rows:
    """File name -> values, from a table with the column `file` and one for each value.

    An empty cell is no value. Separated by comma or semicolon, UTF-8.

    Raises:
        SettingsError: it cannot be read, or a row is wrong; says which.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as UTF-8: {error}") from error
    header = text.partition("\n")[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(text.splitlines(), delimiter=separator, strict=True)
    rows: dict[str, Mapping[str, str]] = {}
    try:
        columns = reader.fieldnames or ()
        if FILE_COLUMN not in columns or len(set(columns)) != len(columns):
            raise SettingsError(
                f"{path} needs a first line with the column {FILE_COLUMN!r} and one column for "
                f"each value, none of them twice, got {', '.join(columns) or 'nothing'}"
            )
        for row in reader:
            _take(rows, row, path, reader.line_num)
    except csv.Error as error:
        raise SettingsError(f"{path}, line {reader.line_num}: {error}") from error
    return rows


def _take(
    rows: dict[str, Mapping[str, str]], row: Mapping[str, str | None], path: Path, line: int
) -> None:
    where = f"{path}, line {line}"
    if None in row or None in row.values():
        raise SettingsError(f"{where} has not as many cells as the first line")
    cells = {name: cell.strip() for name, cell in row.items() if cell is not None}
    name = cells.pop(FILE_COLUMN)
    if name in rows:
        raise SettingsError(f"{where}: there is a row for {name!r} already")
    if not (path.parent / name).is_file():
        raise SettingsError(f"{where}: there is no picture {name!r} beside it; correct the name")
    try:
        rows[name] = check_values({key: cell for key, cell in cells.items() if cell})
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None
