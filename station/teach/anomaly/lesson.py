"""What to teach an anomaly model, what it is learnt from, and what comes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from station.teach.anomaly.defects import Defects
from station.teach.anomaly.goods import Readable
from station.teach.anomaly.limits import GoodLimit
from station.teach.anomaly.merit import Reading
from station.teach.anomaly.search import Trial
from station.teach.anomaly.shown import Entry
from station.teach.anomaly.way import Way
from station.teach.features import FeatureNet
from station.teach.pictures import Picture
from station.vision.card import ModelCard
from station.vision.geometry import Fit

AUTO = "auto"
RATE = 0.005

Progress = Callable[[str, int, int], None]
"""Told the stage, how far it is, and of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyLesson:
    """What to teach, and how."""

    root: Path
    name: str
    defects: Path | None = None
    features: str = AUTO
    fast: bool = False
    """Without the search: the first way is taken."""
    false_reject_rate: float = RATE
    """The share of good parts that may be rejected."""
    seed: int = 0
    size_px: int | None = None
    fit: Fit | None = None
    ms_at_most: float = 1000.0
    """CPU milliseconds a picture may take."""
    mb_at_most: float = 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything a model is learnt from, found and read."""

    learnt: Readable
    unlearnt: tuple[Picture, ...]
    """Good pictures beyond those the memory is made of; they help to set the limit."""
    defects: Defects
    nets: Mapping[str, FeatureNet]
    warnings: tuple[str, ...]
    corrections: frozenset[str] = frozenset()
    """Digests of good pictures the memory must know: `station teach more` was given them."""
    rejected: frozenset[str] = frozenset()
    """Those of them a version rejected. They were chosen for their score, so that among the others
    they would count for many parts: the limit is found without them."""
    unlearnable: tuple[Path, ...] = ()
    """Pictures of bad parts on which nobody marked where, and the station sees nothing."""
    origins: Mapping[Path, Entry] = field(default_factory=dict)
    """Pictures shown to an earlier version, by the path they lie at now."""

    def name_of(self, path: Path) -> str:
        """What a person calls a picture: its name when it was shown."""
        return self.origins[path].name if path in self.origins else path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One teaching: what is asked, what there is, where it goes, and who is told."""

    lesson: AnomalyLesson
    material: Material
    model_dirs: Sequence[Path]
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """An anomaly model that was written, and what it is worth."""

    card: ModelCard
    folder: Path
    way: Way
    reading: Reading
    trials: tuple[Trial, ...]
    best: Trial | None
    """The trial that was chosen; None without a search."""
    limit: GoodLimit
    pictures: Mapping[str, int]
    """Words -> how many."""
    broken: tuple[str, ...]
    warnings: tuple[str, ...]
    size_bytes: int
    ms_per_picture: float
    seconds: float
