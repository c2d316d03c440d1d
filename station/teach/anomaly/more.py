"""Teaching more: the pictures a station got wrong join all that its model was ever shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from station.core.errors import TeachError
from station.core.result import Evaluation, decide
from station.teach.anomaly.defects import Defects
from station.teach.anomaly.finish import Made
from station.teach.anomaly.given import Given, read_given
from station.teach.anomaly.goods import describe_sizes, named, read_all
from station.teach.anomaly.guess import Judged, guess_marks, judge_all
from station.teach.anomaly.lesson import AnomalyLesson, Course, Material, Progress
from station.teach.anomaly.proposal import MoreLesson, Proposal, Verdict
from station.teach.anomaly.shown import (
    LESSON_FILE,
    SHOWN_FOLDER,
    Kept,
    Role,
    ShownLesson,
    find_shown,
    read_lesson,
)
from station.teach.anomaly.teach import LEARN_FROM, find_nets, make
from station.teach.anomaly.way import Way
from station.teach.features import FeatureNet
from station.teach.marks import Marked, PaintedMask
from station.teach.pictures import Picture
from station.teach.versions import versions_of
from station.vision.card import Limits, ModelCard, find_model, read_card
from station.vision.model import load_model

LOST_NAMED = 6
MORE_THAN = "more_than"


def propose(
    lesson: MoreLesson, model_dirs: Sequence[Path], progress: Progress = lambda *_: None
) -> Proposal:
    """Learn from all that a model was ever shown and from what is given now; write nothing.

    The way of looking stays as it is, unless a search is asked for; the limit is found anew.

    Raises:
        TeachError: the model cannot be taught more, a picture given cannot be learnt from, or one
            shown earlier is lost.
        ModelError: there is no such model, or its feature net is not what it was.
    """
    folder = find_model(lesson.name, model_dirs)
    card = read_card(folder)
    shown = _lesson_of(card, folder, model_dirs)
    given = read_given(lesson.good, lesson.bad, lambda d, of: progress("looking", d, of))
    kept = _recovered(shown, card, model_dirs, progress, is_forgiving=lesson.forget_lost)
    base = _base(folder, card, shown, kept, given)
    judged = _judge(base, given, progress)
    course, warnings = _course(base, given, lesson, judged, model_dirs, progress)
    made = make(course, None if lesson.search else way_of(card))
    made = replace(made, card=_noted(made.card, card, given))
    verdicts = _verdicts(base, given, judged, made, progress)
    return Proposal(
        before=card,
        made=made,
        course=course,
        verdicts=verdicts,
        warnings=(*base.changed, *warnings),
    )


def way_of(card: ModelCard) -> Way:
    """The way of looking a card keeps."""
    return Way.model_validate(card.training["way"])


def _noted(card: ModelCard, before: ModelCard, given: Given) -> ModelCard:
    """The card, with what it goes on from."""
    counts: dict[str, JsonValue] = {
        "good": len(given.good), "marked": len(given.marked), "bad": len(given.bare),
    }  # fmt: skip
    facts: dict[str, JsonValue] = {MORE_THAN: before.reference, "given": counts}
    return card.model_copy(update={"training": {**card.training, **facts}})


@dataclass(frozen=True, slots=True)
class _Base:
    """The version more is taught to."""

    folder: Path
    card: ModelCard
    shown: ShownLesson
    kept: list[Kept]
    """What was shown earlier and is not given again."""
    rejected: frozenset[str]
    """Digests of good parts an earlier version rejected."""
    changed: tuple[str, ...]
    """What is given again as something else, in words."""

    def goods(self) -> list[Picture]:
        return [
            Picture(kept.path, "good", kept.entry.digest)
            for kept in self.kept
            if kept.entry.role == "good"
        ]

    def marked(self) -> list[Marked]:
        return [
            Marked(kept.path, kept.entry.reason or "anomaly", PaintedMask(kept.mask))
            for kept in self.kept
            if kept.mask is not None
        ]

    def bare(self) -> list[Path]:
        """Bad ones nothing was learnt from yet."""
        return [k.path for k in self.kept if k.entry.role != "good" and k.mask is None]


def _lesson_of(card: ModelCard, folder: Path, model_dirs: Sequence[Path]) -> ShownLesson:
    if card.task != "anomaly":
        raise TeachError(
            f"{card.reference} is for {card.task}; only anomaly models can be taught more: add the "
            "pictures to its folders and teach it anew"
        )
    if "way" in card.training and (folder / LESSON_FILE).is_file():
        return read_lesson(folder)
    others = [
        find_model(f"{card.name}/{v}", model_dirs) for v in versions_of(card.name, model_dirs)
    ]
    fit = [other.name for other in others if (other / LESSON_FILE).is_file()]
    if fit:
        raise TeachError(
            f"{card.reference} does not know what it was shown (it was imported, quantized, or "
            f"taught by an earlier release); teach a version that does: station teach more "
            f"{card.name}/{fit[-1]} …"
        )
    raise TeachError(
        f"{card.reference} does not know what it was shown (it was imported, or taught by an "
        f"earlier release); teach it anew with: station teach anomaly DIR --name {card.name}"
    )


def _recovered(
    shown: ShownLesson, card: ModelCard, model_dirs: Sequence[Path], progress: Progress,
    *, is_forgiving: bool,
) -> list[Kept]:  # fmt: skip
    folders = [root / card.name / SHOWN_FOLDER for root in model_dirs]
    kept, lost = find_shown(shown, folders, lambda d, of: progress("remembering", d, of))
    if lost and not is_forgiving:
        which = "; ".join(lost[:LOST_NAMED]) + (" …" if len(lost) > LOST_NAMED else "")
        raise TeachError(
            f"{len(lost)} of {len(shown.entries)} pictures shown earlier cannot be compared with: "
            f"{which}; put them back where they lay, or go on without them with --forget-lost"
        )
    return kept


def _base(
    folder: Path, card: ModelCard, shown: ShownLesson, kept: list[Kept], given: Given
) -> _Base:
    """What more is taught to: all that was shown and is not given again."""
    again = given.digests
    rejected = frozenset(k.entry.digest for k in kept if k.entry.was_rejected)
    changed = tuple(
        f"{k.entry.name} was shown as {k.entry.role} before and is {again[k.entry.digest]} now"
        for k in kept
        if k.entry.digest in again and (k.entry.role == "good") != (again[k.entry.digest] == "good")
    )
    others = [k for k in kept if k.entry.digest not in again]
    return _Base(folder, card, shown, others, rejected, changed)


def _judge(base: _Base, given: Given, progress: Progress) -> dict[Path, Judged]:
    """What the version before says of everything."""
    model = load_model(base.folder)
    paths = [*(k.path for k in base.kept), *given.paths]
    return judge_all(
        model, base.card.tiling, paths, lambda d, of: progress("judging before", d, of)
    )


def _course(
    base: _Base, given: Given, lesson: MoreLesson, judged: dict[Path, Judged],
    model_dirs: Sequence[Path], progress: Progress,
) -> tuple[Course, list[str]]:  # fmt: skip
    settings = base.shown.settings
    goods = [*base.goods(), *given.good]
    corrections = {k.entry.digest for k in base.kept if k.entry.is_correction}
    corrections |= {picture.digest for picture in given.good}
    rejected = base.rejected | {
        picture.digest
        for picture in given.good
        if not _passes(judged[picture.path].score, base.card.limits)
    }
    usual = [judged[p.path].hottest for p in base.goods() if p.path in judged]
    bare = [*base.bare(), *given.bare]
    guessed, blind = guess_marks(load_model(base.folder), base.card.tiling, bare, usual)
    blind_words = _check_learnable(blind, base, given)
    learnt, rest = _chosen(goods, corrections)
    readable = read_all(learnt, lambda d, of: progress("looking", d, of))
    sizes = describe_sizes(readable.sizes)
    material = Material(
        learnt=readable,
        unlearnt=tuple(rest),
        defects=Defects((*base.marked(), *given.marked, *guessed), ()),
        nets=_nets(base, lesson, model_dirs),
        warnings=(sizes,) if sizes else (),
        corrections=frozenset(corrections),
        rejected=frozenset(rejected & corrections),
        unlearnable=tuple(blind),
        origins={k.path: k.entry for k in base.kept},
    )
    anew = AnomalyLesson(
        root=base.folder, name=base.card.name, fast=not lesson.search, **settings.model_dump()
    )
    course = Course(lesson=anew, material=material, model_dirs=model_dirs, progress=progress)
    return course, blind_words


def _chosen(goods: Sequence[Picture], corrections: set[str]) -> tuple[list[Picture], list[Picture]]:
    """What is learnt from, all corrections among it, and what is only held out."""
    ordinary = [picture for picture in goods if picture.digest not in corrections]
    certain = [picture for picture in goods if picture.digest in corrections][-LEARN_FROM:]
    # among ordinary ones of a lesson those learnt from come first: the same are learnt from again
    learnt = [*certain, *ordinary[:LEARN_FROM]]
    taken = {picture.digest for picture in learnt}
    return learnt, [picture for picture in goods if picture.digest not in taken]


def _nets(base: _Base, lesson: MoreLesson, model_dirs: Sequence[Path]) -> dict[str, FeatureNet]:
    """The net the version looks with, or all there are for a search."""
    settings = base.shown.settings
    if lesson.search:
        return find_nets(settings.features, model_dirs)
    features = way_of(base.card).features
    spec = settings.features if settings.features.endswith(".onnx") else features
    net = find_nets(spec, model_dirs)[spec]
    known = base.card.training.get("feature_net")
    if not isinstance(known, dict) or known.get("sha256") != net.card.sha256:
        raise TeachError(
            f"feature net {features} is not the one {base.card.reference} was taught with; put "
            "that one back, or choose anew with --search"
        )
    return {features: net}


def _check_learnable(blind: Sequence[Path], base: _Base, given: Given) -> list[str]:
    """A warning that names the pictures given on which nothing is seen.

    Raises:
        TeachError: nothing else is given.
    """
    own = [path for path in blind if path in given.roles]
    if not own:
        return []
    words = (
        f"{named(own)} cannot be learnt without a mask: the station sees nothing there that good "
        f"parts do not show; paint {own[0].stem}_mask.png (of the picture's size, white where the "
        "part is bad, black elsewhere), put it beside the picture and give it again"
    )
    if len(own) == len(given.paths) and not base.changed:
        raise TeachError(words)
    return [words]


def _verdicts(
    base: _Base, given: Given, judged: dict[Path, Judged], made: Made, progress: Progress
) -> tuple[Verdict, ...]:
    after = judge_all(
        made.model, made.card.tiling, list(judged), lambda d, of: progress("judging after", d, of)
    )
    roles: dict[Path, Role] = {k.path: k.entry.role for k in base.kept} | given.roles
    origins = {k.path: k.entry for k in base.kept}
    return tuple(
        Verdict(
            name=origins[path].name if path in origins else path.name,
            path=origins[path].path if path in origins else str(path),
            role=roles[path],
            is_given=path in given.roles,
            before=judged[path].score,
            after=after[path].score,
            passed_before=_passes(judged[path].score, base.card.limits),
            passes_after=_passes(after[path].score, made.card.limits),
        )
        for path in judged
    )


def _passes(score: float, limits: Limits | None) -> bool:
    if limits is None:
        return False
    found = decide(score, accept_limit=limits.accept_limit, reject_limit=limits.reject_limit)
    return found is Evaluation.OK
