"""Values of a job over HTTP: what must be on the part is said with the job, or nothing passes."""

from collections.abc import Iterator

import httpx
import pytest

from station.core.reasons import Reason
from station.core.recipe import new_recipe, write_recipe
from station.line.settings import parse_settings
from station.tools.read_code import ReadCode
from station.vision.images import encode_jpeg
from tests.api.conftest import serve
from tests.codes import on_label, render

JPEG = {"content-type": "image/jpeg"}
CODES = ("code_missing", "code_unreadable", "code_wrong", "code_poor")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a station whose recipe compares the code with the job's lot and serial."""
    folder = tmp_path_factory.mktemp("station")
    tool = ReadCode(
        name="code",
        symbologies=("data_matrix",),
        identifier_values={"10": "job.lot", "21": "job.serial"},
    )
    reasons = tuple(Reason(code=code, text=code) for code in CODES)
    write_recipe(new_recipe("tiny", (tool,), reasons), folder / "recipes" / "tiny.json")
    (folder / "parts").mkdir()
    settings = parse_settings(
        {
            "line": {"recipe": "tiny", "autostart": False},
            "source": {"kind": "folder", "path": str(folder / "parts")},
            "api": {"port": 0},
        },
        "test",
    )
    yield from serve(settings, folder, folder)


@pytest.fixture(scope="module")
def part() -> bytes:
    return encode_jpeg(on_label(render("(10)A:1(21)0005", gs1=True)), quality=95)


def test_a_part_passes_only_with_the_values_on_it(api: httpx.Client, part: bytes) -> None:
    def post(query: str) -> tuple[bool, str | None, int]:
        answer = api.post(f"/api/v1/jobs?{query}", content=part, headers=JPEG)
        assert answer.status_code == 200
        result = answer.json()
        return result["passed"], result["reason_code"], result["result_state"]

    assert post("value=lot:A:1&value=serial:0005") == (True, None, 1)
    assert post("value=serial:0005&value=lot:A:1&value=more:1") == (True, None, 1)
    assert post("value=lot:A:1&value=serial:0006") == (False, "code_wrong", 1)
    assert post("value=lot:A:1") == (False, "no_job_value", 4)
    assert post("") == (False, "no_job_value", 4)


@pytest.mark.parametrize(
    "query",
    [
        "value=lot",
        "value=lot:",
        "value=Lot:A",
        "value=lot:A%0A",
        "value=lot:A&value=lot:B",
        f"value=lot:{'A' * 513}",
        "&".join(f"value=v{number}:A" for number in range(33)),
    ],
)
def test_values_that_cannot_be_meant_are_refused(
    api: httpx.Client, part: bytes, query: str
) -> None:
    answer = api.post(f"/api/v1/jobs?{query}", content=part, headers=JPEG)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "value" in answer.json()["detail"]


def test_a_value_without_a_name_is_told_how_it_is_written(api: httpx.Client, part: bytes) -> None:
    answer = api.post("/api/v1/jobs?value=A1", content=part, headers=JPEG)
    assert answer.json()["detail"] == "value 'A1' must be NAME:VALUE, as in lot:A1"


def test_openapi_says_how(api: httpx.Client) -> None:
    operation = api.get("/openapi.json").json()["paths"]["/api/v1/jobs"]["post"]
    (value,) = (one for one in operation["parameters"] if one["name"] == "value")
    assert value["in"] == "query"
    assert value["schema"]["type"] == "array"
    assert value["schema"]["maxItems"] == 32
    assert "NAME:VALUE" in value["description"]
