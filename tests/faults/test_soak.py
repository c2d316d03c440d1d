"""A station at 30 parts/s for some seconds: its books agree, and nothing runs away."""

from pathlib import Path

import pytest

from tests.faults.soak import soak


@pytest.mark.timeout(150)  # it starts a whole station and runs it for a third of a minute
def test_a_third_of_a_minute(tmp_path: Path) -> None:
    found = soak(0.35, tmp_path)
    assert found.problems == ()
    assert found.passed > 0
