"""`station outbox`: what a receiver refused is listed, and handed over once more when asked."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from station.core.recipe import Recipe, write_recipe
from station.line.settings import parse_settings
from station.vision.images import encode_jpeg
from tests.api.conftest import serve
from tests.cli.conftest import RunStation
from tests.conftest import DrawPart
from tests.sinks.receivers import WebReceiver, free_port, until, web_receiver


@pytest.fixture
def receiver() -> Iterator[WebReceiver]:
    """Refuses the first result for good, which takes three tries."""
    with web_receiver() as made:
        made.answers = [(422, {})] * 3
        yield made


@pytest.fixture
def api(
    receiver: WebReceiver, tmp_path: Path, tiny_recipe: Recipe, tiny_model_dir: Path
) -> Iterator[httpx.Client]:
    """A client of a station whose sink `mes` is the receiver."""
    write_recipe(tiny_recipe, tmp_path / "recipes" / "tiny.json")
    content = {
        "line": {"recipe": "tiny", "isolation": "thread"},
        "source": {"kind": "upload"},
        "sinks": [{"kind": "webhook", "name": "mes", **receiver.settings}],
    }
    yield from serve(parse_settings(content, "test"), tmp_path, tiny_model_dir)


def letters(api: httpx.Client) -> list[str]:
    (mes,) = api.get("/api/v1/outbox").json()
    return [letter["job_id"] for letter in mes["letters"]]


def test_what_was_refused_is_listed_with_why_and_goes_out_when_asked(
    api: httpx.Client, receiver: WebReceiver, station: RunStation, draw_part: DrawPart
) -> None:
    where = ("--api", str(api.base_url))
    answer = api.post(
        "/api/v1/jobs",
        content=encode_jpeg(draw_part(90)),
        headers={"content-type": "image/jpeg"},
    )
    job_id = answer.json()["job_id"]
    assert until(lambda: letters(api) == [job_id])
    status, letter = station("outbox", *where).out.splitlines()
    assert status.startswith("mes (webhook): 0 waiting, 0 lost, 1 dead letters; ")
    assert f"  {job_id}  webhook {receiver.settings['url']} answered 422" in letter
    ended = station("outbox", "resend", "mes", *where)
    assert ended.out.startswith("1 dead letters of mes are handed over"), ended.err
    assert until(lambda: letters(api) == [])
    assert receiver.job_ids(1) == [job_id]
    assert station("outbox", *where).out == "mes (webhook): 0 waiting, 0 lost, 0 dead letters\n"
    wrong = station("outbox", "resend", "mse", *where)
    assert wrong.code == 2
    assert "there is no sink 'mse' (there is: mes)" in wrong.err


def test_without_a_station_it_says_so(station: RunStation) -> None:
    ended = station("outbox", "--api", f"http://127.0.0.1:{free_port()}")
    assert ended.code == 2
    assert "no station answers at" in ended.err
