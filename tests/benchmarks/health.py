"""python -m tests.benchmarks.health [--data DIR] [--taught N]: unfit pictures caught, fit ones not.

Bands are taught from N good pictures of each set; false alarms are counted on its other pictures,
good and bad parts alike (a bad part's picture is fit to judge), faults on the same, spoilt.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from station.core.frame import Image
from station.core.recipe import HealthLimits
from station.teach.health import teach_health
from station.vision.health import find_fault
from station.vision.images import find_pictures, read_image
from tests.benchmarks.kernels import health_ms

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SETS = {
    "casting": ("casting/train/good", "casting/test"),
    "magnetic_tile": ("magnetic_tile/train/good", "magnetic_tile/test"),
    "bsdata": ("bsdata/train", "bsdata/test"),
    "screws": ("screws_missing/images", "screws_missing/images"),
}
"""Where good pictures to teach from lie, and those to test with."""
TESTED_AT_MOST = 120
COUNTED = (1280, 1024)

Spoil = Callable[[Image, Image, Generator], Image]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table a set, and what all checks together cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folders of real photographs")
    parser.add_argument("--taught", type=int, default=30, help="good pictures to teach from")
    asked = parser.parse_args(arguments)
    for name, (taught_from, tested_on) in SETS.items():
        if (asked.data / taught_from).is_dir():
            _measure(name, asked.data / taught_from, asked.data / tested_on, asked.taught)
        else:
            print(f"{name}: skipped, no folder {asked.data / taught_from}")
    width, height = COUNTED
    print(f"all checks, {width} x {height} colour: {health_ms(width, height):.2f} ms CPU (<= 1)")


def _measure(name: str, taught_from: Path, tested_on: Path, count: int) -> None:
    paths = _spread(list(find_pictures(taught_from)), count)
    taught = teach_health(paths)
    others = [path for path in find_pictures(tested_on) if path not in paths]
    images = [read_image(path) for path in _spread(others, TESTED_AT_MOST)]
    faults = [find_fault(image, taught.limits) for image in images]
    alarms = [fault for fault in faults if fault]
    print(
        f"{name}: taught from {len(paths)}, margins x {taught.widening:g}; "
        f"false alarms {len(alarms)} of {len(images)} (wanted: 0)"
    )
    for fault in alarms:
        print(f"    {fault.text}")
    for kind, spoil in SPOILT.items():
        caught, untaught = _caught(images, spoil, taught.limits)
        share = f"{caught}/{len(images)}"
        print(f"    {kind:<22} caught {share:>8} ({caught / len(images):.0%}), untaught {untaught}")


def _caught(images: Sequence[Image], spoil: Spoil, limits: HealthLimits) -> tuple[int, int]:
    """How many spoilt pictures are unfit by the bands, and by the defaults alone."""
    rng = np.random.default_rng(0)
    taught = untaught = 0
    for number, image in enumerate(images):
        spoilt = spoil(image, images[(number + 1) % len(images)], rng)
        taught += find_fault(spoilt, limits) is not None
        untaught += find_fault(spoilt, HealthLimits()) is not None
    return taught, untaught


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    step = max(1, len(paths) // count)
    return list(paths[::step][:count])


def _blurred(sigma_px: float) -> Spoil:
    return lambda image, _, __: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def _exposed(gain: float) -> Spoil:
    return lambda image, _, __: np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8)


def _noisy(sigma: float) -> Spoil:
    def spoil(image: Image, _: Image, rng: Generator) -> Image:
        noise = rng.normal(0, sigma, image.shape)
        return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)

    return spoil


def _moved(image: Image, _: Image, __: Generator) -> Image:
    """Moved by 9 px along a row while the shutter was open."""
    return np.asarray(cv2.blur(image, (9, 1)), np.uint8)


def _torn(image: Image, other: Image, rng: Generator) -> Image:
    """The lower part belongs to the next part's picture."""
    row = int(rng.uniform(0.2, 0.8) * len(image))
    size = (image.shape[1], image.shape[0])
    spoilt, below = image.copy(), cv2.resize(other, size, interpolation=cv2.INTER_NEAREST)
    spoilt[row:] = below[row:]
    return spoilt


def _shifted(image: Image, _: Image, rng: Generator) -> Image:
    """The lower part is the same part a little later on the belt."""
    row, by = int(rng.uniform(0.2, 0.8) * len(image)), round(0.05 * image.shape[1])
    spoilt = image.copy()
    spoilt[row:] = np.roll(image, by, axis=1)[row:]
    return spoilt


def _unfilled(grey: int) -> Spoil:
    def spoil(image: Image, _: Image, rng: Generator) -> Image:
        spoilt = image.copy()
        spoilt[int(rng.uniform(0.3, 0.9) * len(image)) :] = grey
        return spoilt

    return spoil


def _repeated(image: Image, _: Image, rng: Generator) -> Image:
    """A band in the middle is one row again and again, as where packets were lost."""
    spoilt, row = image.copy(), int(rng.uniform(0.1, 0.8) * len(image))
    spoilt[row : row + len(image) // 10] = image[row]
    return spoilt


SPOILT: Mapping[str, Spoil] = {
    "dark, a third": _exposed(1 / 3),
    "dark, a tenth": _exposed(1 / 10),
    "over-exposed, 2.5 times": _exposed(2.5),
    "blur, 1.5 px": _blurred(1.5),
    "blur, 2.5 px": _blurred(2.5),
    "moved, 9 px": _moved,
    "noise, 5 grey levels": _noisy(5),
    "noise, 10 grey levels": _noisy(10),
    "torn, another part": _torn,
    "torn, moved by 5 %": _shifted,
    "unfilled, black": _unfilled(0),
    "unfilled, grey": _unfilled(128),
    "unfilled, in the middle": _repeated,
}

if __name__ == "__main__":
    main()
