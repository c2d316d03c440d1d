"""The process that looks at parts: it may crash or hang, and takes nothing with it."""

import os
import signal
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import AnyFrame, EncodedFrame, Job
from station.core.plugin import Site
from station.core.recipe import PreparedRecipe, Recipe, prepare
from station.core.result import RESULT_JSON
from station.inspection import inspect
from station.line.pauses import spare_what_stays
from station.line.priority import stand_behind_the_line
from station.vision.memory import keep_picture_memory
from station.vision.run_limit import RunLimit

MOST_RECIPES = 8
"""Recipes kept ready; the one not used for the longest time goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One look: the frame without its image or bytes, which lie in shared memory."""

    frame: AnyFrame
    shape: tuple[int, ...]
    """Of the image, or (bytes,) of an encoded picture."""
    memory: str
    recipe: str
    """See `name_of`."""
    job: Job


def name_of(prepared: PreparedRecipe) -> str:
    """What tells two prepared recipes apart: the recipe's hash and the camera's Configuration."""
    return f"{prepared.recipe_hash} {prepared.configuration_id}"


def run(orders: Connection, recipes: Connection, model_limit_s: float) -> None:
    """Look at parts until the line closes the connection, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the line decides when its workers end
    stand_behind_the_line()
    cv2.setNumThreads(1)
    keep_picture_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    shelf = _Shelf()
    threading.Thread(target=shelf.serve, args=(recipes,), daemon=True).start()
    bench = _Bench(shelf, model_limit_s)
    while True:
        try:
            order: Order = orders.recv()
            orders.send_bytes(bench.look(order))
        except (EOFError, OSError):
            os._exit(0)


class _Shelf:
    """The recipes made ready in this process."""

    def __init__(self) -> None:
        self._ready: OrderedDict[str, PreparedRecipe] = OrderedDict()
        self._lock = threading.Lock()

    def serve(self, recipes: Connection) -> None:
        """Make ready what the line sends; answers with an empty text, or what is wrong."""
        while True:
            try:
                name, recipe, site, models = recipes.recv()
                recipes.send(self._take(name, recipe, site, models))
            except (EOFError, OSError):
                return

    def find(self, name: str) -> PreparedRecipe | None:
        """A recipe that was made ready."""
        with self._lock:
            if name in self._ready:
                self._ready.move_to_end(name)
            return self._ready.get(name)

    def _take(self, name: str, recipe: Recipe, site: Site, models: dict[str, str]) -> str:
        try:
            prepared = prepare(recipe, site)
        except Exception as error:  # noqa: BLE001 - the border: a tool may break in any way
            return str(error) or type(error).__name__
        if name_of(prepared) != name or dict(prepared.models) != models:
            return "the recipe, a model or the calibration was changed since the line loaded it"
        if not self._ready:
            spare_what_stays()
        with self._lock:
            self._ready[name] = prepared
            while len(self._ready) > MOST_RECIPES:
                self._ready.popitem(last=False)
        return ""


class _Bench:
    """Where one part after the other is looked at."""

    def __init__(self, shelf: _Shelf, model_limit_s: float) -> None:
        self._shelf = shelf
        self._limit = RunLimit(model_limit_s)
        self._memory: SharedMemory | None = None

    def look(self, order: Order) -> bytes:
        """The result as JSON; empty where the recipe is not ready."""
        prepared = self._shelf.find(order.recipe)
        if prepared is None:
            return b""
        frame = _filled(order, self._picture(order))
        with self._limit.look():
            return RESULT_JSON.dump_json(inspect(frame, prepared, order.job))

    def _picture(self, order: Order) -> NDArray[np.uint8]:
        """The image, or the bytes of an encoded picture, where they lie in shared memory."""
        return np.ndarray(order.shape, np.uint8, self._attached(order.memory).buf)

    def _attached(self, name: str) -> SharedMemory:
        if self._memory is None or self._memory.name != name:
            if self._memory is not None:
                with suppress(BufferError):  # somebody still holds the last picture
                    self._memory.close()
            self._memory = SharedMemory(name)
        return self._memory


def _filled(order: Order, picture: NDArray[np.uint8]) -> AnyFrame:
    """The frame with its picture; an image is not copied."""
    if isinstance(order.frame, EncodedFrame):
        return replace(order.frame, data=picture.tobytes())
    return replace(order.frame, image=picture)


def _end_with_parent() -> None:
    """A hung look never reads its connection; the end of the line is heard here."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


EMPTY = np.zeros((1, 1), np.uint8)
"""Stands for the image in an order."""


def without_picture(frame: AnyFrame) -> AnyFrame:
    """A frame as it stands in an order."""
    if isinstance(frame, EncodedFrame):
        return replace(frame, data=b"")
    return replace(frame, image=EMPTY)
