"""Prints what the line is worth.

python -m tests.benchmarks.line [--seconds 60] [--triggers 2000] [--json]
"""

import argparse
import json
from typing import Any

import cv2
import numpy as np

from station.core.frame import Job
from station.core.recipe import PreparedRecipe
from station.inspection import inspect
from station.sources.synthetic import part_seed, render
from tests.benchmarks.line.costs import cpu_s, frame_of, int8_recipe, measure_costs, say
from tests.benchmarks.line.disk import watched_disk
from tests.benchmarks.line.load import loaded
from tests.benchmarks.line.rates import workers_ratio
from tests.benchmarks.line.station import running_station

RATE, DEADLINE_MS, REQUESTS_PER_S = 30, 100, 50
STORM_RATE = 100
FAULTS = (
    "lose_trigger=0.01", "double_trigger=0.01", "out_of_order=0.01", "lose_ack=0.01",
    "slow_reader=0.005", "burst=0.004", "vanish=0.001",
)  # fmt: skip
"""About 5 of 100 triggers of the storm are not as they should be."""


def main() -> None:
    """As the command line asks."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60.0, help="of each run at 30 parts/s")
    options.add_argument("--triggers", type=int, default=2000, help="of the storm with faults")
    options.add_argument("--json", action="store_true", help="one line for programs at the end")
    asked = options.parse_args()
    bare_ms = measure_costs()
    prepared = int8_recipe()
    rate, ratio = workers_ratio(prepared, min(10.0, asked.seconds))
    say(f"sustained with one worker                 {rate:7.0f} parts/s")
    say(f"two workers make                          {ratio:7.2f} x as many   (wanted >= 1.7)")
    found = quiet_and_loaded(asked.seconds, bare_ms, prepared) | storm(asked.triggers)
    found["ledger_equal"] = found["ledger_equal"] and found["storm_equal"]
    found["workers_ratio"] = round(ratio, 2)
    if asked.json:
        print(json.dumps(found))


def quiet_and_loaded(seconds: float, bare_ms: float, prepared: PreparedRecipe) -> dict[str, Any]:
    """30 parts/s over HTTP, by itself and with everything else going on."""
    at_most = str(DEADLINE_MS)  # the gate, too: what comes after it is late by the PLC's clock
    options = ["--rate", str(RATE), "--seconds", str(seconds), "--deadline-ms", at_most]
    options += ["--gate-ms", at_most]
    with running_station() as station:
        station.run_belt("--parts", "60", "--rate", str(RATE))  # warm
        before_s = cpu_s(station.process)
        with watched_disk() as disk:
            quiet = station.run_belt(*options)
        cpu_ms = (cpu_s(station.process) - before_s) / max(1, quiet["parts"]) * 1e3
    inspected_p99 = inspect_p99_ms(prepared)
    say_belt("quiet", quiet)
    say(f"  the disk meanwhile: {disk.in_words}")
    say(f"PLC round trip beyond inspect(), CPU      {cpu_ms - bare_ms:7.3f} ms a part")
    say(f"p99 beyond the call in process            {quiet['p99_ms'] - inspected_p99:7.1f} ms wall")
    with running_station(has_page=True, has_dead_sink=True) as station:
        station.run_belt("--parts", "60", "--rate", str(RATE))
        with loaded(station, REQUESTS_PER_S) as has_browser:
            busy = station.run_belt(*options)
    say_belt("loaded" if has_browser else "loaded (no browser here)", busy)
    ratio = busy["p99_ms"] / quiet["p99_ms"]
    say(f"p99 loaded / quiet                        {ratio:7.2f}   (wanted <= 1.2)")
    names = ("triggers", "ok", "not_ok", "not_decidable", "aborted", "failed", "late")
    return {name: quiet[name] for name in names} | {
        "lost": quiet["parts"] - quiet["answered"],
        "ledger_equal": quiet["agrees"] and busy["agrees"],
        "p50_ms": quiet["p50_ms"],
        "p99_ms": quiet["p99_ms"],
        "p99_loaded_ratio": round(ratio, 2),
        "plc_cpu_ms": round(cpu_ms - bare_ms, 2),
        "plc_p99_beyond_ms": round(quiet["p99_ms"] - inspected_p99, 1),
    }


def storm(triggers: int) -> dict[str, Any]:
    """As many triggers as come, one in twenty of them faulty: are the sums equal?"""
    faults = [word for fault in FAULTS for word in ("--fault", fault)]
    with running_station(queue_size=16) as station:
        found = station.run_belt(
            "--parts", str(triggers), "--rate", str(STORM_RATE), "--gate-ms", "2000", *faults
        )
    say_belt("storm of faults", found)
    return {"storm_triggers": found["triggers"], "storm_equal": found["agrees"]}


def say_belt(name: str, found: dict[str, Any]) -> None:
    """One run in three lines."""
    counts = ", ".join(
        f"{found[key]} {key}" for key in ("ok", "not_ok", "not_decidable", "aborted", "failed")
    )
    lost = found["parts"] - found["answered"]
    say(f"{name}: {found['parts']} parts in {found['seconds']:.0f} s: {counts}")
    say(f"  {lost} without an answer, {found['late']} late, {found['duplicates']} duplicates")
    equal = "equal to the unit" if found["agrees"] else f"NOT equal: {found['differences']}"
    say(f"  both ledgers {equal}; p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms")


def inspect_p99_ms(prepared: PreparedRecipe) -> float:
    """Wall time of `inspect` in process, so long that one in a hundred takes longer."""
    images = [render("ring", seed=part_seed(9, n), defect=None).image for n in range(20)]
    frames = [frame_of(image) for image in images]
    times = [inspect(frames[n % 20], prepared, Job()).processing_ms for n in range(500)]
    return float(np.percentile(times, 99))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
