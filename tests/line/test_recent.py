"""Which pictures the line may decode itself: only those a worker got through before."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime

from station.core.frame import EncodedFrame, Image, Job
from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.journal.pictures import KeepPolicy
from station.vision.images import encode_png
from tests.line.conftest import OpenLine
from tests.line.test_line import held_back


def test_a_picture_no_worker_saw_is_neither_shown_nor_kept(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: Callable[..., Image]
) -> None:
    gate, begun = threading.Event(), threading.Event()
    prepared = held_back(tiny_prepared, gate, begun)
    line = open_line(prepared=prepared, workers=1, queue_size=1, keep=KeepPolicy(keep="all"))

    def submit(data: bytes, number: int) -> Future[Result]:
        now = datetime.now(UTC)
        frame = EncodedFrame(data=data, camera_id="u", sequence=number, acquired_at=now)
        return line.submit(frame, Job())

    whole = encode_png(draw_part(90))
    damaged = whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]
    first = submit(whole, 1)
    assert begun.wait(10)
    promises = [first, submit(damaged, 2), submit(whole, 3)]
    gate.set()
    results = [promise.result(10) for promise in promises]
    assert [result.reason_code for result in results] == [None, "unreadable_image", "overrun"]
    line.close()
    shown = [line.recent.find(result.job_id) is not None for result in results]
    assert shown == [True, False, False]
    kept = [path.stem for path in line.pictures.folder.rglob("*.jpg")]
    assert kept == [results[0].job_id]
