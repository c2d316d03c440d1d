"""The recipe is changed over and over while parts come: each result is by one recipe, whole."""

import threading
from collections.abc import Iterator, Mapping
from functools import partial

from station.cli.plc_sim import BeltSettings, SimulatedPlc
from station.core.recipe import PreparedRecipe, write_recipe
from station.core.result import Result
from station.line.counters import Counters
from tests.faults.bench import Bench, open_bench
from tests.faults.books import Books
from tests.faults.outcome import Group, Outcome, Trial
from tests.faults.stage import (
    BAD,
    DOUBTFUL,
    GOOD,
    loose_recipe,
    prepare_tiny,
    shelf_of,
    tiny_recipe,
    write_bright,
    write_parts,
)

RATE_PER_S = 30.0
MOST_SWITCHES_PER_S = 10.0
GREYS = (GOOD, DOUBTFUL, BAD)
PASSES = {"tiny": {GOOD}, "loose": {GOOD, DOUBTFUL}}
"""Which parts each recipe passes: the doubtful ones tell by which one a part was judged."""


def switch_under_load(trial: Trial) -> Outcome:
    """Two recipes with models of their own by turns, as fast as they go, at 30 parts/s."""
    write_bright(trial.home / "models", 1)
    write_bright(trial.home / "models", 2)
    recipes = {"tiny": tiny_recipe(), "loose": loose_recipe()}
    for name, recipe in recipes.items():
        write_recipe(recipe, trial.home / "recipes" / f"{name}.json")
    shelf = shelf_of(trial.home)
    ready = {name: shelf.prepare(name) for name in recipes}
    parts = round(trial.size / MOST_SWITCHES_PER_S * RATE_PER_S)
    source = write_parts(trial.home, GREYS, 4 * parts + 4000, bad=(BAD,))
    with open_bench(
        trial.home, prepare_tiny(trial.home), source, is_with_doors=True, isolation="process"
    ) as bench:
        plc = SimulatedPlc(
            BeltSettings(
                port=bench.port, parts=None, seconds=3600, rate_per_s=RATE_PER_S, gate_ms=1500
            )
        )
        belt = threading.Thread(target=plc.run)
        belt.start()
        _switch(bench, list(ready.values()), trial.size)
        plc.stop()
        belt.join(30)
        bench.until(lambda: bench.line.counters.look().in_progress == 0, "all is answered")
        books = bench.books()
        bench.problems += mixed(books, ready)
        seen = {result.recipe_id for result in books.results}
        bench.claim(seen == set(ready), f"only {seen} judged parts")
        return bench.outcome(injected=trial.size)


def _switch(bench: Bench, recipes: list[PreparedRecipe], times: int) -> None:
    """Change over so often, at least one part apart, and not faster than ten times a second."""
    counters, pause = bench.line.counters, threading.Event()
    for turn in range(times):
        due = counters.look().triggers + 1
        bench.line.activate(recipes[turn % 2])
        pause.wait(0.5 / MOST_SWITCHES_PER_S)
        bench.until(partial(_has_come, counters, due), "a part came")


def _has_come(counters: Counters, due: int) -> bool:
    return counters.look().triggers >= due


def mixed(books: Books, ready: Mapping[str, PreparedRecipe]) -> Iterator[str]:
    """Results that name one recipe and another one's hash, models or limits."""
    for result in books.results:
        named = ready[result.recipe_id]
        if (result.recipe_hash, result.models) != (named.recipe_hash, named.models):
            yield f"part {result.part_id}: by {result.recipe_id}, but its hash or models are not"
        elif result.findings and result.passed != (grey_of(result) in PASSES[result.recipe_id]):
            name = f"part {result.part_id} of grey {grey_of(result)}"
            yield f"{name}: not as {result.recipe_id} judges it"


def grey_of(result: Result) -> int:
    name = result.origin.rpartition("/")[2].rpartition(":")[2]
    return int(name.split("-")[0])


GROUPS = (
    Group(
        name="recipe_switch",
        claim="changed over under load, each result is by exactly one recipe and its models",
        run=switch_under_load,
        small=100,
        full=1000,
    ),
)
