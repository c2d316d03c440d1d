"""Each group of faults in a small trial: nothing unproven passed, the books agree, it is back."""

from pathlib import Path

import pytest

from tests.faults.groups import GROUPS
from tests.faults.outcome import Group


@pytest.mark.parametrize(
    "group",
    [pytest.param(one, id=one.name, marks=pytest.mark.timeout(one.limit_s)) for one in GROUPS],
)
def test_group(group: Group, tmp_path: Path) -> None:
    outcome = group.try_out(tmp_path, seed=5)
    assert outcome.problems == ()
    assert outcome.held
    assert outcome.injected > 0
