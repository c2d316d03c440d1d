"""The demo board: CPU of one inspection, and how many rendered boards come out right."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from station.core.recipe import PreparedRecipe, prepare, read_recipe
from station.core.result import Evaluation, Result
from station.sources.synthetic.board import REASON_CODES, render_board
from station.sources.synthetic.seeds import ACCEPTANCE
from tests.benchmarks.tools.figures import Figures
from tests.golden.acceptance import ROOT, SITE, judge

BOARDS = 100
"""Of each kind; none of them was taught from."""
CPU_MS = 120.0


@dataclass(slots=True)
class Count:
    """What came out of the boards of one kind."""

    right: int = 0
    passed: int = 0
    undecided: int = 0
    failed: int = 0
    named: int = 0
    """The fault's own position, or for print and code its own reason, is among the findings."""
    beside: int = 0
    """There are findings elsewhere too."""


def measure(data: Path) -> Figures:
    """100 good boards and 100 of each kind of fault; rendered, so no photographs are needed."""
    del data
    cv2.setNumThreads(1)
    prepared = prepare(read_recipe(ROOT / "sample_images" / "board" / "recipe.json"), SITE)
    spent_ms: list[float] = []
    counts = {code: _count(code, prepared, spent_ms) for code in (None, *REASON_CODES)}
    cpu_ms = float(np.median(spent_ms))
    good, bad = counts[None], [count for code, count in counts.items() if code]
    escapes, overkill = sum(count.passed for count in bad), BOARDS - good.right
    numbers = {
        "cpu_ms": round(cpu_ms, 1),
        "cpu_p95_ms": round(float(np.quantile(spent_ms, 0.95)), 1),
        "escapes": float(escapes),
        "overkill": float(overkill),
        "bad": float(len(bad) * BOARDS),
        "good": float(BOARDS),
    }
    return Figures(tuple(_lines(counts, numbers)), numbers)


def _lines(counts: dict[str | None, Count], numbers: dict[str, float]) -> Iterator[str]:
    yield (
        f"{numbers['cpu_ms']:.1f} ms CPU a part, 95 % within {numbers['cpu_p95_ms']:.1f} "
        f"(asked: {CPU_MS:g}); 1280 x 1024, locate, 27 positions, code, two fields of print"
    )
    yield (
        f"escapes {numbers['escapes']:.0f} of {numbers['bad']:.0f}, "
        f"overkill {numbers['overkill']:.0f} of {numbers['good']:.0f}"
    )
    for code, count in counts.items():
        told = f"fault named {count.named}, more elsewhere {count.beside}, " if code else ""
        yield (
            f"{code or 'good':<20} right {count.right} of {BOARDS}, passed {count.passed}, "
            f"{told}undecided {count.undecided}, not inspected {count.failed}"
        )


def _count(code: str | None, prepared: PreparedRecipe, spent_ms: list[float]) -> Count:
    count = Count()
    for number in range(BOARDS):
        board = render_board(seed=ACCEPTANCE + number, defect=code)
        started_s = time.process_time()
        result = judge(board.image, prepared)
        spent_ms.append((time.process_time() - started_s) * 1e3)
        wanted = Evaluation.NOT_OK if code else Evaluation.OK
        count.right += result.evaluation is wanted
        count.passed += result.passed
        count.undecided += result.evaluation is Evaluation.NOT_DECIDABLE
        count.failed += result.evaluation is Evaluation.UNDEFINED
        if code:
            own, elsewhere = _findings(result, code, board.truth.position)
            count.named += own
            count.beside += elsewhere
    return count


def _findings(result: Result, code: str, position: str | None) -> tuple[bool, bool]:
    """Is the fault among the findings, and is anything else?"""
    bad = [one for one in result.findings if one.evaluation is not Evaluation.OK]
    own = [
        one
        for one in bad
        if (one.text == position.lower() if position else one.reason_code == code)
    ]
    return bool(own), len(bad) > len(own)
