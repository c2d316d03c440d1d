"""python -m tests.benchmarks.tools [--data DIR] [--json] [--only KEY …]: a table with truth."""

import argparse
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tests.benchmarks.tools.figures import Figures, NoPicturesError

DATA = Path(__file__).parents[3].parent / "shared" / "data"
KEYS = ("screws", "deeppcb", "barcodes", "labels", "locate", "measure", "board")
"""Each a module of this package with `measure(data: Path) -> Figures`."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folders of real photographs")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument("--only", nargs="*", choices=KEYS, default=KEYS)
    asked = parser.parse_args(arguments)
    seen: dict[str, dict[str, float]] = {}
    for key in asked.only:
        try:
            figures: Figures = import_module(f"tests.benchmarks.tools.{key}").measure(asked.data)
        except NoPicturesError as error:
            print(f"{key:<10} skipped: {error}", flush=True)
            continue
        for line in figures.lines:
            print(f"{key:<10} {line}", flush=True)
        seen[key] = dict(figures.numbers)
    if asked.json:
        print(json.dumps(seen))


if __name__ == "__main__":
    main()
