"""What makes this station give the same answer as the next one."""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.core.errors import SettingsError


class Plane(BaseModel):
    """The plane parts lie in: pixels of the corrected image to millimetres, also when tilted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    homography: tuple[float, ...] = Field(
        min_length=9, max_length=9, description="3 x 3 by rows; continuous pixels to mm"
    )
    error_mm: float = Field(gt=0, description="standard error of a point's place, from the target")

    def to_mm(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (n, 2) in continuous pixels (a pixel's centre is at .5) as (n, 2) in mm."""
        matrix = np.array(self.homography).reshape(3, 3)
        mapped = points @ matrix[:, :2].T + matrix[:, 2]
        return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)


class Configuration(BaseModel):
    """The station's Configuration for one camera; the default changes nothing (identity)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = Field(1, ge=1, le=1)
    camera_id: str = Field("camera", min_length=1)
    name: str = Field("identity", min_length=1, description="what this configuration is called")
    lens: None = Field(None, description="lens distortion; none is applied")
    plane: Plane | None = Field(None, description="scale; without it nothing is given in mm")
    flat_field: None = Field(None, description="uneven light; none is corrected")
    colour: None = Field(None, description="colour correction; none is applied")

    @property
    def configuration_id(self) -> str:
        """Name and the first 12 digits of the hash."""
        return f"{self.name}-{self.hash[:12]}"

    @property
    def hash(self) -> str:
        """sha256 over what is not at its default, so that a new field changes no old hash."""
        content = json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def load_configuration(path: Path) -> Configuration:
    """Read a Configuration file.

    Raises:
        SettingsError: it is missing, no JSON, or holds what this version cannot apply.
    """
    try:
        return Configuration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read the configuration {path}: {error.strerror}") from error
    except ValidationError as error:
        raise SettingsError(f"configuration {path}: {error}") from error
