"""The proof a recipe carries that it was tested: what it was bound to, and what came out."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class Qualification(BaseModel):
    """A passed acceptance test, small enough to travel inside the recipe's file.

    It counts for exactly the recipe, models and Configuration it names, and for nothing else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    qualified_at: datetime
    recipe_hash: str = Sha256
    models: Mapping[str, str] = Field(description="name/version -> sha256 of the file")
    configuration_id: str = Field(min_length=1)
    software_version: str
    pictures_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the labelled pictures")
    record_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of qualification.json")
    n_good: int = Field(ge=1)
    n_bad: int = Field(ge=1)
    escapes: int = Field(ge=0)
    escape_upper_95: float = Field(ge=0, le=1)
    overkills: int = Field(ge=0)
    overkill_upper_95: float = Field(ge=0, le=1)
    not_decidable: int = Field(ge=0)
    escape_at_most: float = Field(gt=0, lt=1, description="what was asked for, and met")
    hash: str = ""

    @model_validator(mode="after")
    def _promise_was_kept(self) -> Self:
        if not self.escape_upper_95 <= self.escape_at_most:
            raise ValueError("the escape rate it was bound to is not met; it qualifies nothing")
        return self

    def covers(self, recipe_hash: str, models: Mapping[str, str], configuration_id: str) -> bool:
        """True when it was made with exactly these, and was not changed since."""
        bound = (self.recipe_hash, dict(self.models), self.configuration_id)
        return self.hash == self.content_hash and bound == (
            recipe_hash,
            dict(models),
            configuration_id,
        )

    @property
    def content_hash(self) -> str:
        """sha256 over all but `hash` itself; 64 hex digits."""
        return hashlib.sha256(self.model_dump_json(exclude={"hash"}).encode()).hexdigest()


def sealed(**fields: Any) -> Qualification:
    """A qualification with its own hash.

    Raises:
        ValueError: a field is wrong, or the bound asked for is not met.
    """
    bare = Qualification.model_validate(fields)
    return bare.model_copy(update={"hash": bare.content_hash})
