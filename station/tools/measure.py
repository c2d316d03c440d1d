"""Is it as large as it must be: edges found below a pixel, sizes judged, none passed in doubt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from station.core.configuration import Configuration
from station.core.errors import RecipeError
from station.core.frame import Frame
from station.core.plugin import Check, Site, Tool
from station.core.reasons import ReasonCode, check_reason_code
from station.core.result import Evaluation, Finding, decide
from station.vision.geometry import to_channels
from station.vision.measuring.calipers import Calipers
from station.vision.measuring.features import Feature
from station.vision.measuring.fits import Circle, Line, Spot
from station.vision.measuring.seeing import Seen, Unseen, see
from station.vision.measuring.space import Space
from station.vision.measuring.tolerance import Tolerance
from station.vision.measuring.values import TAKES, Datum, Size, Value, polygon, take

Unit = Literal["mm", "px", "deg"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Measurement(BaseModel):
    """One size, its nominal value and its tolerance."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: Size = Field(description="what is measured; concentricity: 2 x the distance of centres")
    of: tuple[str, ...] = Field(min_length=1, max_length=2, description="names of features")
    unit: Unit = Field(description="mm needs a calibration; px are pixels of the image")
    nominal: float = Field(0.0, description="the value on the drawing")
    tolerance_minus: float | None = Field(None, description="how much less; absent: any amount")
    tolerance_plus: float | None = Field(None, description="how much more; absent: any amount")
    repeatability: float = Field(
        0.0, ge=0, description="standard deviation, from `station measure repeatability`"
    )
    reason: ReasonCode | None = Field(
        None, description="for a value outside its limits; absent: the measurement's name"
    )
    origin: str = Field("", description="x, y: feature they are counted from; empty: the part's")
    x_axis: str = Field("", description="x, y: line along which x is; empty: the part's")
    in_picture: bool = Field(
        False, description="deg: as the picture shows it, without a calibration"
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        _ = self.tolerance
        if len(self.of) != len(TAKES[self.size]):
            raise ValueError(f"{self.size} is taken of {len(TAKES[self.size])} feature(s)")
        if (self.unit == "deg") != (self.size == "angle"):
            raise ValueError(f"{self.size} in {self.unit}: angles are in deg, all else in mm or px")
        if self.in_picture and self.unit != "deg":
            raise ValueError("in_picture is for angles; other sizes have the unit px for that")
        if (self.origin or self.x_axis) and self.size not in ("x", "y"):
            raise ValueError("origin and x_axis are for x and y")
        if self.size == "concentricity" and (self.nominal or self.tolerance_minus is not None):
            raise ValueError("concentricity has only a tolerance_plus: it cannot be too good")
        return self

    @property
    def tolerance(self) -> Tolerance:
        """Its limits.

        Raises:
            ValueError: there is none, or it is 0.
        """
        return Tolerance(nominal=self.nominal, minus=self.tolerance_minus, plus=self.tolerance_plus)

    @property
    def needs_plane(self) -> bool:
        """True where it cannot be measured without a calibration."""
        return self.unit == "mm" or (self.unit == "deg" and not self.in_picture)

    @property
    def features(self) -> tuple[str, ...]:
        """Every feature it rests on."""
        return tuple(name for name in (*self.of, self.origin, self.x_axis) if name)


class Measure(Tool, kind="measure"):
    """Sizes against tolerances; the score is the distance from the middle, 1 on a limit."""

    features: Mapping[Name, Feature] = Field(
        min_length=1, description="edges to look for, by name; in pixels of the part"
    )
    measurements: Mapping[Name, Measurement] = Field(
        min_length=1, description="what is taken of them, by name"
    )
    guard_band: bool = Field(
        True, description="a value nearer to a limit than its uncertainty is not decidable"
    )
    coverage_factor: float = Field(
        2.0, ge=1, le=10, description="uncertainty = this times the standard uncertainty; 2: 95 %"
    )
    missing_reason: ReasonCode = Field("edge_missing", description="no edge where one must be")
    missing_is: Literal["not_ok", "not_decidable"] = Field(
        "not_decidable", description="what a missing edge is: a bad part, or for a person to see"
    )
    unsure_reason: ReasonCode = Field(
        "edge_unsure", description="too few edge points, or too far off the line or circle"
    )

    @model_validator(mode="after")
    def _features_fit(self) -> Self:
        for name, measurement in self.measurements.items():
            check_reason_code(measurement.reason or name)
            self._check_features(name, measurement)
        idle = set(self.features) - {
            name for one in self.measurements.values() for name in one.features
        }
        if idle:
            raise ValueError(f"no measurement uses {', '.join(sorted(idle))}")
        return self

    def prepare(self, site: Site) -> Check:
        """Settle in which units to measure.

        Raises:
            RecipeError: mm without a calibration, or a tolerance its uncertainty leaves no room in.
        """
        spaces = {}
        for name, one in self.measurements.items():
            plane = site.configuration.plane
            if one.needs_plane and plane is None:
                raise RecipeError(
                    f"{name!r} is in {one.unit}, and camera {site.configuration.camera_id!r} "
                    "has no scale; calibrate it with `station calibrate scale`"
                )
            spaces[name] = _space(site.configuration) if one.needs_plane else Space()
            self._check_room(name, one, spaces[name])

        # laid once: they lie in part coordinates
        calipers = {name: feature.calipers() for name, feature in self.features.items()}

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame, spaces, calipers)

        codes = {one.reason or name for name, one in self.measurements.items()}
        return Check(
            run=run,
            regions=tuple(feature.region() for feature in self.features.values()),
            reason_codes=frozenset({*codes, self.missing_reason, self.unsure_reason}),
        )

    def _look(
        self, frame: Frame, spaces: Mapping[str, Space], calipers: Mapping[str, Calipers]
    ) -> list[Finding]:
        grey = to_channels(frame.image, 1)
        seen: dict[tuple[str, bool], Seen | Unseen] = {}
        findings = []
        for name, one in self.measurements.items():
            space = replace(spaces[name], pose=frame.pose)
            for edge in one.features:
                key = edge, space.plane is None
                if key not in seen:
                    seen[key] = see(grey, self.features[edge], calipers[edge], space)
            found = {edge: seen[edge, space.plane is None] for edge in one.features}
            findings.append(self._judge(name, one, found, space))
        return findings

    def _judge(
        self, name: str, one: Measurement, found: Mapping[str, Seen | Unseen], space: Space
    ) -> Finding:
        for edge, feature in found.items():
            if isinstance(feature, Unseen):
                return self._not_found(name, edge, feature)
        seen = {edge: feature for edge, feature in found.items() if isinstance(feature, Seen)}
        return self._finding(name, one, _value(one, seen, space), list(seen.values()))

    def _finding(self, name: str, one: Measurement, value: Value, seen: Sequence[Seen]) -> Finding:
        number = _nearest_turn(value.value, one)
        uncertainty = self.coverage_factor * math.hypot(
            # the scatter in one image is part of what repeats: the larger counts, not both
            max(math.sqrt(value.variance), one.repeatability),
            value.systematic,
        )
        score = one.tolerance.score(number)
        accept, reject = one.tolerance.limits(uncertainty, guard_band=self.guard_band)
        evaluation = decide(score, accept_limit=accept, reject_limit=reject)
        return Finding(
            tool=self.name,
            evaluation=evaluation,
            reason_code=None if evaluation is Evaluation.OK else one.reason or name,
            score=score,
            accept_limit=accept,
            reject_limit=reject,
            region=polygon(value.outline),
            measured=_measured(one, number, uncertainty, seen),
            text=f"{name} {_in_words(number, uncertainty)} {one.unit}, {_limits_in_words(one)}",
            read={name: f"{number:.6f}"},
        )

    def _not_found(self, name: str, edge: str, feature: Unseen) -> Finding:
        """A value that could not be taken: never OK."""
        bad = feature.is_missing and self.missing_is == "not_ok"
        return Finding(
            tool=self.name,
            evaluation=Evaluation.NOT_OK if bad else Evaluation.NOT_DECIDABLE,
            reason_code=self.missing_reason if feature.is_missing else self.unsure_reason,
            region=feature.region,
            measured={"points": feature.points, "points_wanted": feature.wanted},
            text=f"{name} not measured: {edge}: {feature.text}",
        )

    def _check_features(self, name: str, one: Measurement) -> None:
        wanted = [*zip(one.of, TAKES[one.size], strict=True)]
        wanted += [(one.origin, frozenset({"point", "circle"}))] if one.origin else []
        wanted += [(one.x_axis, frozenset({"line"}))] if one.x_axis else []
        for edge, kinds in wanted:
            if edge not in self.features:
                known = ", ".join(sorted(self.features))
                raise ValueError(f"{name}: there is no feature {edge!r} (there is: {known})")
            if self.features[edge].kind not in kinds:
                raise ValueError(
                    f"{name}: {one.size} is not taken of a {self.features[edge].kind} "
                    f"({edge}), but of a {' or '.join(sorted(kinds))}"
                )

    def _check_room(self, name: str, one: Measurement, space: Space) -> None:
        """A tolerance no value could be proven to lie in is a mistake of the recipe."""
        error = space.error if one.unit == "mm" else 0.0
        least = self.coverage_factor * math.hypot(one.repeatability, error)
        if self.guard_band and least >= one.tolerance.half:
            raise RecipeError(
                f"{name!r} could never pass: its uncertainty of at least {least:.3g} "
                f"{one.unit} leaves no room in a tolerance of ±{one.tolerance.half:g}; calibrate "
                "better, look closer, or widen the tolerance"
            )


def _space(configuration: Configuration) -> Space:
    """Millimetres, with the larger of the plane's own error and that of the whole calibration."""
    plane = configuration.plane
    error = max(plane.error_mm if plane else 0.0, configuration.error_mm() or 0.0)
    return Space(plane=plane, error=error)


def _value(one: Measurement, seen: Mapping[str, Seen], space: Space) -> Value:
    shapes: list[Spot | Line | Circle] = [s for name in one.of for s in seen[name].shapes]
    origin = seen[one.origin].shapes[0] if one.origin else None
    x_axis = seen[one.x_axis].shapes[0] if one.x_axis else None
    datum = Datum(
        origin=None if isinstance(origin, Line) else origin,
        x_axis=x_axis if isinstance(x_axis, Line) else None,
    )
    points = [seen[name].points for name in one.of]
    return take(one.size, shapes, points, space, datum)


def _nearest_turn(value: float, one: Measurement) -> float:
    """An angle in the turn nearest to its nominal, so that 359.9 is near 0; all else as it is."""
    if one.unit != "deg":
        return value
    return one.nominal + (value - one.nominal + 180) % 360 - 180


def _measured(
    one: Measurement, value: float, uncertainty: float, seen: Sequence[Seen]
) -> dict[str, float]:
    unit, tolerance = one.unit, one.tolerance
    limits = {f"lower_{unit}": tolerance.lower, f"upper_{unit}": tolerance.upper}
    return {
        f"value_{unit}": value,
        f"uncertainty_{unit}": uncertainty,
        f"nominal_{unit}": tolerance.nominal,
        f"deviation_{unit}": value - tolerance.nominal,
        **{name: limit for name, limit in limits.items() if limit is not None},
        "points": sum(len(feature.points) for feature in seen),
        "points_wanted": sum(feature.wanted for feature in seen),
        "residual_px": max(feature.residual_px for feature in seen),
    }


def _in_words(value: float, uncertainty: float) -> str:
    """With as many places as the uncertainty has two figures."""
    places = min(9, max(0, 1 - math.floor(math.log10(max(uncertainty, 1e-9)))))
    return f"{value:.{places}f} ± {uncertainty:.{places}f}"


def _limits_in_words(one: Measurement) -> str:
    lower, upper = one.tolerance.lower, one.tolerance.upper
    if lower is None:
        return f"at most {upper:g}"
    return f"at least {lower:g}" if upper is None else f"{lower:g} to {upper:g}"
