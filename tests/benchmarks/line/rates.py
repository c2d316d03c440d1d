"""How many parts a second a line sustains with one worker and with two."""

import threading
import time
from collections import deque
from concurrent.futures import Future

from station.core.frame import Job
from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.sources.synthetic import part_seed, render
from tests.benchmarks.line.costs import frame_of, running_line

UNDER_WAY_PER_WORKER = 3


def workers_ratio(prepared: PreparedRecipe, seconds: float) -> tuple[float, float]:
    """Parts a second with one worker, and how many times as many two workers make."""
    one = sustained(prepared, 1, seconds)
    return one, sustained(prepared, 2, seconds) / one


def sustained(prepared: PreparedRecipe, workers: int, seconds: float) -> float:
    """Parts a second when there is always one more to look at."""
    images = [render("ring", seed=part_seed(9, n), defect=None).image for n in range(20)]
    frames = [frame_of(image) for image in images]
    with running_line(prepared, workers=workers) as (line, _):
        waiting: deque[Future[Result]] = deque()
        done = number = 0
        started_s = time.monotonic()
        while time.monotonic() - started_s < seconds:
            while len(waiting) < UNDER_WAY_PER_WORKER * workers:
                number += 1
                waiting.append(line.submit(frames[number % len(frames)], Job()))
            done += waiting.popleft().result().passed
        rate = done / (time.monotonic() - started_s)
        for promise in waiting:
            promise.result()
    threading.Event().wait(0.1)
    return rate
