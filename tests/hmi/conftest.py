"""What the tests of the page need: results and answers of a station, made to measure."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from station.core.result import Evaluation, Finding, Result, ResultState
from station.hmi.answers import Status
from station.line.states import State, allowed_verbs

NOON = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)

MakeResult = Callable[..., Result]
MakeStatus = Callable[..., Status]


@pytest.fixture
def make_result() -> MakeResult:
    """make_result(evaluation=OK, **fields): a result a second later than the one before."""
    numbers = count(1)

    def make(evaluation: Evaluation = Evaluation.OK, **fields: Any) -> Result:
        number = next(numbers)
        is_ok = evaluation is Evaluation.OK
        finding = Finding(
            tool="surface",
            evaluation=evaluation,
            reason_code=None if is_ok else "glare",
            score=0.02 if is_ok else 0.97,
            accept_limit=0.3,
            reject_limit=0.7,
        )
        at = NOON + timedelta(seconds=number)
        result = Result(
            job_id=f"job{number}",
            part_id="",
            product_id="tile",
            meas_id="",
            camera_id="camera",
            sequence=number,
            result_state=ResultState.COMPLETED,
            evaluation=evaluation,
            passed=is_ok,
            reason_code=finding.reason_code,
            reason_text="" if is_ok else "the surface shines",
            findings=(finding,),
            recipe_id="tiny",
            recipe_version=1,
            recipe_hash="ab" * 32,
            models={},
            configuration_id="identity",
            software_version="1",
            is_simulated=True,
            is_partial=False,
            origin="",
            truth=None,
            triggered_at=at,
            acquired_at=at,
            completed_at=at,
            acquisition_ms=1.0,
            processing_ms=12.3,
            total_ms=14.0,
        )
        return replace(result, **fields)

    return make


@pytest.fixture
def failed(make_result: MakeResult) -> Result:
    """A part of which there was no picture."""
    return make_result(
        Evaluation.UNDEFINED,
        result_state=ResultState.FAILED,
        reason_code="no_frame",
        reason_text="the camera gave no frame",
        findings=(),
        acquired_at=None,
    )


@pytest.fixture
def make_status() -> MakeStatus:
    """make_status(state, camera={...}, counters={...}, **fields): an answer of the station."""

    def make(state: str = "continuous_execution", **fields: Any) -> Status:
        counters = {
            "triggers": 0, "in_progress": 0, "ok": 0, "not_ok": 0, "not_decidable": 0,
            "aborted": 0, "failed": 0, "by_reason": {}, "yield_ratio": None, "parts_per_s": 0.0,
            "since": NOON, **fields.pop("counters", {}),
        }  # fmt: skip
        camera = {
            "camera_id": "camera", "kind": "folder", "is_connected": True, "has_ended": False,
            "last_error": "", **fields.pop("camera", {}),
        }  # fmt: skip
        recipe = {"recipe_id": "tiny", "version": 3, "recipe_hash": "ab" * 32}
        return Status.model_validate(
            {
                "name": "line 3", "state": state, "state_text": "", "recipe": recipe,
                "verbs": _verbs(state), "counters": counters, "camera": camera,
                "not_known_to_this_page": 1, **fields,
            }
        )  # fmt: skip

    return make


def _verbs(state: str) -> list[str]:
    """What a station says it can be told."""
    return list(allowed_verbs(State(state))) if state in set(State) else []


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, which every CI machine must have; it finds no name and no host but this one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        why = f"no browser: none of {', '.join(names)} is installed"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    quiet = (
        "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    )  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()
