"""`python -m tests.benchmarks.accuracy`: what teaching is worth on labelled sets, beside chance.

Learns from at most 150 good pictures of each set with the defaults of `station teach anomaly`, and
judges all of the set's test pictures on one thread. The control is the same teaching on a feature
net with random weights: where it scores high too, the set tells little.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from station.core.errors import StationError
from tests.benchmarks.accuracy_rows import Measured, Way, measure, measure_time, nearest_to_timed
from tests.benchmarks.accuracy_sets import AnySet, NormalSet, find_sets
from tests.benchmarks.random_net import write_random_net

DEFAULT_DATA = Path(__file__).parents[3] / "shared" / "data"
Row = dict[str, object]
TARGETS = {
    ("casting", "normal only, image AUROC"): (0.96, 0.985),
    ("casting", "from 10 good, image AUROC"): (0.88, 0.94),
    ("magnetic_tile", "normal only, image AUROC"): (0.80, 0.90),
    ("magnetic_tile", "+ 10 marked, image AUROC"): (0.84, 0.93),
    ("bsdata", "normal only, pixel AUROC"): (0.96, 0.98),
    ("screws_missing", "regions"): (0.998, None),
    ("screws_missing", "from 5 complete pictures, AUROC"): (None, 1.0),
    ("neu", "supervised, 5-fold accuracy"): (0.99, 0.998),
    ("", "teach 50 good, seconds"): (60.0, 10.0),
    ("", "inspect one 224 px picture, ms"): (12.0, 5.0),
}
"""(set, beginning of the row; any set where empty) -> (reach, moonshot); only printed."""


def main() -> None:
    """Measure, print a line for each figure as it comes, and one JSON line where asked."""
    options = _options()
    cv2.setNumThreads(1)
    sets = find_sets(options.data, options.sets.split(",") if options.sets else ())
    own = Way(features=options.features, is_fast=options.fast)
    started_s = time.perf_counter()
    rows: list[Row] = []
    failed: list[str] = []
    with TemporaryDirectory(prefix="accuracy-") as folder:
        net = "" if options.no_control else str(write_random_net(Path(folder)))
        control = Way(features=net, is_fast=options.fast, seeds=(0,)) if net else None
        print(_line("set", "figure", "value", "random", "reach", "moonshot", "ms", "teach s"))
        for entry in sets:
            try:
                rows.extend(_rows(entry, own, control))
            except StationError as error:
                failed.append(f"{entry.name}: {error}")
        timed = [entry for entry in sets if isinstance(entry, NormalSet)]
        if timed:
            rows.extend(_show(found, None) for found in measure_time(nearest_to_timed(timed), own))
    minutes = (time.perf_counter() - started_s) / 60
    print(f"{len(rows)} figures in {minutes:.1f} min", *failed, sep="\n", file=sys.stderr)
    if options.json:
        print(json.dumps({"features": options.features, "fast": options.fast, "rows": rows}))
    sys.exit(1 if failed else 0)


def _rows(entry: AnySet, own: Way, control: Way | None) -> Iterator[Row]:
    chance = {found.row: found.value for found in measure(entry, control)} if control else {}
    for found in measure(entry, own):
        yield _show(found, chance.get(found.row))


def _show(measured: Measured, chance: float | None) -> Row:
    reach, moonshot = _targets(measured)
    is_share = measured.row.endswith(("AUROC", "accuracy"))
    digits = 3 if is_share else 1
    value = f"{measured.value:.{digits}f}"
    if measured.spread is not None:
        value += f"±{measured.spread:.3f}"
    print(
        _line(
            measured.set, measured.row, value, *(_number(v, digits) for v in (chance,)),
            *(f"{v:g}" if v is not None else "" for v in (reach, moonshot)),
            _number(measured.ms, 1), _number(measured.teach_s, 1),
        ),
        flush=True,
    )  # fmt: skip
    return {**asdict(measured), "random": chance, "reach": reach, "moonshot": moonshot}


def _targets(measured: Measured) -> tuple[float | None, float | None]:
    for (name, row), goals in TARGETS.items():
        if name in ("", measured.set) and measured.row.startswith(row):
            return goals
    return None, None


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _line(*cells: str) -> str:
    widths = (16, 40, 14, 8, 7, 9, 7, 8)
    first, second, *rest = (
        f"{cell:<{width}}" if place < 2 else f"{cell:>{width}}"
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return first + second + "".join(rest)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of sets")
    parser.add_argument("--sets", default="", help="comma-separated names; all if left out")
    parser.add_argument("--features", default="auto", help="as `station teach anomaly` takes it")
    parser.add_argument("--fast", action="store_true", help="teach without the search")
    parser.add_argument("--no-control", action="store_true", help="leave random weights out")
    parser.add_argument("--json", action="store_true", help="one JSON line at the end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
