"""What a finished batch leaves behind: results in order, results.csv, report.html."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from station.core.files import write_whole
from station.core.recipe import PreparedRecipe
from station.line.batch import annotated_path
from station.line.batch_store import read_lines, tidy, unwritable
from station.quality.pictures import thumbnails
from station.quality.report import ReportFacts, pictured, render_report
from station.quality.summary import Summary, summarise
from station.quality.table import write_table

REPORT_FILE = "report.html"
TABLE_FILE = "results.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """What the report needs besides the results."""

    root: Path
    out: Path
    prepared: PreparedRecipe
    settings: Mapping[str, str]
    bits: int
    workers: int


def finish(batch: BatchReport) -> Summary:
    """Put the results in order, and write results.csv and report.html from them.

    Raises:
        JournalError: the folder cannot be read or written.
    """
    try:
        tidy(batch.out)
        write_table(lambda: read_lines(batch.out), batch.out / TABLE_FILE)
        summary = summarise(read_lines(batch.out))
        page = render_report(summary, _facts(batch, summary))
        write_whole(batch.out / REPORT_FILE, page.encode())
    except OSError as error:
        raise unwritable(batch.out, error) from error
    return summary


def _facts(batch: BatchReport, summary: Summary) -> ReportFacts:
    shown = pictured(summary)
    links = {record["origin"]: annotated_path(record["origin"]) for record in shown}
    return ReportFacts(
        title=f"Inspection of {'/'.join(batch.root.parts[-2:])}",
        recipe=batch.prepared.recipe,
        models=batch.prepared.models,
        settings=batch.settings,
        made_at=datetime.now(UTC),
        thumbnails=thumbnails(shown, batch.root, bits=batch.bits, workers=batch.workers),
        annotated={
            origin: quote(path.as_posix())
            for origin, path in links.items()
            if (batch.out / path).is_file()
        },
    )
