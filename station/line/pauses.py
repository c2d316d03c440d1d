"""Keeps the pauses of Python itself short: no part waits for another's garbage or turn."""

import gc
import sys

TURN_S = 0.0005
"""So long a thread may keep the others waiting; Python's own choice is ten times as long."""


def take_short_turns() -> None:
    """Let threads that calculate, such as those of the API, give way to those of the line soon."""
    sys.setswitchinterval(TURN_S)


def spare_what_stays() -> None:
    """Let the garbage collector pass over everything there is by now; call it after the start.

    Otherwise it goes through every module again and again: 40 to 180 ms in which all stands.
    """
    gc.collect()
    gc.freeze()
