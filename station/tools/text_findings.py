"""From a field that was read to its finding: right, wrong, unreadable, or for a person to see."""

from dataclasses import dataclass, replace

from station.core.region import Polygon, Rectangle, Region
from station.core.result import Evaluation, Finding
from station.vision.reading.lines import Lines
from station.vision.reading.looks import Line
from station.vision.reading.spelling import NOTHING, Spelled

_ROOM = 0.15
"""Free ground shown around a line, in line heights."""


@dataclass(frozen=True, slots=True)
class Place:
    """A region, its lines, and what is read of them."""

    region: Region
    lines_found: Lines
    read: list[Line]

    def around(self, line: Line | None) -> Region:
        """The line in the frame's pixels; the whole region where that is turned itself."""
        region = self.region
        if line is None or (isinstance(region, Rectangle) and region.angle_deg % 360):
            return region
        left = max(0, min(x for x, _ in region.corners))
        top = max(0, min(y for _, y in region.corners))
        step = int if isinstance(region, Polygon) else round
        box, room = line.box, _ROOM * line.box.height
        return Rectangle(
            x=box.x + step(left) - room, y=box.y + step(top) - room,
            width=box.width + 2 * room, height=box.height + 2 * room, angle_deg=box.angle_deg,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of one field, made into its finding."""

    tool: str
    field: str
    accept_limit: float
    reject_limit: float
    place: Place
    line: Line | None = None
    spelled: Spelled = NOTHING

    def yes(self) -> Finding:
        """Read, and right."""
        return self._finding(Evaluation.OK, None, 1 - self.spelled.confidence, "")

    def no(self, reason: str, why: str) -> Finding:
        """Surely wrong: the score says so, however well it was read."""
        return self._finding(Evaluation.NOT_OK, reason, 1.0, why)

    def absent(self, reason: str, why: str) -> Finding:
        """Not there at all: shown where it was looked for."""
        return replace(self, line=None, spelled=NOTHING).no(reason, why)

    def unsure(self, evaluation: Evaluation, reason: str, why: str) -> Finding:
        """Not surely read: NOT_DECIDABLE or NOT_OK, as the limits say."""
        score = 1 - self.spelled.confidence
        return self._finding(evaluation, reason, score, why)

    def open(self, reason: str, why: str) -> Finding:
        """Read well, but not proven: a person looks."""
        middle = (self.accept_limit + self.reject_limit) / 2
        return self._finding(Evaluation.NOT_DECIDABLE, reason, middle, why)

    def _finding(
        self, evaluation: Evaluation, reason: str | None, score: float, why: str
    ) -> Finding:
        spelled = self.spelled
        shown = spelled.value or spelled.other
        told = f"{self.field} {shown!r}" if shown else self.field
        return Finding(
            tool=self.tool,
            evaluation=evaluation,
            reason_code=reason,
            score=score,
            accept_limit=self.accept_limit,
            reject_limit=self.reject_limit,
            region=self.place.around(self.line),
            measured=self._measured(),
            text=f"{told}: {why}" if why else told,
            read={self.field: spelled.value} if spelled.value else {},
        )

    def _measured(self) -> dict[str, float]:
        """By the field's name: a tool has several, and tables have one column for each number."""
        seen = {"contrast_grey": round(self.place.lines_found.contrast_grey, 1)}
        if self.line is None:
            return seen
        return seen | {
            f"{self.field}_confidence": round(self.spelled.confidence, 6),
            f"{self.field}_rival_confidence": round(self.spelled.rival_confidence, 6),
            f"{self.field}_height_px": round(self.line.box.height, 1),
            f"{self.field}_turned_deg": round(self.line.box.angle_deg, 2),
        }
