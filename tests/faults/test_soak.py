"""A station at 30 parts/s for three minutes: its books agree, and nothing runs away."""

from pathlib import Path

import pytest

from tests.faults.soak import soak


@pytest.mark.timeout(360)
def test_three_minutes(tmp_path: Path) -> None:
    found = soak(3.0, tmp_path, slack=10)  # a line that stands misses far more
    assert found.problems == ()
    assert found.passed > 0
