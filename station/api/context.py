"""What the routes work with: the line, the shelf of recipes, the settings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Annotated

from fastapi import Depends, Request

from station.line.line import Line
from station.line.settings import StationSettings
from station.line.shelf import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One running station, as the API sees it."""

    line: Line
    shelf: Shelf
    settings: StationSettings
    pool: ThreadPoolExecutor
    """For what would block the loop: decoding, drawing, reading the journal."""
    uploads: Iterator[int] = field(default_factory=lambda: count(1))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Station = Annotated[Context, Depends(_context)]
