"""The station's registers in made-up time, with a wire that loses telegrams and slow answers."""

import random
from dataclasses import dataclass, field

from station.core.plc_words import (
    HOLDING_COUNT,
    INPUT_COUNT,
    RESULTS_HELD,
    Control,
    Holding,
    PlcBit,
)

ONLINE = PlcBit.ONLINE.mask | PlcBit.TRIGGER_READY.mask
ACKS = {Control.TRIGGER: PlcBit.TRIGGER_ACK, Control.RESULTS_ACK: PlcBit.RESULTS_ACK}


@dataclass
class RegisterStation:
    """Judges the part that stands before the camera when the trigger comes."""

    draw: random.Random
    fastest_ms: int = 5
    slowest_ms: int = 80
    before_camera: bool = True
    """Whether that part is good."""
    is_dead: bool = False
    deaf_to: int = 0
    """So many triggers are not heard."""
    tampered: dict[int, int] = field(default_factory=dict)
    """Register -> what stands there instead, wherever a result stands."""
    unjudged: float = 0.05
    triggers: int = 0
    resets: int = 0
    _holding: list[int] = field(default_factory=lambda: [0] * HOLDING_COUNT)
    _bits: int = 0
    _held: list[list[int]] = field(default_factory=list)
    _due: list[tuple[int, list[int]]] = field(default_factory=list)
    _known: dict[int, list[int]] = field(default_factory=dict)
    _now_ms: int = 0

    def read(self, now_ms: int) -> list[int] | None:
        """All input registers; None: no answer."""
        self._go_on(now_ms)
        if self.is_dead:
            return None
        valid = PlcBit.RESULTS_VALID.mask if self._held else 0
        head = [self._bits | ONLINE | valid, now_ms // 400, len(self._held), 1]
        rest = self._held[0] if self._held else []
        registers = (head + rest + [0] * INPUT_COUNT)[:INPUT_COUNT]
        for register, value in self.tampered.items() if self._held else ():
            registers[register] = value
        return registers

    def write(self, words: list[int], now_ms: int) -> bool:
        """All holding registers; whether they arrived."""
        self._go_on(now_ms)
        if self.is_dead:
            return False
        before, now = self._holding[Holding.CONTROL], words[Holding.CONTROL]
        self._holding = list(words)
        for control, bit in ACKS.items():
            if before & control.mask and not now & control.mask:
                self._bits &= ~bit.mask
        rising = now & ~before
        if rising & Control.RESET.mask:
            self.resets += 1
            self._held, self._known = [], {}
        if rising & Control.TRIGGER.mask:
            self._trigger()
        if rising & Control.RESULTS_ACK.mask:
            self._held = [held for held in self._held if held[0:2] != self._words(Holding.SEQ)]
            self._bits |= PlcBit.RESULTS_ACK.mask
        return True

    def _words(self, register: Holding) -> list[int]:
        return self._holding[register : register + 2]

    def _trigger(self) -> None:
        if self.deaf_to:
            self.deaf_to -= 1
            return
        self._bits |= PlcBit.TRIGGER_ACK.mask
        seq, part = self._words(Holding.SEQ), self._words(Holding.PART)
        number = part[0] << 16 | part[1]
        if number in self._known:
            self._due.append((self._now_ms, [*self._known[number][:-1], 1]))
            return
        self.triggers += 1
        judged = [1, 1, 1, 0] if self.before_camera else [0, 2, 1, 101]
        if self.draw.random() < self.unjudged:
            judged = [0, 0, self.draw.choice([3, 4]), 16]
        self._known[number] = [*seq, *part, *judged, 100, 20, 0]
        self._due.append(
            (
                self._now_ms + self.draw.randint(self.fastest_ms, self.slowest_ms),
                self._known[number],
            )
        )

    def _go_on(self, now_ms: int) -> None:
        self._now_ms = now_ms
        for due_ms, answer in [job for job in self._due if job[0] <= now_ms]:
            self._due.remove((due_ms, answer))
            self._held = [held for held in self._held if held[:2] != answer[:2]]
            self._held = [*self._held, answer][-RESULTS_HELD:]
