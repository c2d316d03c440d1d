"""What a finished acceptance test leaves behind: qualification.json, tables, pictures, a page."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from station import __version__
from station.core.configuration import Configuration
from station.core.files import write_whole
from station.core.plugin import Tool, parse
from station.core.qualification import Qualification, sealed
from station.core.recipe import PreparedRecipe, Recipe
from station.line.acceptance import LabelledSet
from station.line.batch_pictures import RESULTS_FILE
from station.line.batch_store import read_lines, tidy
from station.quality.limits import Choice, Shortage, Wish, choose, movable
from station.quality.pixels import PixelFigures
from station.quality.qualification import Figures, Part, as_line, judge, part_of
from station.quality.statistics import confusion

RECORD_FILE = "qualification.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One acceptance test, ready to be judged: what was tested, on what, and what was asked for."""

    prepared: PreparedRecipe
    configuration: Configuration
    labelled: LabelledSet
    pixels: PixelFigures | None
    pixels_left_out: tuple[str, ...]
    empty_masks: tuple[str, ...]
    has_maps: bool
    """A tool of the recipe gives score maps."""
    wish: Wish
    workers: int
    bits: int
    made_at: datetime
    limits_from: str
    """The earlier test on these very pictures the recipe's limits were chosen in; else empty."""
    learnt: tuple[str, ...]
    """Pictures a model of the recipe was taught with, as far as that is known."""
    recipe_file: str | None
    model: str | None
    """What the plain recipe was made around, where there is no recipe file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out of an acceptance test."""

    figures: Figures
    parts: tuple[Part, ...]
    pixels: PixelFigures | None
    choice: Choice | Shortage | None
    no_choice: str
    """Why no limits were chosen although some were asked for."""
    meets_wish: bool
    """The recipe as it stands keeps to all that was asked for."""

    @property
    def confusion(self) -> Mapping[tuple[str, str], int]:
        """(truth, decision) -> count; a decision is a reason code where a part was rejected."""
        return confusion((part.truth, part.decision_code) for part in self.parts)

    @property
    def line(self) -> dict[str, float | int | None]:
        """What `--json` ends with."""
        return as_line(self.figures, self.pixels.auroc if self.pixels else None)


def find_choice(labelled: LabelledSet, recipe: Recipe, folders: Iterable[Path]) -> str:
    """The record of a test on the same pictures that proposed the limits the recipe has now.

    Args:
        labelled: the pictures.
        recipe: whose limits are meant.
        folders: where folders of earlier tests lie.

    Returns:
        The folder's name; empty where none is found, which proves nothing.
    """
    limits = {
        (tool.name, getattr(tool, "accept_limit", None), getattr(tool, "reject_limit", None))
        for tool in recipe.tools
    }
    for path in (path for folder in folders for path in sorted(folder.glob(f"*/{RECORD_FILE}"))):
        try:
            record = json.loads(path.read_bytes())
            chosen = (record["limits"] or {}).get("chosen") or {}
            same = record["pictures_sha256"] == labelled.digest
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # whatever it is, it is no record of a test
        names = ("tool", "accept_limit", "reject_limit")
        if same and tuple(chosen.get(name) for name in names) in limits:
            return path.parent.name
    return ""


def judge_acceptance(test: Acceptance, folder: Path) -> Verdict:
    """Read the results in a folder, put them in order, and judge them."""
    tidy(folder)
    parts = tuple(part_of(record) for record in read_lines(folder))
    figures = judge(parts)
    choice, why_not = _choose(test, parts)
    is_met = _meets(figures, test.wish)
    if is_met and isinstance(choice, Choice) and not _is_better(choice, figures):
        choice = None
    return Verdict(
        figures=figures,
        parts=parts,
        pixels=test.pixels,
        choice=choice,
        no_choice=why_not,
        meets_wish=is_met,
    )


def write_record(test: Acceptance, verdict: Verdict, folder: Path) -> str:
    """Write qualification.json whole; its sha256."""
    content = json.dumps(_record(test, verdict, folder), indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / RECORD_FILE, content.encode())
    return hashlib.sha256(content.encode()).hexdigest()


def seal_of(test: Acceptance, verdict: Verdict, record_sha256: str) -> Qualification:
    """The block a recipe carries.

    Raises:
        ValueError: nothing was asked for, or it is not met.
    """
    figures = verdict.figures
    return sealed(
        **_bound_to(test),
        qualified_at=test.made_at,
        record_sha256=record_sha256,
        n_good=figures.good,
        n_bad=figures.bad,
        escapes=figures.escapes.rate.count,
        escape_upper_95=figures.escapes.upper_95,
        overkills=figures.overkills.rate.count,
        overkill_upper_95=figures.overkills.upper_95,
        not_decidable=figures.not_decidable.count,
        escape_at_most=test.wish.escape_at_most,
    )


def _bound_to(test: Acceptance) -> dict[str, Any]:
    return {
        "recipe_hash": test.prepared.recipe_hash,
        "models": dict(test.prepared.models),
        "configuration_id": test.prepared.configuration_id,
        "software_version": __version__,
        "pictures_sha256": test.labelled.digest,
    }


def _meets(figures: Figures, wish: Wish) -> bool:
    if wish.escape_at_most is not None and figures.escapes.upper_95 > wish.escape_at_most:
        return False
    if wish.review_at_most is None:
        return True
    of_good = figures.not_decidable_good / max(1, figures.good)
    return max(figures.not_decidable.share, of_good) <= wish.review_at_most


def _is_better(choice: Choice, figures: Figures) -> bool:
    """Less overkill than the recipe's own limits, or the same with fewer reviews."""
    rejected = figures.overkills.rate.count - figures.failed_good
    present = (rejected, figures.not_decidable.count)
    return (choice.overkills, choice.not_decidable) < present


def _choose(test: Acceptance, parts: Sequence[Part]) -> tuple[Choice | Shortage | None, str]:
    if test.wish.escape_at_most is None and test.wish.review_at_most is None:
        return None, ""
    tools = [tool for tool in test.prepared.recipe.tools if hasattr(tool, "accept_limit")]
    if len(tools) != 1:
        return None, f"the recipe has {len(tools)} tools with limits, and limits are chosen for one"
    tool = tools[0]
    limits = next(_limits_used(parts, tool.name), None)
    found = movable(parts, tool.name, limits) if limits else None
    if found is None:
        return None, f"tool {tool.name} decides by more than its score and its two limits"
    return choose(found, test.wish, _allowed_by(tool)), ""


def _limits_used(parts: Sequence[Part], tool: str) -> Iterator[tuple[float, float]]:
    """The limits findings of a tool carry, the recipe's or the card's."""
    for part in parts:
        for finding in part.seen:
            accept, reject = finding.accept_limit, finding.reject_limit
            if finding.tool == tool and accept is not None and reject is not None:
                yield accept, reject


def _allowed_by(tool: Tool) -> Callable[[float, float], bool]:
    def allowed(accept_limit: float, reject_limit: float) -> bool:
        entry = {**tool.as_entry(), "accept_limit": accept_limit, "reject_limit": reject_limit}
        try:
            parse(Tool, entry)
        except ValueError:
            return False
        return reject_limit > 0

    return allowed


def _record(test: Acceptance, verdict: Verdict, folder: Path) -> Mapping[str, Any]:
    recipe, labelled = test.prepared.recipe, test.labelled
    results = (folder / RESULTS_FILE).read_bytes()
    return {
        "schema_version": 1,
        "qualified_at": test.made_at.isoformat(),
        "recipe_id": recipe.recipe_id,
        "recipe_version": recipe.version,
        **_bound_to(test),
        "configuration_hash": test.configuration.hash,
        "pictures": {
            "folder": labelled.root.name,
            "labelled": len(labelled.pictures),
            "masks": len(labelled.masks),
            "copies": labelled.copies,
            "learnt_by_a_model": list(test.learnt),
            "limits_were_chosen_on_them": bool(test.limits_from),
            "unlabelled": list(labelled.unlabelled),
            "without_pixel_figures": list(test.pixels_left_out),
            "empty_masks": list(test.empty_masks),
            "unreadable": [part.origin for part in verdict.parts if part.is_unreadable],
            "not_inspected": [part.origin for part in verdict.parts if not part.is_decided],
        },
        "asked_for": {**asdict(test.wish), "is_met": verdict.meets_wish},
        "figures": {**verdict.line, **_more_figures(verdict)},
        "limits": _limits_in_words(verdict),
        "escapes": [part.origin for part in verdict.parts if part.is_escape],
        "overkills": [part.origin for part in verdict.parts if part.is_overkill],
        "workers": test.workers,
        "results_sha256": hashlib.sha256(results).hexdigest(),
    }


def _more_figures(verdict: Verdict) -> dict[str, Any]:
    figures, pixels = verdict.figures, verdict.pixels
    return {
        "escape_interval_95": _interval(figures.escapes.rate.lower, figures.escapes.rate.upper),
        "overkill_interval_95": _interval(
            figures.overkills.rate.lower, figures.overkills.rate.upper
        ),
        "not_decidable_good": figures.not_decidable_good,
        "not_decidable_bad": figures.not_decidable_bad,
        "failed_good": figures.failed_good,
        "failed_bad": figures.failed_bad,
        "unreadable": figures.unreadable,
        "without_score": figures.without_score,
        "aupro_030": None if pixels is None else round(pixels.aupro, 6),
        "masks": 0 if pixels is None else pixels.masks,
        "marked_regions": 0 if pixels is None else pixels.regions,
        "confusion": [
            {"truth": truth, "decision": decision, "count": count}
            for (truth, decision), count in sorted(verdict.confusion.items())
        ],
        "by_reason": [
            {
                "reason": row.reason,
                "parts": row.parts,
                "rejected": row.rejected,
                "not_decidable": row.to_person,
                "escapes": row.escapes.rate.count,
                "escape_upper_95": round(row.escapes.upper_95, 6),
                "right_reason": row.named_right,
                "not_inspected": row.not_inspected,
            }
            for row in figures.reasons
        ],
    }


def _interval(lower: float, upper: float) -> list[float]:
    return [round(lower, 6), round(upper, 6)]


def _limits_in_words(verdict: Verdict) -> Mapping[str, Any] | None:
    choice = verdict.choice
    if isinstance(choice, Choice):
        return {"chosen": asdict(choice), "note": "chosen on these pictures, so optimistic"}
    if isinstance(choice, Shortage):
        return {"bad_parts_missing": choice.parts_missing}
    return {"none_because": verdict.no_choice} if verdict.no_choice else None
