"""What a job says must be on the part: names and values as people and machines write them."""

import re
from collections.abc import Iterable, Mapping

from station.core.errors import SettingsError

MOST_VALUES = 32
LONGEST_VALUE = 512

VALUE_NAME = r"[a-z][a-z0-9_]{0,31}"
VALUE_CHARACTERS = r"[^\x00-\x1f\x7f]"
"""Any but control characters."""


def parse_values(entries: Iterable[str], separator: str) -> dict[str, str]:
    """Values by name from entries such as `lot:A1`; only the first separator counts.

    Raises:
        SettingsError: an entry is no name and value, a name stands twice, or there are too many.
    """
    values: dict[str, str] = {}
    for entry in entries:
        name, parted, value = entry.partition(separator)
        if not parted:
            raise SettingsError(
                f"value {entry[:64]!r} must be NAME{separator}VALUE, as in lot{separator}A1"
            )
        if name in values:
            raise SettingsError(f"value {name!r} is given twice; which one counts?")
        values[name] = value
    return check_values(values)


def check_values(values: Mapping[str, str]) -> dict[str, str]:
    """The same values, if recipes can refer to them as `job.NAME`.

    Raises:
        SettingsError: a name or a value cannot be used, or there are more than `MOST_VALUES`.
    """
    if len(values) > MOST_VALUES:
        raise SettingsError(f"{len(values)} values are given; at most {MOST_VALUES} are taken")
    for name, value in values.items():
        if not re.fullmatch(VALUE_NAME, name):
            raise SettingsError(
                f"value name {name[:64]!r} must be up to 32 lower case letters, digits and _ "
                "and begin with a letter (example: lot)"
            )
        # Nothing but spaces is nothing: where spaces do not count, it would equal an empty field.
        if not value.strip() or not re.fullmatch(f"{VALUE_CHARACTERS}{{1,{LONGEST_VALUE}}}", value):
            raise SettingsError(
                f"value {name!r} must be 1 to {LONGEST_VALUE} characters, not all of them spaces, "
                "without control characters; leave it out where there is none"
            )
    return dict(values)
