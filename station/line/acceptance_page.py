"""The report of a finished acceptance test, filled in: figures in words, charts, pictures."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from station import __version__
from station.core.files import write_whole
from station.line.acceptance_report import Acceptance, Verdict, judge_acceptance, write_record
from station.line.batch import annotated_path
from station.line.batch_report import TABLE_FILE
from station.line.batch_store import read_lines, unwritable
from station.quality.charts import confusion_table, score_histogram
from station.quality.curves import (
    Curve,
    average_precision,
    named_points,
    precision_recall_points,
    roc_points,
)
from station.quality.limits import Choice
from station.quality.pdf import render_pdf
from station.quality.pictures import save_annotated, thumbnails
from station.quality.pixels import FPR_LIMIT
from station.quality.qualification import Part, part_of
from station.quality.qualification_page import QualificationPage, Sheet, Tile, render_qualification
from station.quality.report import cards, limits_of
from station.quality.statistics import Rate, percent, percent_up
from station.quality.summary import SHOWN, Record, summarise
from station.quality.table import write_table
from station.quality.words import (
    data_warnings,
    limit_words,
    new_version_command,
    overkill_words,
    promise,
    review_words,
)

PAGE_FILE = "qualification.html"
PDF_FILE = "qualification.pdf"
REASON_COLUMNS = (
    "reason", "parts", "rejected", "with the right reason", "passed", "to a person",
    "not inspected", "passes at most",
)  # fmt: skip


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
        write_table(read_lines(folder), folder / TABLE_FILE)
        page = fill_page(test, verdict, folder)
        write_whole(folder / PAGE_FILE, render_qualification(page).encode())
        if with_pdf:
            write_whole(folder / PDF_FILE, render_pdf(page))
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
        warnings=tuple(data_warnings(figures, test.labelled.copies, test.labelled.unlabelled)),
        tiles=tuple(_tiles(verdict)),
        reason_columns=REASON_COLUMNS,
        reason_rows=tuple(_reason_rows(verdict)),
        confusion=confusion_table(verdict.confusion),
        rates=tuple(_rates(verdict)),
        scores=score_histogram(summary, limits_of(recipe)),
        curves=tuple(_curves(verdict)),
        limit_sentences=tuple(
            limit_words(wish, verdict.choice, is_met=verdict.meets_wish, why_not=verdict.no_choice)
        ),
        command=command_of(test, verdict),
        sheets=_sheets(test, folder),
        facts=tuple(_facts(test, verdict)),
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


def _tiles(verdict: Verdict) -> Iterator[Tile]:
    figures, pixels = verdict.figures, verdict.pixels
    for bound, word, kind in (
        (figures.escapes, "bad parts passed", "not_ok"),
        (figures.overkills, "good parts rejected", ""),
    ):
        seen = bound.rate
        yield Tile(
            number=f"{seen.count} of {seen.total}",
            word=word,
            bound=f"below {percent_up(bound.upper_95)}" if bound.upper_95 < 1 else "no bound",
            kind=kind if seen.count else "ok",
        )
    review = figures.not_decidable
    yield Tile(
        number=f"{review.count} of {review.total}",
        word="left to a person",
        bound=percent(review.share),
        kind="not_decidable" if review.count else "ok",
    )
    yield Tile(
        number=_number(figures.auroc),
        word="AUROC",
        bound="" if pixels is None else f"pixels {_number(pixels.auroc)}",
    )
    yield Tile(
        number=f"{figures.p50_ms:.1f} ms",
        word="to inspect, median",
        bound=f"99 % within {figures.p99_ms:.1f} ms",
    )


def _reason_rows(verdict: Verdict) -> Iterator[Sequence[str]]:
    rows = verdict.figures.reasons
    for row in rows:
        counts = (row.parts, row.rejected, row.named_right, row.escapes.rate.count, row.to_person)
        yield (
            row.reason, *map(str, counts), str(row.not_inspected),
            percent_up(row.escapes.upper_95),
        )  # fmt: skip
    total = (
        sum(row.parts for row in rows),
        sum(row.rejected for row in rows),
        sum(row.named_right for row in rows),
        verdict.figures.escapes.rate.count,
        sum(row.to_person for row in rows),
        sum(row.not_inspected for row in rows),
    )
    yield ("all", *map(str, total), percent_up(verdict.figures.escapes.upper_95))


def _rates(verdict: Verdict) -> Iterator[tuple[str, str, str, bool]]:
    figures = verdict.figures
    escapes, overkills = figures.escapes.rate, figures.overkills.rate
    yield "Escapes", "bad parts that passed", _interval(escapes), escapes.count > 0
    yield "Overkill", "good parts that were rejected", _interval(overkills), False
    yield "Left to a person", "NOT DECIDABLE", _interval(figures.not_decidable), False
    if figures.failed_good or figures.failed_bad:
        failed = f"{figures.failed_good} good and {figures.failed_bad} bad parts"
        yield "Inspection failed", "did not pass, counted apart", failed, True
    if verdict.pixels is not None:
        pixels = verdict.pixels
        words = f"AUROC {pixels.auroc:.4f}, AUPRO {pixels.aupro:.4f}"
        note = f"{pixels.regions} regions in {pixels.masks} masks, {pixels.pictures} pictures"
        yield "Pixels", note, words, False


def _curves(verdict: Verdict) -> Iterator[Curve]:
    good, bad = (_scores(verdict.parts, is_good=is_good) for is_good in (True, False))
    if good and bad:
        yield Curve(
            title="ROC",
            note=f"AUROC {verdict.figures.auroc:.4f}; the dashed line knows nothing.",
            across="good parts rejected",
            up="bad parts rejected",
            points=roc_points(good, bad),
            marks=tuple(_marks(verdict.parts)),
            has_diagonal=True,
        )
        yield Curve(
            title="Precision and recall",
            note=f"Average precision {average_precision(good, bad):.4f}.",
            across="bad parts rejected",
            up="bad ones among the rejected",
            points=precision_recall_points(good, bad),
        )
    if verdict.pixels is not None:
        yield Curve(
            title="Overlap of marked regions",
            note=f"AUPRO {verdict.pixels.aupro:.4f} up to 30 % false pixels.",
            across="good pixels called bad",
            up="mean overlap of a region",
            points=named_points(verdict.pixels.overlap_curve, FPR_LIMIT),
            across_to=FPR_LIMIT,
        )


def _scores(parts: Iterable[Part], *, is_good: bool) -> list[float]:
    return [
        part.score
        for part in parts
        if part.is_decided and part.is_good is is_good and part.score is not None
    ]


def _marks(parts: Sequence[Part]) -> Iterator[tuple[float, float, str]]:
    """Where the recipe's limits are: not passed at the accept limit, rejected at the other."""

    def share(is_good: bool, decisions: Sequence[str]) -> float:
        those = [part for part in parts if part.is_decided and part.is_good is is_good]
        return sum(part.decision in decisions for part in those) / max(1, len(those))

    held, rejected = ("not_ok", "not_decidable"), ("not_ok",)
    if any(part.decision == "not_decidable" for part in parts):
        yield share(True, held), share(False, held), "accept limit"
        yield share(True, rejected), share(False, rejected), "reject limit"
    else:
        yield share(True, rejected), share(False, rejected), "this recipe"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of part whose pictures are shown."""

    title: str
    nothing: str
    fits: Callable[[Part], bool]


_KINDS = (
    _Kind(
        title="Escapes: bad parts that passed",
        nothing="No bad part passed.",
        fits=lambda part: part.is_escape,
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
    kinds: dict[str, list[Record]] = {kind.title: [] for kind in _KINDS}
    for record in read_lines(folder):
        part = part_of(record)
        for kind in _KINDS:
            if kind.fits(part):
                kinds[kind.title].append(record)
    wrong = [record for records in kinds.values() for record in records]
    paths = {record["origin"]: annotated_path(record["origin"]) for record in wrong}
    save_annotated(
        wrong,
        test.labelled.root,
        {origin: folder / path for origin, path in paths.items()},
        bits=test.bits,
    )
    links = {
        origin: quote(path.as_posix())
        for origin, path in paths.items()
        if (folder / path).is_file()
    }
    shown = {title: records[:SHOWN] for title, records in kinds.items()}
    small = thumbnails(
        (record for records in shown.values() for record in records),
        test.labelled.root,
        bits=test.bits,
        workers=test.workers,
    )
    return tuple(
        Sheet(
            title=kind.title,
            cards=cards(shown[kind.title], small, links),
            total=len(kinds[kind.title]),
            nothing=kind.nothing,
        )
        for kind in _KINDS
    )


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


def _interval(seen: Rate) -> str:
    if not seen.total:
        return "nothing to count"
    return (
        f"{seen.count} of {seen.total} = {percent(seen.share)}; "
        f"{percent(seen.lower)} to {percent(seen.upper)}"
    )


def _number(value: float) -> str:
    return f"{value:.4f}" if value == value else "-"
