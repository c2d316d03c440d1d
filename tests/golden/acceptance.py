"""`python -m tests.golden.acceptance --n 2000`: the shipped models on parts nobody ever saw.

Renders fresh parts of each demo product, half of them good, and inspects each with the product's
fp32 and int8 model the way the station does. Prints the exact counts; exit code 0 when there are no
escapes and at most 2 % overkill, 1 otherwise.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import cv2

from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import PreparedRecipe, prepare, read_recipe
from station.core.result import Evaluation, Result
from station.inspection import inspect
from station.sources.synthetic import PRODUCTS, Rendered, render
from station.sources.synthetic.seeds import ACCEPTANCE
from station.tools.plain import plain_recipe
from station.vision.card import find_model, read_card

ROOT = Path(__file__).parents[2]
SITE = Site(model_dirs=(ROOT / "models",))
OVERKILL_ALLOWED = 0.02


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one model answered on parts with known truth."""

    name: str
    good: int = 0
    bad: int = 0
    escapes: list[str] = field(default_factory=list)
    overkills: list[str] = field(default_factory=list)
    not_decidable: int = 0
    wrong_reasons: int = 0
    unanswered: int = 0
    disagreements: int = 0
    cpu_ms: float = 0.0
    evaluations: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result, truth: str, origin: str) -> None:
        """Count one result."""
        is_good = truth == "ok"
        self.good, self.bad = self.good + is_good, self.bad + (not is_good)
        self.evaluations[result.evaluation.name] += 1
        self.unanswered += result.evaluation is Evaluation.UNDEFINED
        self.not_decidable += result.evaluation is Evaluation.NOT_DECIDABLE
        if is_good and not result.passed:
            self.overkills.append(origin)
        elif not is_good and result.passed:
            self.escapes.append(origin)
        elif not is_good and result.reason_code != truth:
            self.wrong_reasons += 1

    @property
    def is_accepted(self) -> bool:
        """No escape, overkill within the allowance, an answer for each part."""
        within = len(self.overkills) <= OVERKILL_ALLOWED * self.good
        return not self.escapes and not self.unanswered and within

    def lines(self) -> Iterator[str]:
        """The counts in words."""
        parts = self.good + self.bad
        yield (
            f"{self.name}: {parts} parts, {self.good} good, {self.bad} bad: "
            f"escapes {len(self.escapes)}, overkills {len(self.overkills)} "
            f"({len(self.overkills) / max(1, self.good):.2%}), "
            f"not_decidable {self.not_decidable}, wrong reason {self.wrong_reasons}, "
            f"unanswered {self.unanswered}, other verdict than fp32 {self.disagreements}, "
            f"{self.cpu_ms / max(1, parts):.2f} ms CPU a part: "
            f"{'accepted' if self.is_accepted else 'REFUSED'}"
        )
        yield from (f"  escape {origin}" for origin in self.escapes[:10])


def recipes_of(product: str) -> dict[str, PreparedRecipe]:
    """The product's shipped recipe, and the same around its int8 model."""
    recipe = read_recipe(ROOT / "sample_images" / product / "recipe.json")
    small = read_card(find_model(f"{product}-int8", SITE.model_dirs))
    tools = plain_recipe(small).tools
    return {
        product: prepare(recipe, SITE),
        small.name: prepare(recipe.model_copy(update={"tools": tools}), SITE),
    }


def judge(image: Image, prepared: PreparedRecipe, origin: str = "") -> Result:
    """One picture through the station's public way."""
    frame = Frame(
        image=image,
        camera_id="acceptance",
        sequence=0,
        acquired_at=datetime.now(UTC),
        origin=origin,
        is_simulated=True,
    )
    return inspect(frame, prepared, Job())


def fresh_parts(product: str, count: int) -> Iterator[Rendered]:
    """`count` parts never used before: good and bad in turn, each defect equally often."""
    codes = PRODUCTS[product].reason_codes
    for n in range(count):
        defect = codes[n // 2 % len(codes)] if n % 2 else None
        yield render(product, seed=ACCEPTANCE + n, defect=defect)


def accept(product: str, count: int) -> list[Tally]:
    """Both models of a product on `count` fresh parts."""
    recipes = recipes_of(product)
    tallies = [Tally(name=name) for name in recipes]
    for n, part in enumerate(fresh_parts(product, count)):
        verdicts = []
        for tally, prepared in zip(tallies, recipes.values(), strict=True):
            started = time.process_time()
            result = judge(part.image, prepared)
            tally.cpu_ms += (time.process_time() - started) * 1e3
            tally.add(result, part.truth, f"{product} seed {ACCEPTANCE + n} {part.truth}")
            verdicts.append(result.evaluation)
            tally.disagreements += result.evaluation is not verdicts[0]
    return tallies


def main() -> int:
    """Print the counts of all shipped models."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--n", type=int, default=2000, help="fresh parts a product")
    options.add_argument("--product", choices=list(PRODUCTS), action="append")
    asked = options.parse_args()
    cv2.setNumThreads(1)
    accepted = True
    for product in asked.product or PRODUCTS:
        for tally in accept(product, asked.n):
            accepted &= tally.is_accepted
            print(*tally.lines(), sep="\n", flush=True)
    return 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main())
