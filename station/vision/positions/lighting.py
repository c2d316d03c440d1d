"""What the light is, taken from all that is no position, as far as it may have changed."""

from dataclasses import dataclass

import numpy as np

from station.core.frame import Image
from station.core.region import Rectangle
from station.vision.positions.descriptor import Light, light_of

MOST_COLOUR = 0.7
"""Change of blue or red against green that is taken for light: a factor of two."""
MOST_LEVEL = 1.2
"""Change of brightness, as a logarithm, in which things are still told: a factor of three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lighting:
    """The taught light, and where the light of a picture is read."""

    taught: Light
    places: tuple[Rectangle, ...]
    follows: bool
    in_colour: bool
    """What was taught in colour is not proven by a grey picture."""

    def of(self, image: Image) -> Light:
        """The light of a picture (3,), held near the taught one: what changes more is the part."""
        return self.read(image)[0]

    def read(self, image: Image) -> tuple[Light, bool]:
        """The light of a picture (3,), and whether it lies near enough to judge anything in it."""
        is_told = image.ndim == 3 or not self.in_colour
        seen = light_of(image, self.places)
        if seen is None:
            return self.taught, is_told
        change = seen - self.taught
        is_near = is_told and bool(abs(change[1]) <= MOST_LEVEL)
        if not self.follows:
            return self.taught, is_near
        level = np.clip(change[1], -MOST_LEVEL, MOST_LEVEL)
        colour = np.clip(change - change[1], -MOST_COLOUR, MOST_COLOUR)
        return np.asarray(self.taught + level + colour, np.float32), is_near
