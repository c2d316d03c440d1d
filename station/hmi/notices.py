"""What somebody must do at once, and what somebody should see to: alarms, workers, receivers."""

from collections.abc import Iterator

from station.hmi import words
from station.hmi.answers import SinkStatus, Status, WorkerStatus
from station.hmi.views import BannerView, NoticeView

BACKLOG = 100
"""So many results that wait are told even where no delivery has failed yet."""


def banner_of(status: Status) -> BannerView | None:
    """The request to stop the belt; it stays until somebody acknowledges it."""
    if not status.stop_request:
        return None
    return BannerView(
        word="STOP THE LINE",
        text=words.sentence(status.stop_request),
        facts="Stop the belt and remove the cause; then press Acknowledge",
        can_acknowledge="reset" in status.verbs,
    )


def notices_of(status: Status) -> tuple[NoticeView, ...]:
    """What does not stop the line but must not be overlooked, the urgent first."""
    notices = [*_workers(status.workers), *_journal(status)]
    for sink in status.sinks:
        notices += _sink(sink)
    return tuple(sorted(notices, key=lambda notice: not notice.is_urgent))


def _workers(workers: WorkerStatus) -> Iterator[NoticeView]:
    if workers.ready < workers.wanted:
        yield NoticeView(
            title="Workers",
            text=f"{workers.ready} of {workers.wanted} ready; the others start",
            is_urgent=True,
        )
    if workers.lost:
        yield NoticeView(
            title="Workers",
            text=f"{workers.lost} crashed or hung since the start; each cost a part its verdict",
            is_urgent=False,
        )


def _journal(status: Status) -> Iterator[NoticeView]:
    if status.journal_trouble:
        text = words.sentence(status.journal_trouble)
        yield NoticeView(title="Journal", text=text, is_urgent=True)


def _sink(sink: SinkStatus) -> Iterator[NoticeView]:
    """What one receiver has not got, and why."""
    facts = []
    if sink.dead:
        facts.append(f"{sink.dead:,} refused for good (kept in the journal)")
    if sink.lost:
        facts.append(f"{sink.lost:,} deleted before they were delivered")
    if sink.waiting and (sink.last_error or sink.waiting >= BACKLOG):
        facts.append(f"{sink.waiting:,} wait")
    if not facts and not sink.last_error:
        return
    text = ", ".join(facts)
    if sink.last_error:
        text = f"{text}: {sink.last_error}" if text else sink.last_error
    yield NoticeView(title=f"Results to {sink.name or sink.kind}", text=text, is_urgent=True)
