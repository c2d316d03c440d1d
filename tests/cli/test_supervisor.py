"""The supervisor goes on where the system cannot start a process just now."""

import sys
import time
from collections.abc import Iterator

import pytest

from station.cli.child import Child
from station.cli.supervisor import Supervisor


@pytest.fixture
def child() -> Iterator[Child]:
    """A child that ends at once, since there is no such command."""
    made = Child(name="line", arguments=["no-such-command"])
    yield made
    made.stop(0)


def test_a_process_the_system_cannot_start_is_tried_again_later(
    child: Child, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    child.due_s = time.monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/no/such/python")
        Supervisor(children=[child]).watch(0.6)
    assert child.process is None
    assert "the line cannot be started" in capfd.readouterr().err
    Supervisor(children=[child]).watch(1.5)
    assert child.process is not None
