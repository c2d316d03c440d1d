"""How to inspect one product: an immutable, hashed file, and the same made ready to run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from station.core.configuration import Configuration
from station.core.errors import RecipeError, SettingsError, StationError
from station.core.files import write_whole
from station.core.plugin import Check, Site, Tool, explain, parse
from station.core.qualification import Qualification
from station.core.reasons import SEVERITIES, STATION_TEXTS, Reason, StationReason
from station.core.together import JOB, finder_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRecipe:
    """A recipe with every model loaded and every tool ready: the snapshot a job is judged by."""

    recipe: "Recipe"
    recipe_hash: str
    configuration: Configuration
    checks: Mapping[str, Check]
    models: Mapping[str, str]
    severity: Mapping[str, int]
    texts: Mapping[str, str]
    finder: str | None = None
    """The tool that locates the parts, if the recipe has one."""
    is_qualified: bool = False
    """True where the recipe carries a qualification of exactly this recipe on this station."""
    site: Site | None = None
    """What it was prepared on, so that another process can prepare the same."""
    configuration_id: str = field(init=False)
    """Of the Configuration it was prepared with; kept, because every result names it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "configuration_id", self.configuration.configuration_id)


def prepare(recipe: "Recipe", site: Site) -> PreparedRecipe:
    """Make a recipe ready on this station.

    Raises:
        RecipeError: a tool can give a reason code the recipe's table does not list, or the tools
            do not go together.
        StationError: whatever a tool's own preparation raises, with the tool's name.
    """
    checks: dict[str, Check] = {}
    for tool in recipe.tools:
        try:
            checks[tool.name] = tool.prepare(site)
        except StationError as error:
            raise type(error)(f"tool {tool.name!r}: {error}") from error
        strange = checks[tool.name].reason_codes - {reason.code for reason in recipe.reasons}
        if strange:
            raise RecipeError(
                f"recipe {recipe.recipe_id!r}: tool {tool.name!r} can answer "
                f"{', '.join(sorted(strange))}, which the reason table does not list; add it"
            )
    finder = finder_of(recipe.recipe_id, checks)
    models = {name: sha for check in checks.values() for name, sha in check.models.items()}
    recipe_hash, configuration_id = recipe.hash, site.configuration.configuration_id
    proof = recipe.qualification
    return PreparedRecipe(
        recipe=recipe,
        recipe_hash=recipe_hash,
        configuration=site.configuration,
        checks=checks,
        models=models,
        severity={reason.code: SEVERITIES.index(reason.severity) for reason in recipe.reasons},
        texts={reason.code: reason.text for reason in recipe.reasons}
        | {str(code): text for code, text in STATION_TEXTS.items()},
        finder=finder,
        is_qualified=proof is not None and proof.covers(recipe_hash, models, configuration_id),
        site=site,
    )


def _tool(value: object) -> object:
    return parse(Tool, value) if isinstance(value, Mapping) else value


AnyTool = Annotated[
    Tool,
    BeforeValidator(_tool),
    PlainSerializer(lambda tool: tool.as_entry(), return_type=dict),
]


class HealthLimits(BaseModel):
    """What an image must show before any tool's answer counts; grey values 0-255."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean_at_least: float = Field(4.0, ge=0, le=255, description="darker: lamp out, lens covered")
    mean_at_most: float = Field(251.0, ge=0, le=255, description="brighter: over-exposed")
    contrast_at_least: float = Field(2.0, ge=0, description="standard deviation; less: no part")
    width_px: int | None = Field(None, ge=1, description="of every picture; none: any")
    height_px: int | None = Field(None, ge=1, description="of every picture; none: any")
    channels: Literal[1, 3] | None = Field(None, description="1 grey, 3 colour; none: either")
    dark_share_at_most: float | None = Field(None, ge=0, le=1, description="share of black pixels")
    saturated_share_at_most: float | None = Field(
        None, ge=0, le=1, description="share of white pixels"
    )
    sharpness_at_least: float | None = Field(
        None, ge=0, le=1, description="share of an edge between two pixels; less: out of focus"
    )
    noise_at_most: float | None = Field(None, ge=0, le=255, description="standard deviation")
    repeated_rows_at_most: float | None = Field(
        None, ge=0, le=1, description="share of equal rows; none: only where plainly unfilled"
    )
    tear_at_most: float | None = Field(
        None, ge=0, le=1, description="share of a row that jumps; more: two frames in one"
    )

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Bands that were never taught do not stand in a recipe, nor in its hash."""
        return {name: value for name, value in dump(self).items() if value is not None}


class Recipe(BaseModel):
    """How to inspect one product; portable, without any fact about the station it runs on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = Field(1, ge=1, le=1)
    recipe_id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    version: int = Field(1, ge=1)
    product_id: str = Field("", description="jobs for another product are refused; empty: any")
    description: str = ""
    created_at: datetime
    tools: tuple[AnyTool, ...] = Field(min_length=1)
    reasons: tuple[Reason, ...] = ()
    health: HealthLimits = HealthLimits()
    qualification: Qualification | None = Field(
        None, description="written by `station qualify --seal`; bound to the hash, not part of it"
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for what, names in (
            ("tool", [tool.name for tool in self.tools]),
            ("reason code", [reason.code for reason in self.reasons]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{what} {', '.join(sorted(twice))} stands twice; rename one")
        if any(tool.name == JOB for tool in self.tools):
            raise ValueError(
                f"a tool is called {JOB!r}: what it reads would stand for what the job says; "
                "rename it"
            )
        return self

    @property
    def hash(self) -> str:
        """sha256 over everything that can change an answer, and the version; 64 hex digits."""
        return _hash_of(self.model_dump(mode="json"))

    def text_of(self, code: str) -> str:
        """The text of a reason code, of the recipe or the station; the code itself if unknown."""
        for reason in self.reasons:
            if reason.code == code:
                return reason.text
        return STATION_TEXTS[StationReason(code)] if code in set(StationReason) else code


def new_recipe(
    recipe_id: str, tools: tuple[Tool, ...], reasons: tuple[Reason, ...], **more: Any
) -> Recipe:
    """A first version, stamped now.

    Raises:
        RecipeError: a field is wrong.
    """
    fields = {"recipe_id": recipe_id, "tools": tools, "reasons": reasons, **more}
    return _validated({"created_at": datetime.now(UTC).replace(microsecond=0), **fields}, "recipe")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file the station wrote.

    Raises:
        RecipeError: it is missing, broken, or was changed since the station wrote it.
    """
    recipe, content_hash, written_hash = read_unsealed(path)
    if written_hash != content_hash:
        raise RecipeError(
            f"recipe {path} was changed since the station wrote it (hash {content_hash[:12]}, "
            f"written {str(written_hash)[:12]}); look at it with `station recipe check`, then "
            f"take it over as a new version with `station recipe new --from {path}`"
        )
    return recipe


def read_unsealed(path: Path) -> tuple[Recipe, str, str | None]:
    """A recipe, the hash of its file's content, and the hash written in it: they may differ.

    The content is hashed as it stands in the file, so that a setting a newer station adds with its
    default does not look like a change by hand.

    Raises:
        RecipeError: it is missing or broken.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"recipe {path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"recipe {path} must be a JSON object")
    written_hash = content.pop("hash", None)
    return _validated(content, str(path)), _hash_of(content), written_hash


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with its hash, whole or not at all."""
    content = {**recipe.model_dump(mode="json"), "hash": recipe.hash}
    if recipe.qualification is None:
        del content["qualification"]
    _write(content, path)


def carry_qualification(path: Path, qualification: Qualification) -> None:
    """Put a qualification into the file of the recipe it was made with; all else stays as it is.

    Raises:
        RecipeError: the file holds another recipe by now, or was changed by hand.
        OSError: it cannot be written; it is as it was.
    """
    if read_recipe(path).hash != qualification.recipe_hash:
        raise RecipeError(
            f"recipe {path} is no longer the one that was qualified "
            f"(hash {qualification.recipe_hash[:12]}); qualify it again"
        )
    content = json.loads(path.read_bytes())
    _write({**content, "qualification": qualification.model_dump(mode="json")}, path)


def _write(content: Mapping[str, Any], path: Path) -> None:
    write_whole(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


_TOLD = ("created_at", "description", "qualification")
"""What changes no answer, and so no hash."""


def _hash_of(content: Mapping[str, Any]) -> str:
    answers = {key: content[key] for key in content if key not in _TOLD}
    return hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()


def _validated(content: Mapping[str, Any], where: str) -> Recipe:
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{where}: {explain(error, Recipe)}") from None
    except SettingsError as error:
        raise RecipeError(f"{where}: {error}") from error
