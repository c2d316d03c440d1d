"""A tool somebody else wrote: is the part bright enough?"""

from collections.abc import Sequence

from pydantic import Field

from station.core.frame import Frame
from station.core.plugin import Check, Site, Tool
from station.core.result import Finding, decide


class Brightness(Tool, kind="brightness"):
    """The score is how much darker than white the image is, 0 to 1."""

    darkness_at_most: float = Field(0.5, ge=0, le=1)

    def prepare(self, site: Site) -> Check:  # noqa: ARG002 - it needs nothing of the station
        """Nothing to load."""
        return Check(run=self._look, reason_codes=frozenset({"too_dark"}))

    def _look(self, frame: Frame) -> Sequence[Finding]:
        score = 1 - float(frame.image.mean()) / 255
        limit = self.darkness_at_most
        evaluation = decide(score, accept_limit=limit, reject_limit=limit)
        return [
            Finding(
                tool=self.name,
                evaluation=evaluation,
                reason_code="too_dark",
                score=score,
                accept_limit=limit,
                reject_limit=limit,
            )
        ]
