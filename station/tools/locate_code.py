"""Find the part by the code on it: where it lies and which way it reads."""

import re

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from station.core.errors import PartAmbiguousError, PartNotFoundError
from station.core.frame import Frame
from station.core.part import Found
from station.core.plugin import Check, Site, Tool
from station.tools.anchored import (
    SearchRegion,
    View,
    anchored,
    angle_of,
    findings_of,
    lost,
    moved_view,
    view_size,
)
from station.vision.codes.ladder import Search, read_codes
from station.vision.codes.reading import place_of
from station.vision.codes.symbologies import Symbology

MOST_CODES = 8


class LocateCode(Tool, kind="locate_code"):
    """Settings of a part found by one code on it.

    The corners of a code are known to a pixel or two: good enough to put regions beside it, not to
    measure. What it says is judged by `read_code`; here it only tells the right code from others.
    """

    symbologies: tuple[Symbology, ...] = Field(min_length=1, description="which kinds are sought")
    x: float = Field(description="of the code's middle in the reference picture, in pixels")
    y: float = Field(description="of the code's middle in the reference picture, in pixels")
    angle_deg: float = Field(
        0.0, ge=-360, le=360, description="which way it reads there, clockwise from the right"
    )
    view: View
    pattern: str = Field("", description="regular expression the whole text must fit; empty: any")
    region: SearchRegion = None

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return pattern

    def prepare(self, site: Site) -> Check:
        """Nothing to load."""
        del site
        return Check(
            run=findings_of(self._find),
            find=self._find,
            view_px=view_size(self.view),
            regions=(self.region,) if self.region else None,
        )

    def _find(self, frame: Frame) -> Found:
        search = Search(symbologies=self.symbologies, count=MOST_CODES)
        seen = read_codes((place_of(frame.image, self.region),), search)
        fitting = [
            code for code in seen.sure if not self.pattern or re.fullmatch(self.pattern, code.text)
        ]
        if not fitting:
            others = f"; {len(seen.sure)} others are" if seen.sure else ""
            return lost(PartNotFoundError(f"no code of the part is read{others}"))
        if len(fitting) > 1:
            texts = ", ".join(repr(code.text) for code in fitting[:3])
            return lost(
                PartAmbiguousError(
                    f"{len(fitting)} codes could be the part's ({texts}); say pattern"
                )
            )
        return self._at(fitting[0].corners)

    def _at(self, corners: NDArray[np.float64]) -> Found:
        middle = corners.mean(axis=0)
        along = corners[1] + corners[2] - corners[0] - corners[3]
        pose = moved_view(
            self.view, np.array((self.x, self.y)), middle, angle_of(along) - self.angle_deg
        )
        measured = {
            "code_x_px": round(float(middle[0]), 2),
            "code_y_px": round(float(middle[1]), 2),
        }
        return Found(parts=(anchored(self.name, self.view, pose, measured),))
