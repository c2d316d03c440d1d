"""Receivers of results that are slow, dead, or take a connection and never answer."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Literal

from station.sinks.webhook import Webhook
from tests.faults.bench import Bench, open_bench
from tests.faults.outcome import Group, Outcome, Trial
from tests.faults.stage import BAD, DOUBTFUL, GOOD, frame_of, prepare_tiny

GREYS = (GOOD, BAD, GOOD, DOUBTFUL)
DEADLINE_MS = 5000.0
Manner = Literal["answers", "slow", "silent", "refuses"]


class Receiver:
    """A real HTTP server of results that can be slow, or take everything and say nothing."""

    def __init__(self, manner: Manner) -> None:
        self.manner, self.got = manner, list[str]()
        self.released = threading.Event()
        receiver = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/results"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def take(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """One delivery."""
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if self.manner == "silent":
            self.released.wait(30)
            return
        if self.manner == "slow":
            self.released.wait(0.2)
        if self.manner != "refuses":
            self.got.append(json.loads(body)["job_id"])
        with suppress(OSError):
            request.send_response(503 if self.manner == "refuses" else 204)
            request.end_headers()

    def close(self) -> None:
        """End it, and whoever waits in it."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def troubled_sink(manner: Manner, trial: Trial) -> Outcome:
    """Parts are inspected with a receiver in trouble, then it is well and gets what it missed."""
    with _receiver(manner) as receiver:
        sink = Webhook(url=receiver.url, timeout_s=0.5)
        prepared = prepare_tiny(trial.home)
        with open_bench(trial.home, prepared, sinks=[sink], deadline_ms=DEADLINE_MS) as bench:
            jobs, slowest_s = _inspect(bench, trial.size)
            bench.claim(slowest_s < DEADLINE_MS / 1e3, f"a part waited {slowest_s:.1f} s")
            bench.claim(len(receiver.got) < trial.size, "the receiver was in no trouble")
            first = bench.outcome(injected=trial.size)
        receiver.manner = "answers"
        receiver.released.set()
        with open_bench(trial.home, prepared, sinks=[sink]) as bench:
            bench.problems += first.problems
            back_s = bench.until(
                lambda: set(jobs) <= set(receiver.got), "the receiver has got everything", 20
            )
            bench.problems += _out_of_order(jobs, receiver.got)
            bench.submit(frame_of(GOOD, 1)).result(20)
            return bench.outcome(injected=trial.size, back_s=back_s, is_whole=False)


def dead_sink(trial: Trial) -> Outcome:
    """Nobody listens where results should go, and later somebody does."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    sink = Webhook(url=f"http://127.0.0.1:{port}/results", timeout_s=0.5)
    with open_bench(trial.home, prepare_tiny(trial.home), sinks=[sink]) as bench:
        _, slowest_s = _inspect(bench, trial.size)
        bench.claim(slowest_s < DEADLINE_MS / 1e3, f"a part waited {slowest_s:.1f} s")
        bench.until(lambda: bench.line.outlets[0].failed > 0, "the failure is counted")
        waiting = bench.line.outlets[0].waiting
        bench.claim(waiting == trial.size, f"of {trial.size} results {waiting} wait")
        return bench.outcome(injected=trial.size)


def _inspect(bench: Bench, count: int) -> tuple[list[str], float]:
    """So many parts, four at a time; their jobs in the order of the journal, the longest wait."""
    slowest_s = 0.0
    for start in range(0, count, 4):
        begun_s = time.monotonic()
        asked = [bench.submit(frame_of(GREYS[n], start + n)) for n in range(min(4, count - start))]
        for promise in asked:
            promise.result(20)
        slowest_s = max(slowest_s, time.monotonic() - begun_s)
    return [result.job_id for result in bench.books().results], slowest_s


def _out_of_order(jobs: list[str], got: list[str]) -> Iterator[str]:
    """Deliveries whose first arrival was not in the order of the journal."""
    first = [job for job in dict.fromkeys(got) if job in set(jobs)]
    if first != jobs:
        yield "the receiver got results in another order than they were recorded"


@contextmanager
def _receiver(manner: Manner) -> Iterator[Receiver]:
    receiver = Receiver(manner)
    try:
        yield receiver
    finally:
        receiver.close()


def _group(name: str, manner: Manner, claim: str) -> Group:
    run = partial(troubled_sink, manner)
    return Group(name=name, claim=claim, run=run, small=24, full=1000)


GROUPS = (
    _group("sink_slow", "slow", "a slow receiver slows no part, and gets all in order"),
    _group("sink_silent", "silent", "a receiver that never answers holds no part, and gets all"),
    _group("sink_refusing", "refuses", "a receiver in trouble gets all once it is well"),
    Group(
        name="sink_dead",
        claim="a dead receiver changes no verdict; its results wait",
        run=dead_sink,
        small=24,
        full=1000,
    ),
)
