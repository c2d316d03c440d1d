"""Simulated cameras of the vendors' libraries; in CI they must be there."""

import importlib.util
import os
from pathlib import Path

import pytest


def need(library: str, extra: str) -> Path:
    """The folder of a vendor's package; without it the test is skipped, in CI it fails."""
    found = importlib.util.find_spec(library)
    if found is None or found.origin is None:
        why = f"{library} is not installed: install the station with its extra {extra!r}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return Path(found.origin).parent


def simulated_producer() -> str:
    """The GenTL producer with three simulated cameras, serials 0, 1 and 2."""
    need("harvesters", "genicam")
    return str(need("genicam", "genicam") / "viky.cti")


def emulated_cameras() -> int:
    """How many cameras pylon emulates in the tests: it counts them once a process."""
    need("pypylon", "basler")
    return 2
