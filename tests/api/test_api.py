"""The API as its clients see it."""

import asyncio
import base64
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from fastapi import HTTPException

from station.api.jobs import in_time
from station.core.frame import Image, Job
from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.inspection import inspect
from station.sources.upload import encoded_from_upload
from station.vision.frames import decoded
from station.vision.images import decode, encode_jpeg

DrawPart = Callable[..., Image]
JPEG = {"content-type": "image/jpeg"}


@pytest.fixture
def good(draw_part: DrawPart) -> bytes:
    return encode_jpeg(draw_part(90, (320, 240)))


@pytest.fixture
def bad(draw_part: DrawPart) -> bytes:
    return encode_jpeg(draw_part(170, (320, 240)))


def test_a_posted_picture_is_judged(api: httpx.Client, good: bytes, bad: bytes) -> None:
    answer = api.post("/api/v1/jobs", params={"part_id": "P1"}, content=good, headers=JPEG)
    assert answer.status_code == 200
    result = answer.json()
    assert (result["passed"], result["evaluation"], result["part_id"]) == (True, 1, "P1")
    rejected = api.post("/api/v1/jobs", content=bad, headers=JPEG)
    assert rejected.status_code == 200
    assert rejected.json()["passed"] is False
    assert rejected.json()["reason_code"] == "glare"


def test_an_empty_body_triggers_the_camera(api: httpx.Client) -> None:
    result = api.post("/api/v1/jobs", params={"part_id": "T1"}).json()
    assert (result["part_id"], result["passed"]) == ("T1", True)
    assert result["origin"].endswith(".png")


def test_the_answer_is_the_record(api: httpx.Client, bad: bytes) -> None:
    result = api.post("/api/v1/jobs", content=bad, headers=JPEG).json()
    job_id = result["job_id"]
    assert api.get(f"/api/v1/results/{job_id}").json() == result
    for what, is_plain in (("image", True), ("annotated", False)):
        picture = api.get(f"/api/v1/results/{job_id}/{what}")
        assert picture.headers["content-type"] == "image/jpeg"
        image = decode(picture.content)
        assert image.shape[1] == 320
        assert bool(image.std() < 30) is is_plain
    small = api.get(f"/api/v1/results/{job_id}/annotated", params={"width": 100})
    assert decode(small.content).shape[1] == 100


def test_results_are_listed_and_filtered(api: httpx.Client, good: bytes, bad: bytes) -> None:
    start = api.get("/api/v1/results", params={"limit": 1}).json()["next"]
    ids = [
        api.post("/api/v1/jobs", params={"part_id": part}, content=body, headers=JPEG).json()[
            "job_id"
        ]
        for part, body in (("L1", good), ("L2", bad), ("L1", bad))
    ]

    def listed(**query: object) -> list[str]:
        page = api.get("/api/v1/results", params=query).json()  # type: ignore[arg-type]
        return [result["job_id"] for result in page["results"]]

    assert listed(since=start) == ids
    assert listed(since=start, evaluation="not_ok") == ids[1:]
    assert listed(part_id="L1") == [ids[2], ids[0]]
    assert listed(limit=2) == [ids[2], ids[1]]
    page = api.get("/api/v1/results", params={"since": start, "limit": 2}).json()
    assert listed(since=page["next"]) == ids[2:]


def test_a_damaged_record_is_named_and_hides_no_other(
    api: httpx.Client, folder: Path, good: bytes
) -> None:
    ids = [api.post("/api/v1/jobs", content=good, headers=JPEG).json()["job_id"] for _ in range(3)]
    with closing(sqlite3.connect(folder / "journal.sqlite")) as database, database:
        damage = "UPDATE results SET record = x'7b00' WHERE job_id = ?"
        database.execute(damage, (ids[1],))
    page = api.get("/api/v1/results", params={"limit": 3}).json()
    assert [result["job_id"] for result in page["results"]] == [ids[2], ids[0]]
    assert page["damaged"] == [ids[1]]
    answer = api.get(f"/api/v1/results/{ids[1]}")
    assert answer.status_code == 500
    assert "was damaged on the disk" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"no picture", JPEG, 422),
        (b"\xff\xd8\xff\xe0 cut short", JPEG, 422),
        (b"{}", {"content-type": "application/json"}, 415),
        (b"\xff\xd8", {**JPEG, "host": "evil.example"}, 421),
        (b"\xff\xd8", {**JPEG, "origin": "http://evil.example"}, 403),
        (b"\0" * 2_000_001, JPEG, 413),
    ],
)
def test_what_is_refused_is_refused_quickly_as_a_problem(
    body: bytes, headers: dict[str, str], status: int, api: httpx.Client
) -> None:
    triggers = api.get("/api/v1/station").json()["counters"]["triggers"]
    answer = api.post("/api/v1/jobs", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert api.get("/api/v1/station").json()["counters"]["triggers"] == triggers


def test_a_large_body_is_refused_while_it_streams(api: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(2000):
            sent += 100_000
            yield b"\0" * 100_000

    try:
        answer = api.post("/api/v1/jobs", content=endless(), headers=JPEG)
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # the station closed the door before all was sent
    assert sent < 200_000_000
    assert api.get("/healthz").status_code == 200


def test_a_decompression_bomb_is_refused_without_decoding(api: httpx.Client) -> None:
    done, data = cv2.imencode(".png", np.zeros((1, 1), np.uint8))
    assert done
    raw = bytearray(data.tobytes())
    raw[16:24] = (40_000).to_bytes(4, "big") * 2
    started_s = time.perf_counter()
    assert api.post("/api/v1/jobs", content=bytes(raw), headers=JPEG).status_code == 422
    assert time.perf_counter() - started_s < 2


def test_a_damaged_picture_is_a_failed_part(api: httpx.Client) -> None:
    done, data = cv2.imencode(".png", np.full((48, 64, 3), 90, np.uint8))
    assert done
    raw = bytearray(data.tobytes())
    raw[60] ^= 1
    answer = api.post("/api/v1/jobs", content=bytes(raw), headers=JPEG)
    assert answer.status_code == 200
    assert (answer.json()["passed"], answer.json()["reason_code"]) == (False, "unreadable_image")


def test_a_digest_that_does_not_fit_is_refused(api: httpx.Client, good: bytes) -> None:
    digest = base64.b64encode(hashlib.sha256(good).digest()).decode()
    headers = {**JPEG, "content-digest": f"sha-256=:{digest}:"}
    assert api.post("/api/v1/jobs", content=good, headers=headers).status_code == 200
    flipped = good[:100] + bytes([good[100] ^ 1]) + good[101:]
    answer = api.post("/api/v1/jobs", content=flipped, headers=headers)
    assert answer.status_code == 422
    assert "did not arrive" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/results/none", 404),
        ("/api/v1/results/none/image", 404),
        ("/api/v1/results?limit=0", 422),
        ("/api/v1/results?evaluation=maybe", 422),
        ("/nowhere", 404),
    ],
)
def test_what_is_not_there_is_a_problem(path: str, status: int, api: httpx.Client) -> None:
    answer = api.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_state_tells_of_the_calibration(api: httpx.Client) -> None:
    calibration = api.get("/api/v1/station").json()["calibration"]
    assert calibration["configuration_id"].startswith("identity-")
    assert calibration["is_overdue"] is False
    assert (calibration["due_at"], calibration["error_mm"], calibration["steps"]) == (
        None,
        None,
        [],
    )


def test_start_and_stop(api: httpx.Client) -> None:
    assert api.get("/api/v1/station").json()["state"] == "ready"
    assert api.post("/api/v1/station:start").json()["state"] == "continuous_execution"
    end_s = time.monotonic() + 10
    before = api.get("/api/v1/station").json()["counters"]["ok"]
    while api.get("/api/v1/station").json()["counters"]["ok"] < before + 10:
        assert time.monotonic() < end_s
    assert api.post("/api/v1/station:stop").json()["state"] in ("ready", "single_execution")
    assert api.post("/api/v1/station:reset").status_code == 200
    counters = api.get("/api/v1/station").json()["counters"]
    outcomes = ("ok", "not_ok", "not_decidable", "aborted", "failed", "in_progress")
    assert counters["triggers"] == sum(counters[name] for name in outcomes)


def test_changeover(api: httpx.Client, good: bytes) -> None:
    entries = {entry["recipe_id"]: entry for entry in api.get("/api/v1/recipes").json()}
    assert set(entries) == {"tiny", "other", "broken"}
    assert entries["broken"]["problem"]
    assert api.post("/api/v1/recipes/other:activate").json()["recipe"]["recipe_id"] == "other"
    result = api.post("/api/v1/jobs", content=good, headers=JPEG).json()
    assert (result["recipe_id"], result["recipe_version"]) == ("other", 7)
    assert result["recipe_hash"] == entries["other"]["recipe_hash"]
    assert result["is_qualified"] is False
    assert api.get("/api/v1/station").json()["recipe"]["is_qualified"] is False
    assert api.post("/api/v1/recipes/broken:activate").status_code == 422
    assert api.post("/api/v1/recipes/nothing:activate").status_code == 404
    assert api.get("/api/v1/station").json()["recipe"]["recipe_id"] == "other"
    assert api.post("/api/v1/recipes/tiny:activate").status_code == 200


def test_events_bring_every_result(api: httpx.Client, bad: bytes) -> None:
    with api.stream("GET", "/api/v1/events") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")

        def post() -> None:
            httpx.post(f"{api.base_url}/api/v1/jobs", content=bad, headers=JPEG, trust_env=False)

        threading.Thread(target=post).start()
        event = [line for line in (next(lines) for _ in range(4)) if line]
    assert event[0] == "event: result"
    assert json.loads(event[2].removeprefix("data: "))["reason_code"] == "glare"


def test_watching_over_it(api: httpx.Client) -> None:
    assert api.get("/healthz").text == "ok"
    assert api.get("/readyz").status_code == 200
    metrics = api.get("/metrics").text
    assert "station_triggers_total" in metrics
    assert 'station_results_total{outcome="ok"}' in metrics


def test_the_reference_needs_no_internet(api: httpx.Client) -> None:
    page = api.get("/docs").text
    assert "http://" not in page.replace(str(api.base_url), "")
    assert "https://" not in page
    for path in (part.split('"')[0] for part in page.split('"/')[1:]):
        assert api.get(f"/{path}").status_code == 200
    paths = api.get("/openapi.json").json()["paths"]
    assert "/api/v1/jobs" in paths


def test_the_counters_live_and_the_folder_and_the_upload_agree(
    api: httpx.Client, draw_part: DrawPart
) -> None:
    done, data = cv2.imencode(".png", draw_part(90, seed=0))
    assert done
    uploaded = api.post(
        "/api/v1/jobs", content=data.tobytes(), headers={"content-type": "image/png"}
    ).json()
    for _ in range(6):
        live = api.post("/api/v1/jobs").json()
        if live["origin"].endswith("0.png"):
            assert live["findings"][0]["score"] == uploaded["findings"][0]["score"]
            return
    raise AssertionError("the looping folder never came back to its first picture")


def test_what_a_slow_disk_records_after_the_deadline_is_no_answer(
    tiny_prepared: PreparedRecipe, good: bytes
) -> None:
    frame = encoded_from_upload(good, camera_id="c", sequence=1)
    result = inspect(decoded(frame), tiny_prepared, Job())
    promise: Future[Result] = Future()
    promise.set_running_or_notify_cancel()
    assert result.passed

    def ask(triggered_s: float) -> Result:
        return asyncio.run(in_time(Job(triggered_s=triggered_s), 1.0, promise))

    with pytest.raises(HTTPException, match="504"):
        ask(time.monotonic() - 0.9)
    promise.set_result(result)
    assert ask(time.monotonic()) is result
    with pytest.raises(HTTPException, match="504"):
        ask(time.monotonic() - 2.0)
