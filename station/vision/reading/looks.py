"""One line of text, looked at again and again until what it says is sure."""

from station.core.frame import Image
from station.core.region import Rectangle
from station.vision.reading.decoding import Readings, averaged, readings_of
from station.vision.reading.recogniser import Recogniser
from station.vision.reading.strips import Look, strip_of

LOOKS = (
    Look(text_px=25, soften_px=1.0),
    Look(text_px=28),
    Look(text_px=26, join=1.2, soften_px=0.8),
)
"""In this order: softened, so that dots and noise do not count; sharp; dots joined to strokes."""


class Line:
    """A line within a region's picture; each look at it is paid for once."""

    def __init__(
        self, recogniser: Recogniser, image: Image, box: Rectangle, *, is_dark: bool
    ) -> None:
        self.box = box
        self._recogniser, self._image, self._is_dark = recogniser, image, is_dark
        self._seen: list[Readings] = []

    def readings(self, looks: int) -> Readings:
        """The mean of the first so many looks."""
        for look in LOOKS[len(self._seen) : looks]:
            strip = strip_of(self._image, self.box, look, is_dark=self._is_dark)
            self._seen.append(readings_of(self._recogniser.distributions(strip)))
        return averaged(self._seen[:looks])

    @property
    def is_cut_off(self) -> bool:
        """The ink reaches the left or right edge of the picture, so that signs may be missing."""
        width = self._image.shape[1]
        return any(not 1 <= x <= width - 1 for x, _ in self.box.corners)
