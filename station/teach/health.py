"""Bands of a picture's making, learnt from good pictures: wide enough for all of them, and more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from station.core.errors import TeachError
from station.core.frame import Image
from station.core.recipe import HealthLimits
from station.vision.health import find_fault
from station.vision.health_measures import (
    LAG_PX,
    light_of,
    noise_of,
    repeats_of,
    sharpness_of,
    strips_of,
    tear_of,
)
from station.vision.images import read_image

PICTURES_AT_LEAST = 5
FOLDS = 5
WIDENINGS = (1.0, 1.5, 2.25, 3.4)
"""Margins grow by these until no picture that was left out falls outside the others' bands."""
ODD_SHARE = 0.1
"""So many pictures may be unlike the others and left out; more are no accident."""
RAMP = 1 / LAG_PX**2
"""The sharpness of an even ramp: the least there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One good picture in numbers, as `vision.health_measures` has them."""

    path: Path
    width_px: int
    height_px: int
    channels: int
    mean: float
    contrast: float
    dark_share: float
    saturated_share: float
    sharpness: float
    noise: float
    repeated_rows: float
    tear: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """Bands, what they were made of, and how they did on pictures they were not made of.

    `held_out_faults` names the pictures that fell outside the bands of the others, even with the
    widest margins; it is empty nearly always. No band was made of them, for one picture with the
    lamp out would allow the dark for ever.
    """

    limits: HealthLimits
    seen: tuple[Measured, ...]
    widening: float
    held_out_faults: tuple[str, ...]


def teach_health(paths: Sequence[Path]) -> Taught:
    """Bands from good pictures; margins as wide as the pictures left out ask for.

    Every band reaches beyond the values seen by half their range, and at least by a step that
    matters (`limits_of`); so the pictures it was taught from always lie within.

    Raises:
        TeachError: there are too few, counting equal ones once.
        PictureError: one cannot be read.
    """
    seen = tuple(_different(paths))
    if len(seen) < PICTURES_AT_LEAST:
        raise TeachError(
            f"bands need {PICTURES_AT_LEAST} different good pictures or more, there are "
            f"{len(seen)}; take 20 over a shift, with all that is normal"
        )
    widening, odd = _settled(seen)
    like = tuple(one for one in seen if one.path not in odd)
    if odd:
        widening, others = _settled(like) if len(like) >= PICTURES_AT_LEAST else (widening, odd)
        if others or len(odd) > ODD_SHARE * len(seen):
            raise TeachError(
                f"{len({**odd, **others})} of {len(seen)} pictures are unlike all others: "
                f"{'; '.join({**odd, **others}.values())}; remove them, or add more like them"
            )
    limits = limits_of(like, widening)
    return Taught(limits=limits, seen=like, widening=widening, held_out_faults=tuple(odd.values()))


def _settled(seen: Sequence[Measured]) -> tuple[float, dict[Path, str]]:
    """The narrowest margins no picture that is left out falls outside of, or who still does."""
    faults: dict[Path, str] = {}
    for widening in WIDENINGS:
        faults = dict(_held_out_faults(seen, widening))
        if not faults:
            return widening, {}
    return WIDENINGS[-1], faults


def measure(image: Image, path: Path) -> Measured:
    """Everything a band can be on, of one picture."""
    strips, light = strips_of(image), light_of(image)
    noise = noise_of(strips)
    return Measured(
        path=path,
        width_px=image.shape[1],
        height_px=image.shape[0],
        channels=1 if image.ndim == 2 else 3,
        mean=light.mean,
        contrast=light.contrast,
        dark_share=light.dark_share,
        saturated_share=light.saturated_share,
        sharpness=sharpness_of(strips, noise),
        noise=noise,
        repeated_rows=repeats_of(strips).share,
        tear=tear_of(image, strips, noise),
    )


def limits_of(seen: Sequence[Measured], widening: float = 1.0) -> HealthLimits:
    """The bands around what was seen; a band nothing can be said for is left open.

    Beyond the values seen by half their range, and at least: 15 % of the mean grey, a quarter of
    the contrast, 5 % of the picture black or 3 % white, half the noise (or 0.3), 30 % of the
    sharpness above that of a ramp, 2 % of the rows, 10 % of a row.
    """

    def above(name: str, step: float, share: float = 0.0) -> float:
        values = [float(getattr(one, name)) for one in seen]
        return max(values) + widening * max(_half_range(values), step, share * max(values))

    means, contrasts = [one.mean for one in seen], [one.contrast for one in seen]
    around = widening * max(_half_range(means), 0.15 * median(means))
    below = widening * max(_half_range(contrasts), 0.25 * min(contrasts))
    bands: dict[str, Any] = {
        "mean_at_least": max(min(means) - around, 0.5 * min(means)),
        "mean_at_most": min(max(means) + around, (max(means) + 255) / 2),
        "contrast_at_least": max(min(contrasts) - below, 0.5 * min(contrasts)),
        "dark_share_at_most": min(above("dark_share", 0.05), 1.0),
        "saturated_share_at_most": min(above("saturated_share", 0.03), 1.0),
        "sharpness_at_least": _sharpness_at_least(seen, widening),
        "noise_at_most": min(above("noise", 0.3, 0.5), 255.0),
        "repeated_rows_at_most": min(above("repeated_rows", 0.02), 1.0),
        "tear_at_most": min(above("tear", 0.1), 1.0),
    }
    rounded = {name: None if at is None else float(f"{at:.4g}") for name, at in bands.items()}
    return HealthLimits(**{**_shape_of(seen), **rounded})


def _sharpness_at_least(seen: Sequence[Measured], widening: float) -> float | None:
    """None where a good picture has no edges to see focus by."""
    least = min(one.sharpness for one in seen)
    return None if least <= RAMP else RAMP + (least - RAMP) * max(0.1, 1 - 0.3 * widening)


def _shape_of(seen: Sequence[Measured]) -> dict[str, int]:
    """Width, height and channels, each where all pictures agree."""
    first = seen[0]
    return {
        name: getattr(first, name)
        for name in ("width_px", "height_px", "channels")
        if len({getattr(one, name) for one in seen}) == 1
    }


def _half_range(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / 2


def _held_out_faults(seen: Sequence[Measured], widening: float) -> Iterator[tuple[Path, str]]:
    """What each picture would be called by bands made without it and every fifth other."""
    for fold in range(FOLDS):
        others = [one for at, one in enumerate(seen) if at % FOLDS != fold]
        limits = limits_of(others, widening)
        for one in seen[fold::FOLDS]:
            fault = find_fault(read_image(one.path), limits)
            if fault:
                yield one.path, f"{one.path.name}: {fault.text}"


def _different(paths: Sequence[Path]) -> Iterator[Measured]:
    """Every picture measured; a copy of another says nothing new, and would narrow the bands."""
    known: set[int] = set()
    for path in paths:
        image = read_image(path)
        digest = hash(image.tobytes())
        if digest not in known:
            known.add(digest)
            yield measure(image, path)
