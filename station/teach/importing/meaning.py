"""What the classes of a model mean for a part: good, a reason code, a count, or nothing at all."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from station.core.errors import ModelError
from station.core.reasons import GOOD_CLASSES, check_reason_code
from station.teach.importing.families import Family
from station.teach.importing.wishes import NONE, SAME, Wishes, ask
from station.teach.pictures import GOOD_IN_OTHER_WORDS
from station.vision.layout import CountRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """Classes as the card has them, and what each stands for."""

    classes: tuple[str, ...] = ()
    reason_codes: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    counts: Mapping[str, CountRule] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The class as the model's maker called it -> as the card calls it."""

    def class_of(self, label: str | None) -> str | None:
        """The card's class a folder's name stands for; None where it stands for none."""
        if label is None:
            return None
        ours = {_plain(old): new for old, new in self.renamed.items()}
        ours |= {_plain(name): name for name in self.classes}
        if label.lower() in GOOD_CLASSES | GOOD_IN_OTHER_WORDS and _plain(label) not in ours:
            return next((name for name in self.classes if name in GOOD_CLASSES), None)
        return ours.get(_plain(label))


def find_meaning(
    family: Family, names: Sequence[str], wishes: Wishes, folders: Collection[str]
) -> Meaning:
    """What the classes mean.

    Args:
        names: the classes as far as known, in the order of the model's answers.
        folders: the folders the reference pictures lie in, to name them in a question.

    Raises:
        ModelError: a class without a meaning, or one that does not exist.
    """
    if family.task == "anomaly":
        return Meaning(reason_codes={"anomaly": _code("anomaly", wishes)})
    if family.task == "classify":
        return _of_classifier(family, names, wishes, folders)
    names = _finding_names(family, names, wishes)
    _refuse_strangers(names, wishes)
    if wishes.counts and family.boxes is None:
        raise ModelError(
            "places of a mask are counted in a recipe that sets their minimum_area_px, not at the "
            "import: --ignore the class here"
        )
    meant = {*wishes.reasons, *wishes.ignored, *wishes.counts, wishes.good}
    mute = [name for name in names if name not in meant and SAME not in wishes.reasons]
    if mute:
        ask(
            f"nobody said what it means when the model finds {_some(mute)}",
            "--reasons CLASS=code,… for defects (--reasons same: each by its own name), "
            "--count CLASS=4 for what must be there, --ignore CLASS,… for what does not matter",
        )
    idle = {*wishes.ignored, *wishes.counts, wishes.good} - {*wishes.reasons}
    return Meaning(
        classes=tuple(names),
        reason_codes={name: _code(name, wishes) for name in names if name not in idle},
        ignored=tuple(n for n in names if n in idle and n not in wishes.counts),
        counts={name: rule for name, rule in wishes.counts.items() if name in names},
    )


def _of_classifier(
    family: Family, names: Sequence[str], wishes: Wishes, folders: Collection[str]
) -> Meaning:
    numbers = int(np.prod(family.outputs[0].shape))
    wanted = max(numbers, 2)
    if not names:
        hint = ""
        if len(folders) == wanted:
            hint = f" (if it learnt the folders in their order: --classes {','.join(folders)})"
        one = ", one number for the second of two classes" if numbers == 1 else ""
        ask(
            f"the file does not name its {wanted} classes{one}",
            f"--classes a,b,… in the order of its answers{hint}",
        )
    if len(names) != wanted or len(set(names)) != wanted:
        raise ModelError(
            f"the model answers for {wanted} classes, named are {len(names)}: {_some(names)}; "
            "name each once, in the order of its answers"
        )
    _refuse_strangers(names, wishes)
    good = _good(names, wishes)
    renamed = {good: good.lower() if good.lower() in GOOD_CLASSES else "ok"} if good else {}
    classes = tuple(renamed.get(name, name) for name in names)
    codes = {name: _code(name, wishes) for name in names if name != good}
    return Meaning(classes=classes, reason_codes=codes, renamed=renamed)


def _good(names: Sequence[str], wishes: Wishes) -> str:
    """The class of good parts; empty where there is none."""
    if wishes.good == NONE:
        return ""
    good = [name for name in names if name == wishes.good or name.lower() in GOOD_CLASSES]
    if wishes.good and wishes.good in names:
        good = [wishes.good]
    if len(good) != 1:
        ask(
            f"which of {_some(names)} means a good part is open, and only that class can pass one",
            f"--good CLASS (or --good {NONE} where all are defects: then no part passes)",
        )
    return good[0]


def _finding_names(family: Family, names: Sequence[str], wishes: Wishes) -> Sequence[str]:
    output = family.outputs[0]
    if output.holds in ("boxes", "class_map"):
        planes = len(names)
    else:
        planes = output.shape[1] if output.layout == "NCHW" else output.shape[3]
    if not names and planes == 1 and len(wishes.reasons) == 1:
        return tuple(wishes.reasons)
    if not names or len(names) != planes:
        ask(
            f"the mask {output.name} has {planes} planes, named are {len(names)} classes",
            "--classes a,b,… one a plane, the background too",
        )
    return names


def _refuse_strangers(names: Sequence[str], wishes: Wishes) -> None:
    for option, said in (
        ("--reasons", wishes.reasons),
        ("--ignore", wishes.ignored),
        ("--count", wishes.counts),
        ("--good", [wishes.good]),
    ):
        strange = [name for name in said if name and name not in (*names, SAME, NONE)]
        if strange:
            raise ModelError(f"{option} speaks of {_some(strange)}; the classes are {_some(names)}")


def _code(name: str, wishes: Wishes) -> str:
    own = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    code = wishes.reasons.get(name) or (f"class_{own}" if own[:1].isdigit() else own)
    try:
        return check_reason_code(code)
    except ValueError as error:
        return ask(f"class {name!r}: {error}", f"--reasons {name}=a_code_people_can_act_on")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more
