"""Picture memory: where the allocator allows it, a second picture costs no fresh pages."""

import subprocess
import sys

import pytest

from station.vision.memory import keep_picture_memory

FAULTS = """
import resource, sys
import numpy as np
from station.vision.memory import keep_picture_memory
if not keep_picture_memory():
    sys.exit(5)
def picture():
    np.empty(5_000_000, np.uint8).fill(1)
picture()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    picture()
sys.exit(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before > 2000)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_the_next_picture_takes_the_memory_of_the_last() -> None:
    ended = subprocess.run([sys.executable, "-c", FAULTS], check=False, timeout=20)
    if ended.returncode == 5:
        pytest.skip("the allocator is not glibc's")
    assert ended.returncode == 0


def test_it_may_be_asked_for_anywhere() -> None:
    assert keep_picture_memory() in (True, False)
