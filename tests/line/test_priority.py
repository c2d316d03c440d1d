"""The line's priority: asked of a process of its own, which nobody else has to live with."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="priorities are Linux's here")

PROGRAM = """
import json, logging, os, sys
from station.line.priority import Priority, put_behind, put_first, stand_behind_the_line
logging.basicConfig(stream=sys.stderr)
if sys.argv[2] != "root":
    os.setgid(65534)
    os.setuid(65534)
if sys.argv[1] == "behind":
    put_behind()
else:
    put_first(Priority(sys.argv[1]))
found = [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)]
found.append(os.sched_getparam(0).sched_priority)
stand_behind_the_line()
print(json.dumps([*found, os.sched_getparam(0).sched_priority]))
"""


def asked(word: str, user: str = "root") -> tuple[list[int], str]:
    """Nice value, scheduler, its rank, and a worker's rank; and what was said."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word, user],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,  # or the tests' own session would be raised
    )
    found: list[int] = json.loads(done.stdout)
    return found, done.stderr


needs_root = pytest.mark.skipif(
    sys.platform == "linux" and os.geteuid() != 0, reason="only root may raise a priority"
)


def test_normal_changes_nothing() -> None:
    assert asked("normal") == ([os.getpriority(os.PRIO_PROCESS, 0), os.SCHED_OTHER, 0, 0], "")


@needs_root
def test_high_goes_before_others() -> None:
    assert asked("high") == ([-10, os.SCHED_OTHER, 0, 0], "")


@needs_root
def test_in_real_time_workers_give_way_to_the_line() -> None:
    assert asked("realtime") == ([-10, os.SCHED_RR, 10, 5], "")


@needs_root
@pytest.mark.parametrize(("word", "level"), [("realtime", "WARNING"), ("high", "")])
def test_what_is_not_permitted_is_said_and_ends_nothing(word: str, level: str) -> None:
    found, said = asked(word, user="nobody")
    assert found == [os.getpriority(os.PRIO_PROCESS, 0), os.SCHED_OTHER, 0, 0]
    assert said.startswith(level)
    assert ("station service" in said) is bool(level)


def test_the_page_stands_back() -> None:
    assert asked("behind")[0][0] == 5
