"""A new version that is not written yet: what it would change on all that was ever shown."""

from dataclasses import dataclass
from pathlib import Path

from station.teach.anomaly.finish import Made, write
from station.teach.anomaly.lesson import Course, Taught
from station.teach.anomaly.shown import Role
from station.vision.card import ModelCard


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreLesson:
    """What a model is to be taught besides what it knows."""

    name: str
    """Of the model, or name/version: that version's lesson is gone on with."""
    good: tuple[Path, ...] = ()
    """Pictures or folders of good parts."""
    bad: tuple[Path, ...] = ()
    """Pictures or folders of bad parts, with marks or without."""
    search: bool = False
    """Choose the way of looking anew."""
    forget_lost: bool = False
    """Go on without pictures shown earlier that are missing or changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What two versions say of one picture."""

    name: str
    path: str
    role: Role
    is_given: bool
    """Whether it is one of those now given, not shown earlier."""
    before: float
    after: float
    passed_before: bool
    passes_after: bool

    @property
    def was_right(self) -> bool:
        """Whether the version before said what the person says."""
        return self.passed_before == (self.role == "good")

    @property
    def is_right(self) -> bool:
        """Whether the new version does."""
        return self.passes_after == (self.role == "good")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A new version that is not written yet, and what it would change."""

    before: ModelCard
    made: Made
    course: Course
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]

    @property
    def worse(self) -> list[Verdict]:
        """What was right and would become wrong."""
        return [v for v in self.verdicts if v.was_right and not v.is_right]

    @property
    def changes(self) -> list[Verdict]:
        """Every picture whose verdict would change."""
        return [v for v in self.verdicts if v.passed_before != v.passes_after]

    @property
    def still_wrong(self) -> list[Verdict]:
        """Pictures now given that would be wrong still."""
        return [v for v in self.verdicts if v.is_given and not v.is_right]

    def write(self) -> Taught:
        """Keep it as the next version.

        Raises:
            TeachError: the folder cannot be written.
        """
        return write(self.course, self.made)
