"""The virtual belt: how parts come, when they reach the gate, and what goes wrong on purpose."""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from station.core.errors import SettingsError

DoorName = Literal["http", "http-text", "ascii", "modbus"]

FAULTS: dict[str, str] = {
    "lose_ack": "a result is not acknowledged",
    "lose_trigger": "a sequence number is never sent",
    "double_trigger": "a trigger is sent twice at the same time",
    "burst": "several parts come at once, while the station is busy",
    "vanish": "all connections are closed while answers are due, and opened later",
    "restart": "the PLC forgets everything; its sequence begins with 1 again",
    "slow_reader": "an answer is left lying in the socket for a while",
    "out_of_order": "a trigger is sent after the one that follows it",
}


@dataclass(frozen=True, slots=True)
class When:
    """At which parts a fault happens: at a share of them drawn at random, or at those named."""

    rate: float = 0.0
    parts: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise SettingsError(f"the rate of a fault is a share from 0 to 1, not {self.rate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BeltSettings:
    """What the simulated PLC does; times in ms, parts counted from 1."""

    host: str = "127.0.0.1"
    port: int = 8472
    door: DoorName = "http"
    parts: int | None = 100
    """None: until `seconds` are over."""
    seconds: float | None = None
    rate_per_s: float = 10.0
    jitter: float = 0.0
    """Share of the time between parts by which one may come earlier or later."""
    gate_ms: float = 300.0
    """From the trigger to the reject gate; what is not known by then is a reject."""
    deadline_ms: int = 0
    """What the station is asked to keep; 0: its own."""
    connections: int = 4
    acknowledges: bool = True
    names_parts: bool = True
    """Send a part number beside the sequence number."""
    first_seq: int = 1
    is_early: bool = False
    """Trigger at once, without waiting until the station says it is ready."""
    ready_within_s: float = 10.0
    seed: int = 0
    burst_size: int = 8
    away_ms: float = 500.0
    """How long a vanished PLC stays away."""
    slow_ms: float = 200.0
    faults: Mapping[str, When] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.parts is None and self.seconds is None:
            raise SettingsError("say how long the belt runs: a number of parts, or seconds")
        if self.rate_per_s <= 0 or self.gate_ms <= 0 or self.connections < 1:
            raise SettingsError("rate, gate time and number of connections must be above 0")
        if not 0 <= self.jitter < 1:
            raise SettingsError(f"jitter is a share from 0 to below 1, not {self.jitter}")
        for name in self.faults:
            if name not in FAULTS:
                raise SettingsError(f"there is no fault {name!r}; choose of {', '.join(FAULTS)}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A part that comes to the camera, and what goes wrong with it."""

    place: int
    after_s: float
    """Since the belt was started."""
    faults: frozenset[str]


def arrivals(belt: BeltSettings) -> Iterator[Arrival]:
    """The parts in their order; the same seed gives the same belt."""
    draw = random.Random(belt.seed)  # noqa: S311 - a belt, no secret
    between_s, together, at_s = 1 / belt.rate_per_s, 0, 0.0
    for place in count(1):
        faults = frozenset(_faults(belt, place, draw))
        at_s = at_s if together else (place - 1) * between_s
        shift_s = 0.0 if together else draw.uniform(-0.5, 0.5) * belt.jitter * between_s
        after_s = max(0.0, at_s + shift_s)
        if belt.parts is not None and place > belt.parts:
            return
        if belt.parts is None and after_s > (belt.seconds or 0):
            return
        yield Arrival(place, after_s, faults)
        together = belt.burst_size - 1 if "burst" in faults else max(0, together - 1)


def parse_fault(text: str) -> tuple[str, When]:
    """`NAME=RATE` or `NAME=@PART,PART`, as on the command line.

    Raises:
        SettingsError: it is neither.
    """
    name, _, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if re.fullmatch(r"@\d+(,\d+)*", value):
        return name, When(parts=frozenset(int(part) for part in value[1:].split(",")))
    try:
        return name, When(rate=float(value))
    except ValueError:
        raise SettingsError(
            f"a fault is NAME=SHARE or NAME=@PART,PART (lose_trigger=0.01, restart=@50), not {text}"
        ) from None


def _faults(belt: BeltSettings, place: int, draw: random.Random) -> Iterator[str]:
    for name in FAULTS:
        when = belt.faults.get(name, When())
        if draw.random() < when.rate or place in when.parts:
            yield name
