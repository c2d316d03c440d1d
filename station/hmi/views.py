"""What the page shows, as plain values: whoever draws it decides nothing."""

from dataclasses import dataclass
from enum import StrEnum

NOTHING = "\N{EN DASH}"


class Tone(StrEnum):
    """How a thing looks; each has a colour, a symbol and a shape of its own."""

    OK = "ok"
    NOT_OK = "not_ok"
    TO_CHECK = "to_check"
    NOT_INSPECTED = "not_inspected"
    IDLE = "idle"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """The field that is read from five metres: a verdict, or why there is none."""

    tone: Tone
    word: str
    text: str
    """The reason, or what the station is doing."""
    facts: str = ""
    """Part, score, time; or what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureView:
    """The picture beside the verdict; without a job there is none to show."""

    job_id: str = ""
    caption: str = ""
    is_present: bool = False
    """The picture shows the part the verdict is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectView:
    """One of the last rejects."""

    job_id: str
    reason: str
    score: str
    part: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsView:
    """The counters since the start."""

    ok: str = NOTHING
    not_ok: str = NOTHING
    to_check: str = NOTHING
    aborted: str = NOTHING
    failed: str = NOTHING
    triggers: str = NOTHING
    yield_percent: str = NOTHING
    parts_per_s: str = NOTHING
    since: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarView:
    """One bar of the top reasons."""

    text: str
    count: int
    share: float
    """Of the longest bar, 0-1."""
    is_defect: bool
    """False where the station, not the part, is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderView:
    """The strip along the top."""

    name: str = ""
    state: str = ""
    state_tone: Tone = Tone.IDLE
    recipe: str = ""
    recipe_detail: str = ""
    """The beginning of its hash, and whether it lacks a qualification."""
    camera: str = ""
    camera_tone: Tone = Tone.IDLE
    clock: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysView:
    """Which buttons can be pressed."""

    can_run: bool = False
    can_stop: bool = False
    can_reset: bool = False
    can_abort: bool = False
    can_halt: bool = False
    can_change: bool = False
    leads_out: bool = False
    """Reset is what leads out of the present state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BannerView:
    """What somebody at the line must do at once."""

    word: str
    text: str
    facts: str
    can_acknowledge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """What somebody should see to, while parts go on."""

    title: str
    text: str
    is_urgent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LossView:
    """What covers the page while the station does not answer."""

    text: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The whole page at one moment."""

    header: HeaderView
    verdict: VerdictView
    trail: tuple[Tone, ...]
    """How the last parts went, oldest first."""
    picture: PictureView
    counts: CountsView
    bars: tuple[BarView, ...]
    rejects: tuple[RejectView, ...]
    keys: KeysView
    banner: BannerView | None
    notices: tuple[NoticeView, ...]
    loss: LossView | None
