"""The ledger over the API: plain numbers that add up, and outlive the process."""

import httpx

from station.core.frame import Image
from station.vision.images import encode_jpeg
from tests.conftest import DrawPart


def post(api: httpx.Client, image: Image) -> None:
    answer = api.post(
        "/api/v1/jobs", content=encode_jpeg(image), headers={"content-type": "image/jpeg"}
    )
    assert answer.is_success, answer.text


def test_it_counts_what_was_judged(api: httpx.Client, draw_part: DrawPart) -> None:
    before = api.get("/api/v1/ledger").json()["total"]
    for grey in (90, 91, 170):
        post(api, draw_part(grey))
    found = api.get("/api/v1/ledger").json()
    total = found["total"]
    gained = {name: total[name] - before[name] for name in ("triggers", "ok", "not_ok")}
    assert gained == {"triggers": 3, "ok": 2, "not_ok": 1}
    outcomes = ("ok", "not_ok", "not_decidable", "aborted", "failed", "in_progress")
    assert total["triggers"] == sum(total[name] for name in outcomes)
    assert sum(row["count"] for row in found["rows"]) == total["triggers"]
    assert total["by_reason"]["glare"] >= 1
    assert api.get("/api/v1/ledger", params={"shift": "current"}).json()["total"] == total
    later = api.get("/api/v1/ledger", params={"since": "2999-01-01T00:00:00Z"}).json()
    assert (later["rows"], later["total"]["ok"]) == ([], 0)
    assert api.get("/api/v1/ledger", params={"shift": "night"}).status_code == 422
