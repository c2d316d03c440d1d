"""The card of an anomaly model: what it is, how it was chosen, what it was learnt from."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from station import __version__
from station.teach.anomaly.eye import Eye
from station.teach.anomaly.graph import HEAT_MAP, SCORE
from station.teach.anomaly.lesson import AnomalyLesson
from station.teach.anomaly.limits import GoodLimit
from station.teach.anomaly.merit import Reading
from station.teach.anomaly.search import Trial
from station.teach.anomaly.way import Way
from station.teach.features import FeatureNet
from station.vision.card import Limits, ModelCard, ModelOutput
from station.vision.model import sha256_of

REASON = "anomaly"
SCORE_RULE = (
    "0 is what good parts look like in the mean, 1 is the limit found at teaching; twice the "
    "score is twice as far from good"
)
LIMIT_RULE = "from held-out scores of good parts alone, for the asked-for share of false rejects"


def card_of(
    lesson: AnomalyLesson, version: int, eye: Eye, way: Way, data: bytes,
    net: FeatureNet, facts: Mapping[str, JsonValue], sizes: Sequence[tuple[int, int]],
) -> ModelCard:  # fmt: skip
    """The card, with limits 1 and 1: OK up to what good parts reach, NOT_OK above."""
    size = (1, 1, eye.rows, eye.columns)
    aspects = [round(width / height, 4) for width, height in sizes]
    return ModelCard(
        name=lesson.name,
        version=version,
        task="anomaly",
        description=f"knows good parts; {way.in_words}",
        sha256=sha256_of(data),
        input=eye.contract,
        tiling=way.tiling,
        aspects=(min(aspects), max(aspects)),
        outputs=(
            ModelOutput(name=SCORE, holds="score", shape=(1,)),
            ModelOutput(name=HEAT_MAP, holds="heat_map", shape=size),
        ),
        reason_codes={REASON: REASON},
        limits=Limits(accept_limit=1.0, reject_limit=1.0),
        training=dict(facts),
        licence=f"memory: the pictures' owner; feature net {net.card.name}: {net.card.licence}",
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def facts_of(
    lesson: AnomalyLesson, way: Way, net: FeatureNet, reading: Reading, limit: GoodLimit,
    trials: list[Trial], pictures: Mapping[str, int], heat_limit: float,
) -> dict[str, JsonValue]:  # fmt: skip
    """What the card tells of how the model was made."""
    return {
        "way": way.model_dump(mode="json"),
        "feature_net": {"name": net.card.name, "sha256": net.card.sha256},
        "pictures": dict(pictures),
        "score": SCORE_RULE,
        "limit": {
            "rule": LIMIT_RULE,
            "false_reject_rate": lesson.false_reject_rate,
            "method": limit.method,
            "held_out_scores": limit.scores,
            "above": limit.above,
            "low": round(limit.low / limit.limit, 4),
            "high": round(limit.high / limit.limit, 4),
            "heat": float(f"{heat_limit:.6g}"),
        },
        "merit": merit_facts(reading),
        "tried": [
            {"way": trial.way.in_words, "ms": round(trial.ms, 1), **merit_facts(trial.reading)}
            for trial in trials
        ],
        "seed": lesson.seed,
        "station": __version__,
    }


def merit_facts(reading: Reading) -> dict[str, JsonValue]:
    """Areas under the ROC curve on held-out good parts and drawn or marked defects."""
    merit = reading.merit
    return {
        "drawn_pictures": round(merit.pictures, 4),
        "drawn_patches": round(merit.patches, 4),
        "marked_pictures": None if merit.marked is None else round(merit.marked, 4),
        "total": round(merit.total, 4),
    }
