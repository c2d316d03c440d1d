"""A real API on a real socket, in front of a real line on tiny parts."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx
import pytest
import uvicorn

from station.api.app import create_app
from station.api.context import Context
from station.api.server import listen
from station.core.frame import Image
from station.core.plugin import Site
from station.core.recipe import Recipe, write_recipe
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.line.line import Line
from station.line.settings import ApiSettings, StationSettings, parse_settings
from station.line.shelf import Shelf


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the station of `api` keeps its recipes and records."""
    return tmp_path_factory.mktemp("station")


@pytest.fixture(scope="module")
def api(
    folder: Path,
    tiny_recipe: Recipe,
    tiny_model_dir: Path,
    draw_part: Callable[..., Image],
) -> Iterator[httpx.Client]:
    """A client of a station whose source is a looping folder of good parts, stopped at first."""
    write_recipe(tiny_recipe, folder / "recipes" / "tiny.json")
    other = tiny_recipe.model_copy(update={"recipe_id": "other", "version": 7})
    write_recipe(other, folder / "recipes" / "other.json")
    (folder / "recipes" / "broken.json").write_text("{}")
    (folder / "parts").mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / "parts" / f"{number}.png"), draw_part(90, seed=number))
    settings = parse_settings(
        {
            "line": {
                "recipe": "tiny",
                "autostart": False,
                "isolation": "thread",
                "duplicate_window_s": 0,
            },
            "source": {
                "kind": "folder",
                "path": str(folder / "parts"),
                "loop": True,
                "rate_per_s": 100,
            },
            "api": {"port": 0, "max_body_bytes": 2_000_000},
        },
        "test",
    )
    yield from serve(settings, folder, tiny_model_dir)


def serve(settings: StationSettings, folder: Path, models: Path) -> Iterator[httpx.Client]:
    """A client of a station with these settings, whose recipes and records lie in `folder`."""
    shelf = Shelf((folder / "recipes",), Site(model_dirs=(models,)))
    line = Line(
        settings.line,
        shelf.prepare("tiny"),
        settings.source,
        Journal(folder / "journal.sqlite"),
        Pictures(folder / "pictures", KeepPolicy()),
        settings.sinks,
    )
    door = listen(ApiSettings(port=0))
    door.listen()  # a question before the server runs waits, instead of being refused
    with ThreadPoolExecutor(2) as pool:
        app = create_app(Context(line=line, shelf=shelf, settings=settings, pool=pool))
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        address = f"http://127.0.0.1:{door.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=10, trust_env=False) as client:
            end_s = time.monotonic() + 10
            while client.get("/readyz").status_code != 200 and time.monotonic() < end_s:
                threading.Event().wait(0.02)
            yield client
        server.should_exit = True
        thread.join()
    line.close()
