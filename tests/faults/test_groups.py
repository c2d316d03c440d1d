"""Each group of faults in a small trial: nothing unproven passed, the books agree, it is back."""

from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.faults.groups import GROUPS
from tests.faults.outcome import Group

SLACK = 4.0
"""Other tests run beside; `python -m tests.faults.report`, by itself, grants none."""


def parameter_of(group: Group) -> ParameterSet:
    marks = [pytest.mark.timeout(group.limit_s)]
    if group.defect:
        marks.append(pytest.mark.xfail(strict=True, reason=group.defect))
    return pytest.param(group, id=group.name, marks=marks)


@pytest.mark.parametrize("group", [parameter_of(group) for group in GROUPS])
def test_group(group: Group, tmp_path: Path) -> None:
    outcome = group.try_out(tmp_path, seed=5, slack=SLACK)
    assert outcome.problems == ()
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert outcome.held
    assert outcome.injected > 0
