"""The report of a finished acceptance test, filled in: figures in words, charts, pictures."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from station import __version__
from station.core.files import write_whole
from station.line.acceptance_report import Acceptance, Verdict, judge_acceptance, write_record
from station.line.batch import annotated_path
from station.line.batch_report import TABLE_FILE
from station.line.batch_store import SETTINGS_FILE, read_lines, unwritable
from station.quality.charts import confusion_table, score_histogram
from station.quality.curves import acceptance_curves
from station.quality.limits import Choice
from station.quality.pdf import render_pdf
from station.quality.pictures import save_annotated, thumbnails
from station.quality.qualification import Part, part_of
from station.quality.qualification_page import QualificationPage, Sheet, render_qualification
from station.quality.qualification_tables import REASON_COLUMNS, rates, reason_rows, tiles
from station.quality.report import cards, limits_of
from station.quality.summary import SHOWN, Record, summarise
from station.quality.table import write_table
from station.quality.words import (
    bias_warnings,
    left_out_warnings,
    limit_words,
    new_version_command,
    overkill_words,
    promise,
    review_words,
)

PAGE_FILE = "qualification.html"
PDF_FILE = "qualification.pdf"


def finish_acceptance(
    test: Acceptance, folder: Path, *, with_pdf: bool = False
) -> tuple[Verdict, str]:
    """Judge the results in a folder and write all that is kept of them beside them.

    Returns:
        The verdict, and the sha256 of qualification.json.

    Raises:
        JournalError: the folder cannot be read or written.
    """
    try:
        verdict = judge_acceptance(test, folder)
        record_sha256 = write_record(test, verdict, folder)
        write_table(lambda: read_lines(folder), folder / TABLE_FILE)
        page = fill_page(test, verdict, folder)
        write_whole(folder / PAGE_FILE, render_qualification(page).encode())
        if with_pdf:
            write_whole(folder / PDF_FILE, render_pdf(page))
        (folder / SETTINGS_FILE).unlink()  # so that no batch goes on where the record is closed
    except OSError as error:
        raise unwritable(folder, error) from error
    return verdict, record_sha256


def fill_page(test: Acceptance, verdict: Verdict, folder: Path) -> QualificationPage:
    """The report of the results in a folder; writes the annotated picture of every error there.

    Raises:
        OSError: a picture cannot be written.
    """
    recipe, figures, wish = test.prepared.recipe, verdict.figures, test.wish
    summary = summarise(read_lines(folder), shown=0)
    return QualificationPage(
        title=f"Qualification of recipe {recipe.recipe_id} version {recipe.version}",
        subtitle=_subtitle(test),
        verdict=_verdict_words(test, verdict),
        is_met=verdict.meets_wish,
        sentences=(
            promise(figures, wish.escape_at_most),
            overkill_words(figures),
            review_words(figures),
        ),
        warnings=tuple(warnings_of(test, verdict)),
        tiles=tuple(tiles(figures, verdict.pixels)),
        reason_columns=REASON_COLUMNS,
        reason_rows=tuple(reason_rows(figures, {part.reason_code for part in verdict.parts})),
        confusion=confusion_table(verdict.confusion),
        rates=tuple(rates(figures, verdict.pixels)),
        scores=score_histogram(summary, limits_of(recipe)),
        curves=tuple(acceptance_curves(verdict.parts, figures.auroc, verdict.pixels)),
        limit_sentences=tuple(
            limit_words(wish, verdict.choice, is_met=verdict.meets_wish, why_not=verdict.no_choice)
        ),
        command=command_of(test, verdict),
        sheets=_sheets(test, folder),
        facts=tuple(_facts(test, verdict)),
    )


def warnings_of(test: Acceptance, verdict: Verdict) -> Iterator[str]:
    """What makes the figures weaker than they look."""
    labelled = test.labelled
    yield from bias_warnings(
        copies=labelled.copies, learnt=test.learnt, limits_from=test.limits_from
    )
    yield from left_out_warnings(
        verdict.figures,
        unlabelled=labelled.unlabelled,
        empty_masks=test.empty_masks,
        unused_masks=0 if test.has_maps else len(labelled.masks),
    )


def command_of(test: Acceptance, verdict: Verdict) -> str:
    """The command that makes a recipe with the chosen limits, to be pasted; empty without them."""
    if not isinstance(verdict.choice, Choice):
        return ""
    return shlex.join(
        new_version_command(verdict.choice, recipe_file=test.recipe_file, model=test.model)
    )


def _subtitle(test: Acceptance) -> str:
    labelled = test.labelled
    return (
        f"{len(labelled.pictures) - labelled.bad} good and {labelled.bad} bad parts of "
        f"{'/'.join(labelled.root.parts[-2:])} \u00b7 {test.made_at:%Y-%m-%d %H:%M} UTC \u00b7 "
        f"station {__version__}"
    )


def _verdict_words(test: Acceptance, verdict: Verdict) -> str:
    asked = []
    if test.wish.escape_at_most is not None:
        asked.append(f"escape rate at most {test.wish.escape_at_most * 100:g} %")
    if test.wish.review_at_most is not None:
        asked.append(f"review at most {test.wish.review_at_most * 100:g} %")
    if not asked:
        return ""
    return f"{' and '.join(asked)}: {'proven' if verdict.meets_wish else 'not proven'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of part whose pictures are shown."""

    title: str
    nothing: str
    fits: Callable[[Part], bool]
    alarms: bool = False


_KINDS = (
    _Kind(
        title="Escapes: bad parts that passed",
        nothing="No bad part passed.",
        fits=lambda part: part.is_escape,
        alarms=True,
    ),
    _Kind(
        title="Overkill: good parts that were rejected",
        nothing="No good part was rejected.",
        fits=lambda part: part.is_overkill and part.is_decided,
    ),
    _Kind(
        title="Left to a person",
        nothing="Every part was decided.",
        fits=lambda part: part.decision == "not_decidable",
    ),
    _Kind(
        title="Could not be inspected",
        nothing="All could be inspected.",
        fits=lambda part: not part.is_decided,
    ),
)


def _sheets(test: Acceptance, folder: Path) -> tuple[Sheet, ...]:
    """Every error as a file beside the page; the first of each kind in the page itself."""
    kinds = _wrong(folder)
    links = _save(test, folder, [record for records in kinds for record in records])
    small = thumbnails(
        (record for records in kinds for record in records[:SHOWN]),
        test.labelled.root,
        bits=test.bits,
        workers=test.workers,
    )
    return tuple(
        Sheet(
            title=kind.title,
            cards=cards(records[:SHOWN], small, links),
            total=len(records),
            nothing=kind.nothing,
            alarms=kind.alarms,
            more=tuple((r["origin"], links.get(r["origin"], "")) for r in records[SHOWN:]),
        )
        for kind, records in zip(_KINDS, kinds, strict=True)
    )


def _wrong(folder: Path) -> list[list[Record]]:
    """The records of each kind that is shown."""
    kinds: list[list[Record]] = [[] for _ in _KINDS]
    for record in read_lines(folder):
        part = part_of(record)
        for kind, records in zip(_KINDS, kinds, strict=True):
            if kind.fits(part):
                records.append(record)
    return kinds


def _save(test: Acceptance, folder: Path, records: Sequence[Record]) -> dict[str, str]:
    """Write annotated pictures; origin -> link to each that could be written."""
    paths = {record["origin"]: annotated_path(record["origin"]) for record in records}
    whole = {origin: folder / path for origin, path in paths.items()}
    save_annotated(records, test.labelled.root, whole, bits=test.bits)
    return {
        origin: quote(path.as_posix()) for origin, path in paths.items() if whole[origin].is_file()
    }


def _facts(test: Acceptance, verdict: Verdict) -> Iterator[tuple[str, str]]:
    prepared, labelled = test.prepared, test.labelled
    yield "recipe", f"{prepared.recipe.recipe_id} version {prepared.recipe.version}"
    yield "recipe hash", prepared.recipe_hash
    for name, sha256 in prepared.models.items():
        yield f"model {name}", sha256
    yield "configuration", prepared.configuration_id
    yield "software", f"station {__version__}"
    for tool in prepared.recipe.tools:
        named = ("name", "model_sha256", "card_hash")
        settings = tool.as_entry().items()
        words = (f"{name} {value}" for name, value in settings if value is not None)
        yield (
            f"tool {tool.name}",
            " \u00b7 ".join(word for word in words if not word.startswith(named)),
        )
    yield "pictures", str(labelled.root)
    yield "pictures, sha256", labelled.digest
    yield "masks", f"{len(labelled.masks)}"
    yield "without pixel figures", f"{len(test.pixels_left_out)}"
    yield "without a score", f"{verdict.figures.without_score}"
    yield "pictures at a time", f"{test.workers}"
    yield "bits of 16-bit pictures", f"{test.bits}"
