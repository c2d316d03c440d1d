"""A size against its tolerance, with a guard band as wide as what is not known."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The limits of a size: one of them may be absent.

    The score is how far the value lies from the middle of the tolerance, as a share of half of it:
    0 in the middle, 1 on either limit. With one limit it is the deviation from nominal, as a share
    of the one that is allowed; below 0 counts as 0.
    """

    nominal: float
    minus: float | None
    """How much less is allowed, 0 or more; absent: any amount."""
    plus: float | None

    def __post_init__(self) -> None:
        given = [side for side in (self.minus, self.plus) if side is not None]
        if not given:
            raise ValueError("give tolerance_minus or tolerance_plus, or both")
        if min(given) < 0:
            raise ValueError("tolerances are given without a sign: tolerance_minus = 0.05")
        if sum(given) <= 0:
            raise ValueError("the tolerance is 0: nothing measured could be proven to meet it")

    @property
    def lower(self) -> float | None:
        """The least value."""
        return None if self.minus is None else self.nominal - self.minus

    @property
    def upper(self) -> float | None:
        """The largest value."""
        return None if self.plus is None else self.nominal + self.plus

    @property
    def half(self) -> float:
        """What a score of 1 is in units of the value: half the tolerance, or its one side."""
        if self.minus is None or self.plus is None:
            return (self.minus or 0.0) + (self.plus or 0.0)
        return (self.minus + self.plus) / 2

    def score(self, value: float) -> float:
        """0 in the middle (or on nominal, with one limit), 1 on a limit, more outside; or NaN."""
        if self.minus is None:
            deviation = value - self.nominal
        elif self.plus is None:
            deviation = self.nominal - value
        else:
            return abs(value - self.nominal - (self.plus - self.minus) / 2) / self.half
        # in this order NaN stays NaN
        return deviation / self.half if not deviation < 0 else 0.0

    def limits(self, uncertainty: float, *, guard_band: bool) -> tuple[float, float]:
        """Accept and reject limit of the score for a value known to within ± `uncertainty`.

        Conformity is proven only further inside than the uncertainty, non-conformity only further
        outside. Source: ISO 14253-1:2017, decision rules for proving conformity.
        """
        band = uncertainty / self.half if guard_band else 0.0
        return 1 - band, 1 + band
