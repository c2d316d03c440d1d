"""The model a tool runs: named and pinned by hashes in its settings, with limits in order."""

from typing import Annotated, ClassVar, Protocol, TypeVar

from pydantic import Field

from station.core.errors import ModelError
from station.core.plugin import Site
from station.vision.card import Limits, find_model
from station.vision.model import Model, load_model
from station.vision.taught import Taught, load_taught

ModelName = Annotated[
    str, Field(min_length=1, description="name/version of the model, or its name alone")
]
FileHash = Annotated[
    str, Field(pattern=r"^([0-9a-f]{64})?$", description="the approved file; empty: any")
]
CardHash = Annotated[
    str, Field(pattern=r"^([0-9a-f]{64})?$", description="the approved card; empty: any")
]
TaughtName = Annotated[
    str, Field(min_length=1, description="name/version of what was taught, or its name alone")
]
TaughtHash = Annotated[
    str, Field(pattern=r"^([0-9a-f]{64})?$", description="what was approved; empty: any")
]
ShareLimit = Annotated[float | None, Field(ge=0, le=1, description="absent: the card's")]
"""A limit on a score from 0 to 1."""
OpenLimit = Annotated[
    float | None, Field(ge=0, allow_inf_nan=False, description="absent: the card's")
]
"""A limit on a score without an upper end."""


class Limited(Protocol):
    """Settings with two limits."""

    @property
    def accept_limit(self) -> float | None:
        """OK up to here."""

    @property
    def reject_limit(self) -> float | None:
        """NOT_OK from here."""


class RunsModel(Limited, Protocol):
    """Settings of a tool that runs one model; its kind is the model's task."""

    kind: ClassVar[str]

    @property
    def model(self) -> str:
        """Name or name/version."""

    @property
    def model_sha256(self) -> str:
        """The approved file."""

    @property
    def card_hash(self) -> str:
        """The approved card."""


class UsesTaught(Protocol):
    """Settings of a tool that needs what was taught to its kind."""

    kind: ClassVar[str]

    @property
    def taught(self) -> str:
        """Name or name/version."""

    @property
    def taught_hash(self) -> str:
        """What was approved."""


Settings = TypeVar("Settings", bound=Limited)


def in_order(settings: Settings) -> Settings:
    """The same settings, if their limits are in order.

    Raises:
        ValueError: the accept limit is above the reject limit.
    """
    accept, reject = settings.accept_limit, settings.reject_limit
    if accept is not None and reject is not None and accept > reject:
        raise ValueError(f"accept_limit {accept} must not be above reject_limit {reject}")
    return settings


def open_approved(tool: RunsModel, site: Site) -> tuple[Model, Limits]:
    """The tool's model, loaded from verified bytes and warm, and the limits it is judged by.

    Raises:
        ModelError: there is no such model, it is not the approved one, or it is for another task.
        RecipeError: the recipe's limits and the card's are out of order together.
    """
    folder = find_model(tool.model, site.model_dirs)
    model = load_model(folder, expected_sha256=tool.model_sha256, expected_card_hash=tool.card_hash)
    card = model.card
    if card.task != tool.kind:
        raise ModelError(f"model {card.reference} is for {card.task}, not {tool.kind}")
    return model, card.limits_with(tool.accept_limit, tool.reject_limit)


def open_taught(tool: UsesTaught, site: Site) -> Taught:
    """What the tool was taught, from verified bytes; `Check.models` names it with its card's hash.

    Raises:
        ModelError: there is none, it is not the approved one, or it is for another kind of tool.
    """
    return load_taught(tool.taught, site.model_dirs, task=tool.kind, expected_hash=tool.taught_hash)
