"""What an acceptance test says in plain words: what may be promised, and what more it takes."""

from collections.abc import Iterator, Sequence

from station.quality.limits import Choice, Shortage, Wish
from station.quality.qualification import Figures
from station.quality.statistics import Rate, parts_needed, percent, percent_up

USUAL_CLAIM = 0.01
"""The escape rate the words speak of where none was asked for."""


def promise(figures: Figures, claim: float | None = None) -> str:
    """What may be said of escapes, and what more it takes.

    As in "0 of 80 bad parts passed: the escape rate is below 3.7 % with 95 % confidence; to claim
    1 % you need 299 bad parts and no miss."
    """
    seen, upper = figures.escapes.rate, figures.escapes.upper_95
    if not seen.total:
        return "No bad part could be inspected: nothing can be said of escapes."
    was_asked, claim = claim is not None, claim or USUAL_CLAIM
    head = f"{_of(seen, 'bad')} passed: {_below('escape', upper)}"
    if upper <= claim:
        share = f"{claim * 100:g} %"
        proven = f"proves the {share} asked for" if was_asked else f"is enough to claim {share}"
        return f"{head}; that {proven}."
    clean = f"{claim * 100:g} % you need {parts_needed(claim)} bad parts and no miss"
    if seen.share > claim:
        return f"{head}. That is too many: to claim {clean}."
    tail = f"to claim {clean}"
    if seen.count:
        more = parts_needed(claim, seen.count)
        these = "this one miss" if seen.count == 1 else f"these {seen.count} misses"
        tail += f", or {more} with no more than {these}"
    return f"{head}; {tail}."


def overkill_words(figures: Figures) -> str:
    """What may be said of overkill."""
    seen = figures.overkills.rate
    if not seen.total:
        return "No good part could be inspected: nothing can be said of overkill."
    failed = f" ({figures.failed_good} of them failed)" if figures.failed_good else ""
    return (
        f"{_of(seen, 'good')} {'was' if seen.total == 1 else 'were'} rejected{failed}: "
        f"{_below('overkill', figures.overkills.upper_95)}."
    )


def review_words(figures: Figures) -> str:
    """How many parts are left to a person."""
    seen = figures.not_decidable
    if not seen.count:
        return "Every inspected part was decided; none is left to a person."
    return (
        f"{seen.count} of {seen.total} parts ({percent(seen.share)}) left to a person: "
        f"{figures.not_decidable_good} good and {figures.not_decidable_bad} bad."
    )


def _of(seen: Rate, kind: str) -> str:
    return f"{seen.count} of {_counted(seen.total, f'{kind} part', f'{kind} parts')}"


def _below(name: str, upper: float) -> str:
    if upper >= 1:
        return f"nothing can be promised of the {name} rate"
    return f"the {name} rate is below {percent_up(upper)} with 95 % confidence"


def limit_words(
    wish: Wish, choice: Choice | Shortage | None, *, is_met: bool, why_not: str = ""
) -> Iterator[str]:
    """Whether the recipe keeps to what was asked for, and what is known of better limits."""
    if wish == Wish():
        return
    yield (
        "The recipe as it stands keeps to what was asked for."
        if is_met
        else "The recipe as it stands does not keep to what was asked for."
    )
    if isinstance(choice, Shortage):
        yield (
            f"No limits can promise an escape rate of at most {wish.escape_at_most}: at least "
            f"{choice.parts_missing} more bad parts are needed, none of which may pass."
        )
    elif isinstance(choice, Choice):
        yield _chosen(choice, "would do better" if is_met else "keep to it")
        yield (
            "They were chosen on these very pictures, so this is optimistic: test the new version "
            "on other parts before you promise it."
        )
    elif not is_met:
        yield f"No limits were chosen: {why_not or 'none keep to what was asked for'}."


def bias_warnings(
    *, copies: int = 0, learnt: Sequence[str] = (), limits_from: str = ""
) -> Iterator[str]:
    """What of the pictures makes the figures look better than they are."""
    if limits_from:
        yield (
            f"The recipe's limits were chosen on these very pictures ({limits_from}), so the "
            "figures are optimistic; test it on other parts."
        )
    if learnt:
        yield (
            f"{_counted(len(learnt), 'picture was', 'pictures were')} shown to a model when it "
            f"was made, as {learnt[0]}: the figures are optimistic; test it on other parts."
        )
    if copies:
        yield (
            f"{_counted(copies, 'picture is an exact copy', 'pictures are exact copies')} of "
            "others; bounds hold for parts that are independent of each other, copies make them "
            "look too good."
        )


def left_out_warnings(
    figures: Figures,
    *,
    unlabelled: Sequence[str] = (),
    empty_masks: Sequence[str] = (),
    unused_masks: int = 0,
) -> Iterator[str]:
    """What does not count, and why."""
    if unlabelled:
        yield (
            f"{_counted(len(unlabelled), 'picture lies', 'pictures lie')} in no labelled folder "
            f"and {'is' if len(unlabelled) == 1 else 'are'} left out, as {unlabelled[0]}."
        )
    if empty_masks:
        yield (
            f"{_counted(len(empty_masks), 'mask marks', 'masks mark')} nothing, as of "
            f"{empty_masks[0]}; left out of the pixel figures."
        )
    if unused_masks:
        yield (
            f"{_counted(unused_masks, 'mask is', 'masks are')} not used: no tool of the recipe "
            "says how bad each pixel is."
        )
    if figures.unreadable:
        yield f"{_counted(figures.unreadable, 'file', 'files')} could not be read; in no rate."
    if figures.failed_good or figures.failed_bad:
        yield (
            f"The inspection of {figures.failed_good} good and {figures.failed_bad} bad parts "
            "failed: the good ones count as overkill, the bad ones prove nothing."
        )


def new_version_command(
    choice: Choice, *, recipe_file: str | None, model: str | None
) -> Sequence[str]:
    """The command that makes a recipe with the chosen limits, in words of a shell."""
    accept, reject = repr(choice.accept_limit), repr(choice.reject_limit)
    begin = ("station", "recipe", "new")
    if recipe_file is None:
        return (*begin, "--model", str(model), "--accept", accept, "--reject", reject)
    tool = f"tools.{choice.tool}"
    return (
        *begin, "--from", recipe_file,
        "--set", f"{tool}.accept_limit={accept}", "--set", f"{tool}.reject_limit={reject}",
    )  # fmt: skip


def _chosen(choice: Choice, what: str) -> str:
    one = choice.accept_limit == choice.reject_limit
    limits = (
        f"one limit at {choice.accept_limit:g}"
        if one
        else f"accept limit {choice.accept_limit:g}, reject limit {choice.reject_limit:g}"
    )
    escapes = _counted(choice.escapes, "bad part", "bad parts")
    return (
        f"Limits that {what}: {limits}. With them {escapes} would have passed (escape rate "
        f"below {percent_up(choice.escape_upper_95)} with 95 % confidence), "
        f"{_counted(choice.overkills, 'good part', 'good parts')} would have been "
        f"rejected, and {_counted(choice.not_decidable, 'part', 'parts')} left to a person."
    )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
