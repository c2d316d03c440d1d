"""What this process knows of the station: events and answers go in, the page to show comes out."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from station.core.reasons import StationReason
from station.core.result import Result
from station.hmi import words
from station.hmi.answers import Status
from station.hmi.facts import counts_of, header_of, keys_of, recipe_name, reject_of
from station.hmi.notices import banner_of, notices_of
from station.hmi.verdict import Heard, verdict_of
from station.hmi.views import (
    BarView,
    KeysView,
    LossView,
    PictureView,
    Tone,
    View,
)

LINKS = ("station", "events")
REJECTS = 8
TRAIL = 40
BARS = 6
SILENCE_S = 5.0
"""Without an answer of the station for so long, nothing on the page counts as true."""
UNDER_WAY_S = 0.5
PICTURE_EVERY_S = 0.2
STALE_AT_LEAST_S, STALE_AT_MOST_S = 5.0, 30.0
"""A verdict is the present one for three times the usual gap between parts, within these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    text: str
    since: datetime | None = None


class Board:
    """The one state all browsers look at; used from one thread, the event loop's."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._answered_s = float("-inf")
        self._lost = {link: _Loss(text="The page is connecting") for link in LINKS}
        self._newest: Heard | None = None
        self._interrupted_s = float("-inf")
        self._shown: Heard | None = None
        self._arrivals_s: deque[float] = deque(maxlen=10)
        self._trail: deque[Tone] = deque(maxlen=TRAIL)
        self._rejects: list[Result] = []
        self._texts: dict[str, str] = {}

    # -- in -------------------------------------------------------------------------------------

    def answered(self, status: Status, now_s: float) -> None:
        """The station said how it is."""
        before = self._status.state if self._status else status.state
        if before != status.state and (
            before == words.RUNNING or status.state not in words.INSPECTING
        ):
            self._interrupted_s = now_s
        self._status, self._answered_s = status, now_s
        self.found("station")

    def heard(self, result: Result, now_s: float) -> None:
        """A result came in just now."""
        self._newest = Heard(result=result, at_s=now_s)
        self._arrivals_s.append(now_s)
        self._trail.append(words.tone_of(result))
        self._learn(result)
        if words.tone_of(result) is Tone.NOT_OK:
            self.remember((result,))

    def remember(self, rejects: Iterable[Result]) -> None:
        """Rejects, newest first, some of which may be known already."""
        found = list(rejects)
        for result in found:
            self._learn(result)
        # In the order they came, not by their stamps: the station's clock may have been set back.
        ids = {result.job_id for result in found}
        ahead = list(takewhile(lambda known: known.job_id not in ids, self._rejects))
        is_older = len(ahead) == len(self._rejects)  # else what stands before a found one is newer
        newest_first = [*found, *ahead] if is_older else [*ahead, *found, *self._rejects]
        self._rejects = list({one.job_id: one for one in newest_first}.values())[:REJECTS]

    def lost(self, link: str, text: str, now_s: float, now: datetime) -> None:
        """A link, "station" or "events", is cut; a loss that goes on keeps its time."""
        since = self._lost[link].since if link in self._lost else now
        self._lost[link] = _Loss(text=text, since=since)
        self._interrupted_s = now_s

    def found(self, link: str) -> None:
        """A link is there again."""
        self._lost.pop(link, None)

    def reject(self, job_id: str) -> Result | None:
        """One of the last rejects in full."""
        return next((result for result in self._rejects if result.job_id == job_id), None)

    @property
    def recipe_name(self) -> str:
        """The active recipe in words."""
        return recipe_name(self._status) if self._status else ""

    # -- out ------------------------------------------------------------------------------------

    def view(self, now_s: float, now: datetime) -> View:
        """The page as it must look now."""
        loss = self._loss(now_s, now)
        status = self._status
        present = self._present(now_s)
        verdict = verdict_of(status, self._newest, present, now_s, is_lost=loss is not None)
        return View(
            header=header_of(status, now, is_lost=loss is not None),
            verdict=verdict,
            trail=tuple(self._trail),
            picture=self._picture(now_s, present if loss is None else None),
            counts=counts_of(status, now),
            bars=self._bars(),
            rejects=tuple(reject_of(result, now) for result in self._rejects),
            keys=keys_of(status) if loss is None else KeysView(),
            banner=banner_of(status) if status and loss is None else None,
            notices=notices_of(status) if status and loss is None else (),
            loss=loss,
        )

    def _loss(self, now_s: float, now: datetime) -> LossView | None:
        """Being connected must be proven by a fresh answer; anything else is a loss."""
        for loss in self._lost.values():
            since = words.recent_time(loss.since, now) if loss.since else ""
            return LossView(text=loss.text, since=since)
        silence_s = now_s - self._answered_s
        if silence_s > SILENCE_S:
            text = f"The station has not answered for {words.age(silence_s)}"
            return LossView(text=text, since="")
        return None

    def _present(self, now_s: float) -> Heard | None:
        """The newest result, if it still speaks for the part in front of the camera."""
        newest, status = self._newest, self._status
        if newest is None or status is None or status.state not in words.INSPECTING:
            return None
        is_fresh = now_s - newest.at_s <= self._stale_after_s()
        # What was under way at a stop comes in just after it.
        is_later = newest.at_s > self._interrupted_s + UNDER_WAY_S
        return newest if is_fresh and is_later else None

    def _stale_after_s(self) -> float:
        arrivals_s = self._arrivals_s
        gaps = len(arrivals_s) - 1
        usual_s = (arrivals_s[-1] - arrivals_s[0]) / gaps if gaps > 0 else 0.0
        return min(STALE_AT_MOST_S, max(STALE_AT_LEAST_S, 3 * usual_s))

    def _picture(self, now_s: float, present: Heard | None) -> PictureView:
        """The newest picture, but not more than five a second, for all browsers together."""
        shown = self._shown
        if shown is None or (self._newest and now_s - shown.at_s >= PICTURE_EVERY_S):
            newest = self._newest
            if newest and (shown is None or newest.result is not shown.result):
                self._shown = shown = Heard(result=newest.result, at_s=now_s)
        if shown is None:
            return PictureView()
        result = shown.result
        if result.acquired_at is None:
            return PictureView(
                caption=f"No picture of this part · {words.clock_time(result.completed_at)}"
            )
        facts = (
            words.part_of(result),
            words.VERDICT_WORDS[words.tone_of(result)],
            words.clock_time(result.completed_at),
            f"{result.processing_ms:.0f} ms",
        )
        return PictureView(
            job_id=result.job_id, caption=" · ".join(facts), is_present=present is not None
        )

    def _bars(self) -> tuple[BarView, ...]:
        reasons = self._status.counters.by_reason if self._status else {}
        top = sorted(reasons.items(), key=lambda item: -item[1])[:BARS]
        most = max((number for _, number in top), default=1)
        return tuple(
            BarView(
                text=words.sentence(words.text_of(code, self._texts)),
                count=number,
                share=number / most,
                is_defect=code not in set(StationReason),
            )
            for code, number in top
        )

    def _learn(self, result: Result) -> None:
        """Results carry the texts of the recipe's reason codes; counters only the codes."""
        if result.reason_code and result.reason_text:
            self._texts[result.reason_code] = result.reason_text
