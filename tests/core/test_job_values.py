"""Values of a job as people and machines write them."""

import pytest

from station.core.errors import SettingsError
from station.core.job_values import parse_values


def test_values_are_named_and_only_the_first_separator_counts() -> None:
    assert parse_values(["lot:A:1", "serial:000 5"], ":") == {"lot": "A:1", "serial": "000 5"}
    assert parse_values(["lot=A=1"], "=") == {"lot": "A=1"}
    assert parse_values([], ":") == {}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["lot"], "must be NAME:VALUE"),
        (["lot:"], "1 to 512 characters"),
        (["lot:  "], "not all of them spaces"),
        (["lot:\u00a0"], "not all of them spaces"),
        (["Lot:A"], "lower case"),
        ([":A"], "lower case"),
        (["lot:A", "lot:B"], "twice"),
        (["lot:A\x1d"], "control"),
        (["lot:A\n"], "control"),
        (["lot\n:A"], "lower case"),
        ([f"lot:{'A' * 513}"], "512"),
        ([f"v{number}:A" for number in range(33)], "at most 32"),
    ],
)
def test_what_cannot_be_meant_is_refused(entries: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_values(entries, ":")
