"""One line of text, looked at again and again until what it says is sure."""

from station.core.frame import Image
from station.core.region import Rectangle
from station.vision.reading.decoding import Readings, averaged, places_of, readings_of
from station.vision.reading.recogniser import Recogniser, width_for
from station.vision.reading.strips import Look, strip_of
from station.vision.reading.zeros import zeros_have_strokes

LOOKS = (
    Look(text_px=25, soften_px=1.0),
    Look(text_px=28),
    Look(text_px=26, join=1.2, soften_px=0.8),
)
"""In this order: softened, so that dots and noise do not count; sharp; dots joined to strokes."""

_FOR_SHAPES = (LOOKS[1], LOOKS[0])


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

    def has_slashed_zeros(self, text: str, value: str) -> bool:
        """Each 0 of the value at the end of the line's text is seen to have a stroke inside.

        False too where no look shows just that text: then nobody knows where its zeros are.
        """
        for look in _FOR_SHAPES:
            strip = strip_of(self._image, self.box, look, is_dark=self._is_dark)
            distributions = self._recogniser.distributions(strip)
            seen = places_of(distributions)
            if _alike("".join(sign for sign, _ in seen)) == _alike(text):
                first = text.rfind(value)
                zeros = [first + at for at, sign in enumerate(value) if sign == "0"]
                step_px = max(width_for(strip), strip.shape[1]) / len(distributions)
                return zeros_have_strokes(strip, [step * step_px for _, step in seen], zeros)
        return False

    @property
    def is_cut_off(self) -> bool:
        """The ink reaches an edge of the picture: signs may be missing, or feet that make others.

        A V without its tip is a U.
        """
        height, width = self._image.shape[:2]
        return any(not (1 <= x <= width - 1 and 1 <= y <= height - 1) for x, y in self.box.corners)


def _alike(text: str) -> str:
    """The text with one sign for 0 and O, and no small letters: where they are, not which."""
    return text.upper().replace("O", "0")
