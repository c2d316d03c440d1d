"""A whole small station in a process of its own: line and API, until its standard input ends."""

import sys
from pathlib import Path

from station.api.server import listen, serve
from station.core.plugin import Site
from station.core.recipe import prepare, read_recipe
from station.journal.pictures import Pictures
from station.journal.records import Journal
from station.line.line import Line
from station.line.settings import parse_settings
from station.line.shelf import Shelf


def main(folder: Path, port: int) -> None:
    """Run `folder`'s models, recipes and pictures, four parts a second."""
    source = {"kind": "folder", "path": str(folder / "pictures"), "rate_per_s": 4, "loop": True}
    settings = parse_settings(
        {"line": {"recipe": "tiny"}, "source": source, "api": {"port": port}}, "the test"
    )
    site = Site(model_dirs=(folder / "models",))
    prepared = prepare(read_recipe(folder / "recipes" / "tiny.json"), site)
    door = listen(settings.api)
    line = Line(
        settings.line,
        prepared,
        settings.source,
        Journal(folder / "journal.sqlite"),
        Pictures(folder / "kept", settings.journal),
    )
    serve(line, Shelf((folder / "recipes",), site), settings, door, ends_with_stdin=True)
    line.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
