"""The figures of an acceptance test as tiles and rows, ready to be read."""

from collections.abc import Collection, Iterator, Sequence

from station.quality.pixels import PixelFigures
from station.quality.qualification import Figures
from station.quality.qualification_page import Tile
from station.quality.statistics import Rate, percent, percent_up

REASON_COLUMNS = (
    "reason", "parts", "rejected", "with the right reason", "passed", "to a person",
    "not inspected", "passes at most",
)  # fmt: skip


def tiles(figures: Figures, pixels: PixelFigures | None) -> Iterator[Tile]:
    """The numbers to be seen at once."""
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


def reason_rows(figures: Figures, answered: Collection[str | None]) -> Iterator[Sequence[str]]:
    """How each kind of bad part fared, and their sum; `answered` are the codes the recipe gave."""
    rows = figures.reasons
    # folders that are called otherwise than the recipe's reasons say nothing about reasons
    comparable = any(row.reason in answered for row in rows)
    counts = [
        (
            row.parts, row.rejected, row.named_right, row.escapes.rate.count, row.to_person,
            row.not_inspected,
        )
        for row in rows
    ]  # fmt: skip
    names = [*(row.reason for row in rows), "all"]
    bounds = [*(row.escapes.upper_95 for row in rows), figures.escapes.upper_95]
    sums = tuple(map(sum, zip(*counts, strict=True)))
    for name, count, bound in zip(names, [*counts, sums], bounds, strict=True):
        parts, rejected, right, *rest = map(str, count)
        yield name, parts, rejected, right if comparable else "-", *rest, percent_up(bound)


def rates(figures: Figures, pixels: PixelFigures | None) -> Iterator[tuple[str, str, str, bool]]:
    """(name, what it is, value, whether it alarms) of every rate."""
    escapes, overkills = figures.escapes.rate, figures.overkills.rate
    yield "Escapes", "bad parts that passed", _interval(escapes), escapes.count > 0
    yield "Overkill", "good parts that were rejected", _interval(overkills), False
    yield "Left to a person", "NOT DECIDABLE", _interval(figures.not_decidable), False
    if figures.failed_good or figures.failed_bad:
        failed = f"{figures.failed_good} good and {figures.failed_bad} bad parts"
        yield "Inspection failed", "did not pass, counted apart", failed, True
    if pixels is not None:
        words = f"AUROC {pixels.auroc:.4f}, AUPRO {pixels.aupro:.4f}"
        note = f"{pixels.regions} regions in {pixels.masks} masks, {pixels.pictures} pictures"
        yield "Pixels", note, words, False


def _interval(seen: Rate) -> str:
    if not seen.total:
        return "nothing to count"
    return (
        f"{seen.count} of {seen.total} = {percent(seen.share)}; "
        f"{percent(seen.lower)} to {percent(seen.upper)}"
    )


def _number(value: float) -> str:
    return f"{value:.4f}" if value == value else "-"
