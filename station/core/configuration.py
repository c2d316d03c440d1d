"""What makes this station give the same answer as the next one."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.core.errors import SettingsError


class Configuration(BaseModel):
    """The station's Configuration for one camera; the default changes nothing (identity)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = Field(1, ge=1, le=1)
    camera_id: str = Field("camera", min_length=1)
    name: str = Field("identity", min_length=1, description="what this configuration is called")
    lens: None = Field(None, description="lens distortion; none is applied")
    scale_mm_per_px: None = Field(None, description="scale; without it nothing is given in mm")
    flat_field: None = Field(None, description="uneven light; none is corrected")
    colour: None = Field(None, description="colour correction; none is applied")

    @property
    def configuration_id(self) -> str:
        """Name and the first 12 digits of the hash."""
        return f"{self.name}-{self.hash[:12]}"

    @property
    def hash(self) -> str:
        """sha256 over the content; 64 hex digits."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()
        return hashlib.sha256(content).hexdigest()


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
