"""What a group of faults is, and what came of it."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

BACK_WITHIN_S = 5.0
"""Everything that was away is back so soon, a whole station too, where nothing else runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One group's counts; it held if nothing stands under `problems`."""

    injected: int
    """Faults put in."""
    parts: int
    """Results in the books."""
    passed: int
    false_passes: int = 0
    """Parts that passed without proof: with a defect, or that met a fault."""
    acknowledged_lost: int = 0
    """Results somebody was told of and that stand in no journal."""
    kills: int = 0
    back_s: float | None = None
    """From the end of the fault to the next part that passed; None: nothing was away."""
    problems: tuple[str, ...] = ()
    """What was claimed and did not hold."""

    skipped: str = ""
    """Why it could not be tried on this machine; then it says nothing."""

    @property
    def held(self) -> bool:
        """Every claim held."""
        fine = not self.problems and not self.false_passes and not self.acknowledged_lost
        return fine and not self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Where and how large a group is tried."""

    home: Path
    """An empty folder of its own."""
    size: int
    seed: int = 0
    slack: float = 1.0
    """So many times longer may everything take: other programs run here, too."""
    rng: random.Random = field(default_factory=random.Random)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Faults of one sort, put into a working station."""

    name: str
    claim: str
    run: Callable[[Trial], Outcome]
    small: int
    """Faults, parts or kills in CI."""
    full: int
    back_within_s: float = BACK_WITHIN_S
    limit_s: float = 60.0
    """A small trial that takes longer hangs."""
    defect: str = ""
    """What is known to be wrong, so that it does not hold; it must be taken out when it does."""

    def try_out(
        self, home: Path, *, seed: int, is_full: bool = False, slack: float = 1.0
    ) -> Outcome:
        """Run it once; one that is not back in time did not hold."""
        size = self.full if is_full else self.small
        trial = Trial(home=home, size=size, seed=seed, slack=slack, rng=random.Random(seed))
        outcome, at_most_s = self.run(trial), self.back_within_s * slack
        if outcome.back_s is None or outcome.back_s <= at_most_s:
            return outcome
        late = f"back after {outcome.back_s:.1f} s, at most {at_most_s:g}"
        return replace(outcome, problems=(*outcome.problems, late))


def impossible(why: str) -> Outcome:
    """A machine on which a group cannot be tried: in CI that is a failure, elsewhere no result."""
    is_demanded = bool(os.environ.get("CI"))
    problems = (f"cannot be tried: {why}",) if is_demanded else ()
    return Outcome(injected=0, parts=0, passed=0, problems=problems, skipped=why)
