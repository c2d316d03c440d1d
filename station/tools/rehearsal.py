"""A tool that fails on command: to rehearse on a running line what a broken look must never do."""

import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from station.core.errors import ModelOutputError
from station.core.frame import Frame
from station.core.plugin import Check, Site, Tool
from station.core.result import Evaluation, Finding

REASON = "rehearsed_defect"

SCORES: Mapping[str, float] = {"nan": math.nan, "inf": math.inf}

Fault = Literal["none", "raise", "nan", "inf", "silent", "slow", "endless", "crash", "not_ok"]


class Rehearsal(Tool, kind="rehearsal"):
    """Says OK, except for every n-th frame, where it does what `fault` says; a drill, no look."""

    fault: Fault = Field("none", description="what it does to the frames it is due for")
    every: int = Field(1, ge=1, description="due for each frame whose sequence this divides")
    slow_ms: float = Field(200.0, ge=0, le=60_000, description="how long `slow` takes")

    def prepare(self, site: Site) -> Check:  # noqa: ARG002
        """Nothing to load."""
        return Check(run=self._look, reason_codes=frozenset({REASON}), proves=False)

    def _look(self, frame: Frame) -> Sequence[Finding]:
        fault = self.fault if frame.sequence % self.every == 0 else "none"
        if fault == "raise":
            raise ModelOutputError("rehearsed failure")
        if fault == "crash":
            os.abort()
        if fault in ("slow", "endless"):
            self._wait()
        if fault == "silent":
            return ()
        return (self._not_ok() if fault == "not_ok" else self._ok(SCORES.get(fault, 0.0)),)

    def _ok(self, score: float) -> Finding:
        return Finding(tool=self.name, evaluation=Evaluation.OK, score=score)

    def _not_ok(self) -> Finding:
        return Finding(tool=self.name, evaluation=Evaluation.NOT_OK, reason_code=REASON, score=1.0)

    def _wait(self) -> None:
        until_s = time.monotonic() + self.slow_ms / 1e3
        while self.fault == "endless" or time.monotonic() < until_s:
            time.sleep(0.005)
