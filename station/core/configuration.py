"""What makes this station give the same answer as the next one."""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from station.core.corrections import Colour, FlatField, Focus, Lens
from station.core.errors import OutsideImageError, SettingsError
from station.core.files import write_whole

StepName = Literal["lens", "scale", "flat", "colour", "focus"]
WhenOverdue = Literal["warn", "not_decidable"]

CLOCKS_DIFFER = timedelta(days=1)

_CLOSED = ConfigDict(frozen=True, extra="forbid")


class Plane(BaseModel):
    """The plane parts lie in: pixels of the corrected image to millimetres, also when tilted."""

    model_config = _CLOSED

    homography: tuple[FiniteFloat, ...] = Field(
        min_length=9, max_length=9, description="3 x 3 by rows; continuous pixels to mm"
    )
    error_mm: FiniteFloat = Field(
        gt=0, description="standard error of a point's place, from the target"
    )

    def to_mm(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (n, 2) in continuous pixels (a pixel's centre is at .5) as (n, 2) in mm."""
        matrix = np.array(self.homography).reshape(3, 3)
        mapped = points @ matrix[:, :2].T + matrix[:, 2]
        return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)

    def mm_per_px(self, at: tuple[float, float]) -> float:
        """The scale at a point: how many mm a pixel's edge is long there, in the mean."""
        x, y = at
        corners = self.to_mm(np.array(((x, y), (x + 1, y), (x, y + 1))))
        across, down = corners[1] - corners[0], corners[2] - corners[0]
        return math.sqrt(abs(float(across[0] * down[1] - across[1] * down[0])))


class Step(BaseModel):
    """One step of the calibration: when it was made, and when it must be made again."""

    model_config = _CLOSED

    name: StepName
    calibrated_at: AwareDatetime
    due_at: AwareDatetime | None = None


class Contribution(BaseModel):
    """One standard uncertainty in the error budget."""

    model_config = _CLOSED

    source: str = Field(min_length=1, description="what it comes from, as in: lens reprojection")
    step: StepName = Field(description="the step that found it; it goes when that is made again")
    error_px: float = Field(ge=0, description="in pixels, at the image's centre")
    error_mm: float | None = Field(None, ge=0, description="in mm, where the scale is known")


class Configuration(BaseModel):
    """The station's Configuration for one camera; the default changes nothing (identity)."""

    model_config = _CLOSED

    schema_version: int = Field(1, ge=1, le=1)
    camera_id: str = Field("camera", min_length=1)
    name: str = Field("identity", min_length=1, description="what this configuration is called")
    image_size_px: tuple[PositiveInt, PositiveInt] | None = Field(
        None, description="width and height it holds for; pictures of another size never pass"
    )
    lens: Lens | None = Field(None, description="lens distortion; without it none is corrected")
    plane: Plane | None = Field(None, description="scale; without it nothing is given in mm")
    flat_field: FlatField | None = Field(None, description="uneven light; else none is corrected")
    colour: Colour | None = Field(None, description="white balance and colour matrix")
    focus: Focus | None = Field(None, description="the best focus seen; corrects nothing")
    steps: tuple[Step, ...] = Field((), description="when each step was made and is due")
    calibrated_at: AwareDatetime | None = Field(None, description="the latest step")
    due_at: AwareDatetime | None = Field(None, description="the earliest date a step is due")
    when_overdue: WhenOverdue = Field(
        "warn", description="not_decidable: no part passes after the due date"
    )
    error_budget: tuple[Contribution, ...] = Field((), description="standard uncertainties")

    @model_validator(mode="after")
    def _corrections_have_a_size(self) -> Self:
        if (self.lens or self.flat_field) and self.image_size_px is None:
            raise ValueError("a lens or flat field holds for one image size; give image_size_px")
        if self.when_overdue == "not_decidable" and self.due_at is None:
            raise ValueError("when_overdue = not_decidable needs due_at")
        first_due = min((step.due_at for step in self.steps if step.due_at), default=None)
        if first_due and (self.due_at is None or self.due_at > first_due):
            raise ValueError(
                f"due_at is later than a step's own ({first_due:%Y-%m-%d}); it is put off by "
                "calibrating that step again"
            )
        return self

    @property
    def configuration_id(self) -> str:
        """Name and the first 12 digits of the hash."""
        return f"{self.name}-{self.hash[:12]}"

    @property
    def hash(self) -> str:
        """sha256 over what is not at its default, so that a new field changes no old hash."""
        content = json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def corrects_pixels(self) -> bool:
        """False where pictures stay exactly as they were acquired."""
        return not (self.lens is None and self.flat_field is None and self.colour is None)

    def is_overdue(self, at: datetime) -> bool:
        """Whether a picture acquired at that time is not provably in date.

        After the due date, before the calibration (the clock was set back, so that no due date
        would ever come), or at a time without a zone.
        """
        if self.due_at is None:
            return False
        if at.tzinfo is None:
            return True
        return not at <= self.due_at or self.is_before(at)

    def is_before(self, at: datetime) -> bool:
        """Whether that time lies before the calibration, by more than clocks differ."""
        return self.calibrated_at is not None and at < self.calibrated_at - CLOCKS_DIFFER

    @property
    def in_words(self) -> str:
        """Id, dates and error, as they are shown."""
        words = self.configuration_id
        if self.calibrated_at:
            words += f", calibrated {self.calibrated_at:%Y-%m-%d}"
        if self.due_at:
            words += f", due {self.due_at:%Y-%m-%d}"
        error_mm = self.error_mm()
        return words if error_mm is None else f"{words}, ± {error_mm:.3f} mm"

    def check_size(self, width: int, height: int) -> None:
        """Refuse a picture of another size than the calibration was made with.

        Raises:
            OutsideImageError: it is one: another region of interest, binning or camera.
        """
        if self.image_size_px not in (None, (width, height)):
            raise OutsideImageError(
                f"the image is {width} x {height}, the calibration {self.configuration_id} holds "
                f"for {self.image_size_px[0]} x {self.image_size_px[1]}; restore the camera's "
                "region of interest and binning, or calibrate again"
            )

    def error_px(self) -> float | None:
        """Combined standard uncertainty in px (GUM 5.1.2: root of the sum of squares)."""
        return _combined(entry.error_px for entry in self.error_budget)

    def error_mm(self) -> float | None:
        """The same in mm; None as long as a contribution is not known in mm."""
        return _combined(entry.error_mm for entry in self.error_budget)


def load_configuration(path: Path) -> Configuration:
    """Read a Configuration file.

    Raises:
        SettingsError: it is missing, no JSON, or holds what this version cannot apply.
    """
    try:
        found = Configuration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read the configuration {path}: {error.strerror}") from error
    except ValidationError as error:
        raise SettingsError(f"configuration {path}: {error}") from error
    if found.plane and found.image_size_px is None:
        raise SettingsError(
            f"configuration {path}: its plane holds for one image size; give image_size_px"
        )
    return found


def keep_configuration(configuration: Configuration, folder: Path) -> Path:
    """Write `folder/<camera_id>.json` whole; what stood there before goes to `folder/earlier`.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    path = folder / f"{configuration.camera_id}.json"
    if path.is_file():
        before = path.read_bytes()
        digest = hashlib.sha256(before).hexdigest()[:12]
        write_whole(folder / "earlier" / f"{configuration.camera_id}-{digest}.json", before)
    content = configuration.model_dump(mode="json", exclude_defaults=True)
    shown = {"schema_version": 1, "camera_id": configuration.camera_id, **content}
    text = json.dumps(shown, indent=2, ensure_ascii=False)
    write_whole(path, (_NUMBERS.sub(_in_one_line, text) + "\n").encode())
    return path


_NUMBERS = re.compile(r"\[[-+.\deE,\s]+\]")


def _in_one_line(numbers: re.Match[str]) -> str:
    """A row of numbers, which `json` would give a line each."""
    return " ".join(numbers.group().split())


def _combined(errors: Iterable[float | None]) -> float | None:
    known = list(errors)
    if not known or None in known:
        return None
    return math.sqrt(sum(error**2 for error in known if error is not None))
