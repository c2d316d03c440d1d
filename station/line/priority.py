"""Who runs first where the processor is short: the line, before the page and other programs."""

import logging
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import psutil

if sys.platform == "win32":
    _HIGH, _REALTIME = psutil.ABOVE_NORMAL_PRIORITY_CLASS, psutil.HIGH_PRIORITY_CLASS
    _LOW = psutil.BELOW_NORMAL_PRIORITY_CLASS
else:
    _HIGH, _REALTIME, _LOW = -10, -10, 5
LINE_RANK, WORKER_RANK = 10, 5
"""Of Linux's real-time priorities: the line hands over even while every worker calculates."""
AUTOGROUP = Path("/proc/self/autogroup")
"""Linux weighs sessions against each other before it looks at the programs within one."""
_LOG = logging.getLogger(__name__)


class Priority(StrEnum):
    """How the line is weighed against the other programs of its PC."""

    NORMAL = "normal"
    HIGH = "high"
    REALTIME = "realtime"


def put_first(priority: Priority) -> None:
    """Raise this process and what it starts from now on; where that is not permitted, say so.

    Windows permits it. Linux permits it to root, and to a service whose unit says so; there the
    whole session is raised, as long as it lasts.
    """
    if priority is Priority.NORMAL:
        return
    is_realtime = priority is Priority.REALTIME
    steps: list[Callable[[], object]] = [
        lambda: psutil.Process().nice(_REALTIME if is_realtime else _HIGH),
        _raise_session,
    ]
    if is_realtime:
        steps.append(lambda: set_rank(LINE_RANK))
    refused = [error for step in steps if (error := _refusal(step))]
    if refused:
        _LOG.log(
            logging.WARNING if is_realtime else logging.INFO,
            "line.priority = %r is not permitted here (%s): other programs may delay parts; "
            "run the station as a service (`station service`), or as administrator",
            str(priority),
            refused[0],
        )


def _raise_session() -> None:
    if AUTOGROUP.exists():
        AUTOGROUP.write_text(str(_HIGH), encoding="ascii")


def _refusal(step: Callable[[], object]) -> Exception | None:
    """What one step was refused with; the others help without it."""
    try:
        step()
    except (psutil.AccessDenied, OSError) as error:
        return error
    return None


def stand_behind_the_line() -> None:
    """In a worker: give way to the line that started it, if both are in real time."""
    if sys.platform.startswith("linux") and os.sched_getscheduler(0) == os.SCHED_RR:
        set_rank(WORKER_RANK)


def put_behind() -> None:
    """Lower this process and what it starts from now on."""
    psutil.Process().nice(_LOW)


def set_rank(rank: int, pid: int = 0) -> None:
    """Put a process (0: this one) into Linux's real time; elsewhere nothing happens.

    Raises:
        OSError: the system does not permit it.
    """
    if sys.platform.startswith("linux"):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(rank))
