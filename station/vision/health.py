"""Is the picture fit to judge by? Its making measured and held against the recipe's bands."""

from collections.abc import Iterator
from typing import NamedTuple

from station.core.frame import Image
from station.core.reasons import StationReason
from station.core.recipe import HealthLimits
from station.vision.health_measures import (
    Repeats,
    light_of,
    noise_of,
    repeats_of,
    sharpness_of,
    strips_of,
    tear_of,
)

EMPTY_SHARE = 0.95
"""Equal rows over more of the height than this are an empty picture, and no incomplete one."""
_UNTAUGHT_SHARE, _UNTAUGHT_ROWS, _LIVE_SHARE, _BRIGHT_GREY = 1 / 16, 8, 0.4, 250


class Fault(NamedTuple):
    """Why a picture cannot be judged: the station's reason code, and what was seen, in words."""

    reason: StationReason
    text: str


def find_fault(image: Image, limits: HealthLimits) -> Fault | None:
    """The first thing that makes a picture unfit, or None.

    What a picture is by its making comes before what it shows, so that half a frame is called
    that, and not dark. A measure that is no number is a fault.
    """
    return next(_faults(image, limits), None)


def _faults(image: Image, limits: HealthLimits) -> Iterator[Fault]:
    yield from _shape_faults(image, limits)
    strips = strips_of(image)
    repeats = repeats_of(strips)
    if repeats.share < EMPTY_SHARE:
        yield from _repeat_faults(repeats, len(strips), limits.repeated_rows_at_most)
    needs_noise = (limits.noise_at_most, limits.sharpness_at_least, limits.tear_at_most)
    noise = 0.0 if needs_noise == (None, None, None) else noise_of(strips)
    if limits.tear_at_most is not None:
        tear = tear_of(image, strips, noise)
        if not tear <= limits.tear_at_most:
            text = f"torn: {tear:.0%} of a row jumps, at most {limits.tear_at_most:.0%}"
            yield Fault(StationReason.INCOMPLETE_FRAME, f"{text}; cable, bandwidth or trigger?")
    yield from (Fault(StationReason.UNHEALTHY_IMAGE, text) for text in _dim(image, limits))
    if repeats.share >= EMPTY_SHARE:
        yield from _repeat_faults(repeats, len(strips), limits.repeated_rows_at_most)
    if limits.noise_at_most is not None and not noise <= limits.noise_at_most:
        text = f"noisy: {noise:.2f} grey levels, at most {limits.noise_at_most:.2f}; gain, light?"
        yield Fault(StationReason.UNHEALTHY_IMAGE, text)
    if limits.sharpness_at_least is not None:
        sharpness = sharpness_of(strips, noise)
        if not sharpness >= limits.sharpness_at_least:
            text = f"blurred: sharpness {sharpness:.3f}, at least {limits.sharpness_at_least:.3f}"
            yield Fault(StationReason.UNHEALTHY_IMAGE, f"{text}; focus, dirt, motion?")


def _shape_faults(image: Image, limits: HealthLimits) -> Iterator[Fault]:
    height, width = image.shape[:2]
    channels = 1 if image.ndim == 2 else image.shape[2]
    for what, seen, wanted in (
        ("px wide", width, limits.width_px),
        ("px high", height, limits.height_px),
        ("channels", channels, limits.channels),
    ):
        if wanted is not None and seen != wanted:
            text = f"wrong size: {seen} {what}, the recipe was taught {wanted}; camera settings?"
            yield Fault(StationReason.UNHEALTHY_IMAGE, text)


def _repeat_faults(repeats: Repeats, rows: int, at_most: float | None) -> Iterator[Fault]:
    """Equal rows beyond the band; untaught only where all else in the picture is alive."""
    if at_most is None:
        is_drawn = not repeats.live_share >= _LIVE_SHARE or repeats.grey >= _BRIGHT_GREY
        at_most = 1.0 if is_drawn else max(_UNTAUGHT_SHARE, _UNTAUGHT_ROWS / rows)
    if not repeats.share <= at_most:
        text = f"{repeats.share:.0%} of the rows are one row repeated, at most {at_most:.0%}"
        yield Fault(StationReason.INCOMPLETE_FRAME, f"{text}; a buffer that was not filled")


def _dim(image: Image, limits: HealthLimits) -> Iterator[str]:
    """What is wrong with the light, in words."""
    light = light_of(image)
    if not light.mean >= limits.mean_at_least:
        yield (
            f"too dark: mean {light.mean:.1f}, at least {limits.mean_at_least:g}; "
            "lamp or lens cover?"
        )
    if not light.mean <= limits.mean_at_most:
        yield f"too bright: mean {light.mean:.1f}, at most {limits.mean_at_most:g}; exposure?"
    if not light.contrast >= limits.contrast_at_least:
        yield (
            f"empty: contrast {light.contrast:.1f}, at least {limits.contrast_at_least:g}; no part?"
        )
    for name, share, at_most in (
        ("too dark: black", light.dark_share, limits.dark_share_at_most),
        ("over-exposed: saturated", light.saturated_share, limits.saturated_share_at_most),
    ):
        if at_most is not None and not share <= at_most:
            yield f"{name} in {share:.1%} of the picture, at most {at_most:.1%}; exposure?"
