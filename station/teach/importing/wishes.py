"""What the person who imports a model says of it, and how the station asks for what is missing."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from station.core.errors import ModelError
from station.core.plugin import explain
from station.vision.layout import CountRule

SETTINGS: Mapping[str, str] = {
    "task": "classify, anomaly, detect or segment",
    "width": "a number of pixels",
    "height": "a number of pixels",
    "layout": "NCHW or NHWC",
    "channel_order": "RGB or BGR",
    "range": "unit (0 to 1), byte (0 to 255), signed (-1 to 1), imagenet or caffe",
    "scale": "a number like 1/255: x = (pixel * scale - mean) / std",
    "mean": "one number, or one a channel with blanks between",
    "std": "one number, or one a channel with blanks between",
    "fit": "stretch or letterbox",
    "output": "the name of the output that counts",
    "holds": "probabilities or logits",
    "positive": "the class a single output speaks for",
    "unit": "pixels or input_size: what box places are given in",
}
"""What `--set` may say, and in which words."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "task": ("classify", "anomaly", "detect", "segment"),
    "layout": ("NCHW", "NHWC"),
    "channel_order": ("RGB", "BGR"),
    "range": ("unit", "byte", "signed", "imagenet", "caffe"),
    "fit": ("stretch", "letterbox"),
    "holds": ("probabilities", "logits"),
    "unit": ("pixels", "input_size"),
}


SAME = "same"
"""`--reasons same`: every class that is not spoken of is a defect called by its own name."""
NONE = "none"
"""`--good none`: every class is a defect."""

_PIXELS = ("width", "height")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The model file and everything said of it; empty means: find out, or ask."""

    file: Path
    name: str = ""
    classes: tuple[str, ...] = ()
    good: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    counts: Mapping[str, CountRule] = field(default_factory=dict)
    pictures: Path | None = None
    scores: Path | None = None
    tolerance: float = 0.01
    settings: Mapping[str, str] = field(default_factory=dict)
    accept_limit: float | None = None
    reject_limit: float | None = None
    licence: str = ""


def ask(what: str, give: str) -> NoReturn:
    """Stop and say the one thing that cannot be known, and how to give it.

    Raises:
        ModelError: always.
    """
    raise ModelError(f"{what}; give {give}")


def read_settings(texts: Iterable[str]) -> dict[str, str]:
    """`key=value` texts as settings.

    Raises:
        ModelError: a key or value nobody knows; names what is allowed.
    """
    settings = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or key not in SETTINGS:
            near = difflib.get_close_matches(key, SETTINGS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(SETTINGS)}"
            raise ModelError(f"--set {text!r} is nothing to set (KEY=VALUE); {hint}")
        if value not in CHOICES.get(key, (value,)) or (key in _PIXELS and not value.isdigit()):
            raise ModelError(f"--set {key}={value}: write {SETTINGS[key]}")
        settings[key] = value
    return settings


def read_pairs(text: str, option: str) -> dict[str, str]:
    """`a=b,c=d` as a mapping.

    Raises:
        ModelError: a part is no pair.
    """
    pairs = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (side.strip() for side in part.partition("="))
        if not equals or not key or not value:
            raise ModelError(f"{option} {part!r}: write CLASS=SOMETHING, parted by commas")
        pairs[key] = value
    return pairs


def read_counts(texts: Iterable[str]) -> dict[str, CountRule]:
    """`screw=4` (at least), `screw=4-4` or `screw=4-6:wrong_screws` as rules.

    Without a code it is <class>_missing where there is no upper end, else <class>_count.

    Raises:
        ModelError: a text is no rule.
    """
    rules = {}
    for text in texts:
        found = re.fullmatch(r"(.+)=(\d+)(?:-(\d+))?(?::(.+))?", text.strip())
        if not found:
            raise ModelError(f"--count {text!r}: write CLASS=4, CLASS=4-6 or CLASS=4:reason_code")
        name, least, most, reason = found.groups()
        stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        reason = reason or f"{stem}_{'count' if most else 'missing'}"
        rule = {"at_least": int(least), "at_most": int(most) if most else None, "reason": reason}
        try:
            rules[name] = CountRule.model_validate(rule)
        except ValidationError as error:
            raise ModelError(f"--count {text!r}: {explain(error, CountRule)}") from None
    return rules


def numbers_of(settings: Mapping[str, str], key: str) -> tuple[float, ...]:
    """A setting of numbers parted by blanks; empty where it is not set.

    Raises:
        ModelError: it is no number.
    """
    try:
        return tuple(float(Fraction(part)) for part in settings.get(key, "").split())
    except (ValueError, ZeroDivisionError):
        raise ModelError(f"--set {key}={settings[key]}: write {SETTINGS[key]}") from None
