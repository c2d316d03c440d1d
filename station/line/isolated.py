"""The line's side of a process that looks at parts: hand over, wait, and see when it is lost."""

import multiprocessing
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
from pydantic import ValidationError

from station.core.errors import RecipeError
from station.core.frame import AnyFrame, EncodedFrame, Job
from station.core.recipe import PreparedRecipe
from station.core.result import RESULT_JSON, Result
from station.line.inspectors import MODEL_SHARE, Beat, WorkerLostError, no_beat
from station.line.isolated_child import MOST_RECIPES, Order, name_of, run, without_picture
from station.line.shared_picture import SharedPicture

PREPARE_S = 30.0
"""A recipe that is not ready within this time is refused."""
SLICE_S = 0.2
ENDING_S = 1.0

_CHILD = "station.line.isolated_child"
_CONTEXT: Any = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")


def warm_up() -> None:
    """Have a fork server import what every worker needs, so that each starts at once.

    Returns before it has; a second call does nothing.
    """
    if sys.platform != "win32":
        forkserver.set_forkserver_preload([_CHILD])
        forkserver.ensure_running()


class IsolatedInspector:
    """A process that looks, started again as often as needed."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._lock = threading.Lock()
        self._recipes: OrderedDict[str, PreparedRecipe] = OrderedDict()
        self._newest = ""
        self._picture = SharedPicture()
        self._process: BaseProcess | None = None
        self._orders, self._shelf = self._start()

    # -- Inspector ------------------------------------------------------------------------------

    def prepare(self, prepared: PreparedRecipe, beat: Beat = no_beat) -> None:
        """See `Inspector.prepare`; a recipe it has already costs nothing, not even a wait."""
        if name_of(prepared) == self._newest:
            return
        with self._locked(beat):
            if name_of(prepared) not in self._recipes:
                self._send_recipe(prepared, beat)
            self._newest = name_of(prepared)
            self._recipes[name_of(prepared)] = prepared
            self._recipes.move_to_end(name_of(prepared))
            while len(self._recipes) > MOST_RECIPES:
                self._recipes.popitem(last=False)

    def look(self, frame: AnyFrame, prepared: PreparedRecipe, job: Job, beat: Beat) -> Result:
        """See `Inspector.look`."""
        try:
            self.prepare(prepared, beat)
            order = self._order(frame, prepared, job)
            answer = self._ask(order, beat)
            if not answer:  # the worker gave the recipe up for newer ones
                with self._locked(beat):
                    self._send_recipe(prepared, beat)
                answer = self._ask(order, beat)
        except (EOFError, OSError) as error:
            raise WorkerLostError(f"the worker ended ({self._ending()})") from error
        return _proven(answer, prepared, job)

    def restart(self, beat: Beat = no_beat) -> None:
        """See `Inspector.restart`."""
        self._kill()
        self._orders, self._shelf = self._start()
        with self._locked(beat):
            newest = self._recipes.get(self._newest)
            self._recipes.clear()
            if newest is not None:
                self._recipes[self._newest] = newest  # kept for the next try, should this one fail
                self._send_recipe(newest, beat)

    @property
    def is_alive(self) -> bool:
        """See `Inspector.is_alive`."""
        process = self._process
        return process is not None and process.is_alive()

    def close(self) -> None:
        """End the process and free its memory; one that hangs is killed."""
        self._orders.close()
        self._shelf.close()
        if self._process is not None:
            self._process.join(ENDING_S)
        self._kill()
        self._picture.close()

    # -- inside ---------------------------------------------------------------------------------

    def _start(self) -> tuple[Connection, Connection]:
        orders, their_orders = _CONTEXT.Pipe()
        shelf, their_shelf = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=run, args=(their_orders, their_shelf, self._stall_s * MODEL_SHARE), daemon=True
        )
        self._process.start()
        their_orders.close()
        their_shelf.close()
        return orders, shelf

    def _kill(self) -> None:
        self._orders.close()
        self._shelf.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def _send_recipe(self, prepared: PreparedRecipe, beat: Beat) -> None:
        if prepared.site is None:
            raise RecipeError("a recipe made ready by hand cannot be sent to a worker process")
        name = name_of(prepared)
        try:
            self._shelf.send((name, prepared.recipe, prepared.site, dict(prepared.models)))
            if not _comes(self._shelf, PREPARE_S, beat):
                self._kill()  # or its late answer would be taken for the next recipe's
                raise WorkerLostError(f"the worker did not load the recipe in {PREPARE_S:g} s")
            problem = str(self._shelf.recv())
        except (EOFError, OSError) as error:
            raise WorkerLostError("the worker ended while it loaded the recipe") from error
        if problem:
            raise RecipeError(
                f"a worker cannot use recipe {prepared.recipe.recipe_id!r}: {problem}"
            )

    def _order(self, frame: AnyFrame, prepared: PreparedRecipe, job: Job) -> Order:
        """Put the picture into shared memory and describe the rest."""
        if isinstance(frame, EncodedFrame):
            source = np.frombuffer(frame.data, np.uint8)
        else:
            source = frame.image
        return Order(
            frame=without_picture(frame),
            shape=source.shape,
            memory=self._picture.put(source),
            recipe=name_of(prepared),
            job=job,
        )

    @contextmanager
    def _locked(self, beat: Beat) -> Iterator[None]:
        """Alone with the list of recipes; another one may be loading just now."""
        while not self._lock.acquire(timeout=SLICE_S):
            beat()
        try:
            yield
        finally:
            self._lock.release()

    def _ask(self, order: Order, beat: Beat) -> bytes:
        self._orders.send(order)
        if not _comes(self._orders, self._stall_s, beat):
            self._kill()
            raise WorkerLostError(f"the worker gave no answer within {self._stall_s:g} s")
        return self._orders.recv_bytes()

    def _ending(self) -> str:
        process = self._process
        if process is None:
            return "it was killed"
        with suppress(Exception):
            process.join(ENDING_S)
        code = process.exitcode
        return "no exit code" if code is None else f"exit code {code}"


def _comes(connection: Connection, timeout_s: float, beat: Beat) -> bool:
    """Whether an answer comes in time; calls `beat` meanwhile."""
    until_s = time.monotonic() + timeout_s
    while not connection.poll(min(SLICE_S, timeout_s)):
        beat()
        if time.monotonic() >= until_s:
            return False
    return True


def _proven(answer: bytes, prepared: PreparedRecipe, job: Job) -> Result:
    """A worker's result, if it is of this job, by this recipe and these models."""
    try:
        result = RESULT_JSON.validate_json(answer)
    except ValidationError as error:
        raise WorkerLostError(f"the worker answered no result: {error}") from error
    fits = (
        result.job_id == job.job_id
        and result.recipe_hash == prepared.recipe_hash
        and result.configuration_id == prepared.configuration_id
        and result.models == prepared.models
    )
    if not fits:
        raise WorkerLostError("the worker answered for another job, recipe or model")
    return result
