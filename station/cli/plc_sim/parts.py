"""A part on the belt, and the run of sequence numbers it belongs to."""

from dataclasses import dataclass, field

from station.cli.plc_sim.belt import Arrival
from station.cli.plc_sim.tally import Answer


@dataclass(slots=True)
class Epoch:
    """The parts between two starts of the PLC, whose sequence has no jump."""

    missed: list[int] = field(default_factory=list)
    """Numbers the station did not take."""
    first: int | None = None
    last: int | None = None

    def note(self, seq: int, *, is_taken: bool) -> None:
        """Whether the station took this number."""
        if not is_taken:
            self.missed.append(seq)
            return
        self.first = seq if self.first is None else min(seq, self.first)
        self.last = seq if self.last is None else max(seq, self.last)

    @property
    def unseen(self) -> int:
        """Missed numbers that leave no gap, because nothing was taken before or after them."""
        if self.first is None or self.last is None:
            return len(self.missed)
        return sum(not self.first < seq < self.last for seq in self.missed)


@dataclass(slots=True)
class Part:
    """A part between the camera and the gate."""

    seq: int
    number: int
    gate_s: float
    arrival: Arrival
    epoch: Epoch
    tries: int = 0
    sent_s: float = 0.0
    answer: Answer | None = None
    answered_s: float = 0.0
    is_decided: bool = False
    is_refused: bool = False
