"""What measuring one part again and again shows: repeatability, bias, and whether both suffice."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from station.core.errors import SettingsError
from station.core.result import Finding, Result

FEWEST = 10
"""Results a study needs; 25 are usual, 50 better."""
CAPABLE = 1.33


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeStudy:
    """Type-1 study of one measurement: one part, measured n times, perhaps with a known value.

    Source: VDA Volume 5 (3rd ed. 2021) and Bosch Booklet 10 (2019), "Capability of Measurement and
    Test Processes", procedure 1: Cg = 0.2 T / (6 s), Cgk = (0.1 T - |bias|) / (3 s), both capable
    from 1.33; T is the width of the tolerance.
    """

    tool: str
    name: str
    part: int
    unit: str
    count: int
    missing: int
    """Pictures in which it was not measured; they are in no figure."""
    mean: float
    deviation: float
    """Standard deviation s of the values (n - 1)."""
    deviation_upper: float
    """What s stays below with 95 % confidence: s sqrt((n - 1) / chi²(0.05; n - 1))."""
    tolerance: float | None
    """Width of the tolerance; None where it has one limit only."""
    reference: float | None

    @property
    def spread(self) -> float:
        """6 s."""
        return 6 * self.deviation

    @property
    def bias(self) -> float | None:
        """Mean less the reference value."""
        return None if self.reference is None else self.mean - self.reference

    @property
    def cg(self) -> float | None:
        """Capability as far as scatter goes; infinite without any."""
        if self.tolerance is None:
            return None
        return _share(0.2 * self.tolerance, self.spread)

    @property
    def cgk(self) -> float | None:
        """The same with the bias."""
        if self.tolerance is None or self.bias is None:
            return None
        return _share(0.1 * self.tolerance - abs(self.bias), self.spread / 2)

    @property
    def is_capable(self) -> bool | None:
        """Whether all that can be said is from 1.33 up and nothing was missed; None: unknown."""
        figures = [figure for figure in (self.cg, self.cgk) if figure is not None]
        if not figures or self.deviation == 0:
            return None
        return min(figures) >= CAPABLE and not self.missing


def studies(
    results: Iterable[Result], references: Mapping[str, float] | None = None
) -> list[GaugeStudy]:
    """One study a measurement, from results of pictures that all show one and the same part.

    Args:
        results: of one recipe; findings of tools that measure carry `value_<unit>` and the name of
            the measurement in `read`.
        references: the true value by name of the measurement, where it is known.

    Raises:
        SettingsError: nothing was measured, too seldom, or a reference names nothing measured.
    """
    seen: dict[tuple[str, str, int], list[Finding]] = {}
    total = 0
    for result in results:
        total += 1
        for finding in result.findings:
            if _unit(finding):
                name = next(iter(finding.read), finding.tool)
                seen.setdefault((finding.tool, name, finding.part), []).append(finding)
    if not seen:
        raise SettingsError(f"no size was measured in {total} pictures; look at one with `inspect`")
    strange = set(references or {}) - {name for _, name, _ in seen}
    if strange:
        known = ", ".join(sorted({name for _, name, _ in seen}))
        raise SettingsError(f"nothing is called {', '.join(sorted(strange))} (there is: {known})")
    return [
        _study(key, findings, total, (references or {}).get(key[1]))
        for key, findings in seen.items()
    ]


def _study(
    key: tuple[str, str, int], findings: list[Finding], total: int, reference: float | None
) -> GaugeStudy:
    tool, name, part = key
    unit = _unit(findings[0])
    if len(findings) < FEWEST:
        raise SettingsError(
            f"{name} was measured {len(findings)} times in {total} pictures; a study needs at "
            f"least {FEWEST}, better 50, of the same part laid in anew each time"
        )
    values = np.array([finding.measured[f"value_{unit}"] for finding in findings])
    deviation = float(values.std(ddof=1))
    limits = findings[0].measured
    lower, upper = limits.get(f"lower_{unit}"), limits.get(f"upper_{unit}")
    return GaugeStudy(
        tool=tool,
        name=name,
        part=part,
        unit=unit,
        count=len(values),
        missing=max(0, total - len(values)),
        mean=float(values.mean()),
        deviation=deviation,
        deviation_upper=deviation * _upper_factor(len(values)),
        tolerance=None if lower is None or upper is None else upper - lower,
        reference=reference,
    )


def _unit(finding: Finding) -> str:
    """The unit of a finding's value; empty where it holds none."""
    names = [name for name in finding.measured if name.startswith("value_")]
    return names[0].removeprefix("value_") if names else ""


def _upper_factor(count: int) -> float:
    from scipy.special import chdtri  # half a second, and only a study needs it

    # chdtri(v, p) is the value chi² exceeds with probability p
    return math.sqrt((count - 1) / float(chdtri(count - 1, 0.95)))


def _share(room: float, spread: float) -> float:
    return room / spread if spread > 0 else math.copysign(math.inf, room)
