"""Versions of a model: what one changed against another, and going back without losing any."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from station.core.errors import TeachError
from station.teach.keep import keep, next_version
from station.vision.card import CARD_FILE, ModelCard, find_model, list_versions, read_card
from station.vision.model import load_model

BETTER_HIGH = ("accuracy", "auroc", "aupro", "f1", "precision", "recall")
BETTER_LOW = ("escape", "overkill", "not_decidable", "log_loss", "false_reject", "error")
"""Words in the name of a figure that say which way is better."""
TABLES = ("confusion",)
"""Facts too long to set side by side; `station model show` prints them."""
COPY_OF, ROLLED_BACK_FROM = "copy_of", "rolled_back_from"


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact of two models; None where a model does not have it."""

    what: str
    before: str | None
    after: str | None
    words: str
    """What the change means; empty where there is none."""

    @property
    def is_change(self) -> bool:
        """Whether the two differ."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A version that became the newest again, as a copy."""

    card: ModelCard
    folder: Path
    source: ModelCard
    replaced: ModelCard
    """The version that was the newest before."""


def compare(before: ModelCard, after: ModelCard) -> list[Difference]:
    """Every fact of two cards side by side, those of the contract first."""
    one, other = dict(_facts_of(before)), dict(_facts_of(after))
    return [
        Difference(what, _told(one.get(what)), _told(other.get(what)), _words(what, one, other))
        for what in dict.fromkeys((*one, *other))
        if one.get(what) is not None or other.get(what) is not None
    ]


def roll_back(name: str, model_dirs: Sequence[Path], to: int | None = None) -> RolledBack:
    """Make an earlier version the newest again, by a copy; nothing is deleted.

    Without `to` it is the version before the newest. The copy lies in `model_dirs[0]`, and its
    card says which version it is a copy of and which it took the place of.

    Raises:
        TeachError: there is no such version, or none before; or it is not clear which is meant.
        ModelError: there is no such model, or the version's file is not what its card says.
    """
    newest = read_card(find_model(name, model_dirs))
    folder = _folder_of(newest, model_dirs, to)
    source = read_card(folder)
    if source.sha256 == newest.sha256 and source.limits == newest.limits:
        raise TeachError(
            f"{source.reference} is what {newest.reference} is already; nothing to go back to"
        )
    load_model(folder)  # what cannot be run must not become the newest
    facts: dict[str, JsonValue] = {
        COPY_OF: source.reference,
        ROLLED_BACK_FROM: newest.reference,
        "copied_version_made_at": source.created_at.isoformat(),
    }
    card = source.model_copy(
        update={
            "version": next_version(newest.name, model_dirs),
            "created_at": datetime.now(UTC).replace(microsecond=0),
            "training": {**source.training, **facts},
        }
    )
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != CARD_FILE
    }
    data = files.pop(source.file)
    return RolledBack(card, keep(model_dirs[0], card, data, files), source, newest)


def versions_of(name: str, model_dirs: Sequence[Path]) -> list[int]:
    """All versions of a model, wherever they lie, oldest first."""
    return sorted({int(version) for root in model_dirs for version in list_versions(root / name)})


def _folder_of(newest: ModelCard, model_dirs: Sequence[Path], to: int | None) -> Path:
    versions = versions_of(newest.name, model_dirs)
    listed = ", ".join(str(version) for version in versions)
    if to is not None:
        if to not in versions:
            raise TeachError(f"model {newest.name} has no version {to} (there is: {listed})")
        return find_model(f"{newest.name}/{to}", model_dirs)
    if COPY_OF in newest.training:
        raise TeachError(
            f"{newest.reference} is itself a copy of {newest.training[COPY_OF]}, taken to go back "
            f"from {newest.training.get(ROLLED_BACK_FROM)}; say with --to which version is meant "
            f"(there is: {listed})"
        )
    earlier = [version for version in versions if version < newest.version]
    if not earlier:
        raise TeachError(f"{newest.reference} is the first version; there is none to go back to")
    return find_model(f"{newest.name}/{earlier[-1]}", model_dirs)


def _facts_of(card: ModelCard) -> Iterator[tuple[str, JsonValue]]:
    entry = card.input
    yield "task", card.task
    yield "description", card.description
    yield "file", card.sha256[:12]
    yield (
        "input",
        f"{entry.width} x {entry.height} {entry.channel_order} {entry.dtype}, {entry.fit}",
    )
    tiling = card.tiling
    yield "tiles", f"{tiling.size_px} px, overlap {100 * tiling.overlap:.3g} %" if tiling else None
    for output in card.outputs:
        yield f"output {output.name}", f"{list(output.shape)}, {output.holds}"
    yield "classes", ", ".join(card.classes) or None
    yield "reason codes", ", ".join(dict.fromkeys(card.reason_codes.values())) or None
    if card.limits:
        yield "accept limit", card.limits.accept_limit
        yield "reject limit", card.limits.reject_limit
    yield "licence", card.licence
    yield "made", card.created_at.isoformat()
    for key, value in card.training.items():
        yield from _flat(key, value)


def _flat(key: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if key.rpartition(".")[2] in TABLES:
        return
    if isinstance(value, dict) and not {"count", "total"} <= set(value):
        for inner, entry in value.items():
            yield from _flat(f"{key}.{inner}", entry)
    else:
        yield key, value


def _told(value: JsonValue) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return f"{value['count']} of {value['total']} ({100 * (_number(value) or 0.0):.3g} %)"
    if isinstance(value, list):
        return ", ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _words(what: str, one: dict[str, JsonValue], other: dict[str, JsonValue]) -> str:
    """What a change means: by how much, and whether that is better or lets more pass."""
    before, after = one.get(what), other.get(what)
    if before == after:
        return ""
    if what not in other or after is None:
        return "gone"
    if what not in one or before is None:
        return "new"
    first, second = _number(before), _number(after)
    if first is None or second is None:
        return "changed"
    if isinstance(before, dict):
        change = f"{100 * (second - first):+.1f} points"
    else:
        change = f"{second - first:+.4g}"
    meaning = _meaning(what, rises=second > first) if second != first else ""
    return f"{change}, {meaning}" if meaning else change


def _meaning(what: str, *, rises: bool) -> str:
    if what == "accept limit":
        return "more parts pass" if rises else "fewer parts pass"
    if what == "reject limit":
        return "fewer parts are rejected" if rises else "more parts are rejected"
    if any(word in what for word in BETTER_LOW):
        return "worse" if rises else "better"
    if any(word in what for word in BETTER_HIGH):
        return "better" if rises else "worse"
    return ""


def _number(value: JsonValue) -> float | None:
    if isinstance(value, dict):
        share, count, total = value.get("share"), value.get("count"), value.get("total")
        if isinstance(share, int | float):
            return float(share)
        if isinstance(count, int | float) and isinstance(total, int | float) and total:
            return count / total
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]
