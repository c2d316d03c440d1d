"""`station qualify`: what it counts, what it promises, what it writes, and what it refuses."""

import hashlib
import json
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.teach.anomaly.shown import LESSON_FILE, Entry, Settings, ShownLesson
from tests.cli.conftest import Draw, RunStation

LABELLED: Mapping[str, float] = {
    **{f"good/{number}.png": 85 + number % 10 for number in range(7)},
    "good/review.png": 128,
    "good/over.png": 170,
    **{f"not_ok/glare/{number}.png": 168 + number for number in range(6)},
    "not_ok/glare/escape.png": 90,
    "not_ok/glare/review.png": 128,
}


def test_the_last_line_of_json_is_the_agreed_one(station: RunStation, pictures: Draw) -> None:
    ended = station("qualify", pictures(LABELLED), "--model", "bright", "--json")
    last = ended.last
    assert last.pop("p50_ms") > 0
    assert last.pop("p99_ms") > 0
    assert last == {
        "n_good": 9,
        "n_bad": 8,
        "escapes": 1,
        "escape_rate": 0.125,
        "escape_upper_95": pytest.approx(0.470679, abs=1e-6),
        "overkills": 1,
        "overkill_rate": pytest.approx(1 / 9, abs=1e-6),
        "overkill_upper_95": pytest.approx(0.429136, abs=1e-6),
        "not_decidable": 2,
        "auroc": pytest.approx(last["auroc"]),
        "pixel_auroc": None,
    }
    assert 0.7 < last["auroc"] < 1
    assert ended.code == 0


def test_the_promise_is_in_words(station: RunStation, pictures: Draw) -> None:
    greys = {"ok/1.png": 90.0} | {f"glare/{number}.png": 170.0 for number in range(80)}
    ended = station("qualify", pictures(greys), "--model", "bright")
    assert (
        "0 of 80 bad parts passed: the escape rate is below 3.7 % with 95 % confidence; "
        "to claim 1 % you need 299 bad parts and no miss."
    ) in ended.out


def test_the_record_is_bound_to_what_was_tested(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    station("recipe", "new", "--model", "bright")
    ended = station("qualify", pictures(LABELLED), "--recipe", "bright", "--out", "q", "--json")
    record = json.loads((station_home / "q" / "qualification.json").read_bytes())
    recipe = json.loads((station_home / "recipes" / "bright.json").read_bytes())
    card = json.loads((station_home / "models" / "bright" / "1" / "card.json").read_bytes())
    assert record["recipe_hash"] == recipe["hash"]
    assert record["models"] == {"bright/1": card["sha256"]}
    assert record["configuration_id"].startswith("identity-")
    results = (station_home / "q" / "results.jsonl").read_bytes()
    assert record["results_sha256"] == hashlib.sha256(results).hexdigest()
    assert {name: record["figures"][name] for name in ended.last} == ended.last
    assert record["escapes"] == ["not_ok/glare/escape.png"]
    assert station("inspect", "pics", "--recipe", "bright", "--out", "q").code == 2
    assert record["overkills"] == ["good/over.png"]


def marked(folder: Path, name: str, size: tuple[int, int] = (64, 48)) -> None:
    """A mask of the upper half."""
    mask = np.zeros(size[::-1], np.uint8)
    mask[: size[1] // 2] = 255
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), mask)


def half_odd(path: Path) -> None:
    """Grey 90 below, 200 above."""
    image = np.full((48, 64, 3), 90, np.uint8)
    image[:24] = 200
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


@pytest.mark.parametrize(
    ("where", "options"),
    [
        ("ground_truth/dent/1.png", ()),
        ("ground_truth/dent/1_mask.png", ()),
        ("pics/ground_truth/dent/1.png", ()),
        ("marks/dent/1.png", ("--masks", "marks")),
        ("pics/marks/dent/1.png", ("--masks", "pics/marks")),
    ],
)
def test_masks_give_pixel_figures(
    station: RunStation, pictures: Draw, station_home: Path, where: str, options: tuple[str, ...]
) -> None:
    folder = pictures({"good/1.png": 90})
    half_odd(folder / "dent" / "1.png")
    marked(station_home, where)
    ended = station("qualify", folder, "--model", "odd", *options, "--json")
    assert ended.last["n_bad"] == 1
    assert ended.last["pixel_auroc"] > 0.99


def test_a_mask_that_does_not_fit_is_named(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"good/1.png": 90, "dent/1.png": 200})
    marked(station_home, "ground_truth/dent/1.png", (32, 32))
    ended = station("qualify", folder, "--model", "odd", "--out", "q")
    assert ended.code == 2
    assert "ground_truth/dent/1.png is 32 x 32" in ended.err
    assert not (station_home / "q").exists()
    assert not list(station_home.glob(".q*"))


def test_a_mask_that_marks_nothing_is_said_and_left_out(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"good/1.png": 90})
    for name in ("1.png", "2.png"):
        half_odd(folder / "dent" / name)
    (folder / "dent" / "2.png").write_bytes((folder / "dent" / "2.png").read_bytes() + b" ")
    marked(station_home, "ground_truth/dent/1.png")
    cv2.imwrite(str(station_home / "ground_truth" / "dent" / "2.png"), np.zeros((48, 64), np.uint8))
    ended = station("qualify", folder, "--model", "odd", "--out", "q", "--json")
    assert ended.last["pixel_auroc"] > 0.99
    assert "1 mask marks nothing, as of dent/2.png" in ended.out
    record = json.loads((station_home / "q" / "qualification.json").read_bytes())
    assert record["pictures"]["empty_masks"] == ["dent/2.png"]
    assert record["figures"]["masks"] == 1


@pytest.mark.parametrize(
    ("greys", "words"),
    [
        ({"glare/1.png": 170.0}, "no pictures of good parts"),
        ({"good/1.png": 90.0}, "no pictures of bad parts"),
        ({"good/1.png": 90.0, "loose.png": 90.0}, "no pictures of bad parts"),
    ],
)
def test_both_kinds_are_needed(
    station: RunStation, pictures: Draw, greys: Mapping[str, float], words: str
) -> None:
    ended = station("qualify", pictures(greys), "--model", "bright")
    assert ended.code == 2
    assert words in ended.err


def test_a_file_in_two_classes_is_refused(station: RunStation, pictures: Draw) -> None:
    folder = pictures({"good/1.png": 90, "glare/2.png": 170})
    (folder / "glare" / "twin.png").write_bytes((folder / "good" / "1.png").read_bytes())
    ended = station("qualify", folder, "--model", "bright")
    assert ended.code == 2
    assert "glare/twin.png and good/1.png are the same file" in ended.err


def test_what_cannot_be_read_is_listed_and_in_no_rate(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"good/1.png": 90, "glare/2.png": 170})
    for name in ("good/broken.png", "glare/broken.jpg"):
        (folder / name).write_bytes(b"\xff\xd8 cut short " + name.encode())
    ended = station("qualify", folder, "--model", "bright", "--out", "q", "--json")
    assert ended.code == 3
    assert (ended.last["n_good"], ended.last["n_bad"]) == (1, 1)
    assert (ended.last["overkills"], ended.last["escapes"]) == (0, 0)
    assert "not inspected: glare/broken.jpg: unreadable_image" in ended.out
    record = json.loads((station_home / "q" / "qualification.json").read_bytes())
    assert record["pictures"]["unreadable"] == ["glare/broken.jpg", "good/broken.png"]


def test_a_failed_inspection_is_overkill_for_a_good_part_and_proves_nothing_for_a_bad_one(
    station: RunStation, pictures: Draw
) -> None:
    black = {"good/black.png": 0.0, "glare/black.png": 0.0}
    ended = station(
        "qualify", pictures({"good/1.png": 90, "glare/2.png": 170, **black}),
        "--model", "bright", "--json",
    )  # fmt: skip
    assert ended.code == 3
    assert (ended.last["n_good"], ended.last["overkills"]) == (2, 1)
    assert (ended.last["n_bad"], ended.last["escapes"]) == (1, 0)


def test_a_recipe_changed_by_hand_is_refused(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    station("recipe", "new", "--model", "bright")
    path = station_home / "recipes" / "bright.json"
    path.write_text(path.read_text().replace('"accept_limit": 0.3', '"accept_limit": 0.6'))
    ended = station("qualify", pictures(LABELLED), "--recipe", "bright")
    assert ended.code == 2
    assert "was changed since" in ended.err


def test_too_few_bad_parts_are_told(station: RunStation, pictures: Draw) -> None:
    ended = station("qualify", pictures(LABELLED), "--model", "bright", "--escape-at-most", 0.01)
    assert ended.code == 1
    assert "at least 291 more bad parts are needed" in ended.out


def many(bad: int = 30) -> dict[str, float]:
    """Well told apart, but above the card's reject limit."""
    greys = {f"good/{number}.png": 120.0 for number in range(10)}
    return greys | {f"glare/{number}.png": 134.0 for number in range(bad)}


def test_the_limits_chosen_make_a_new_version_that_keeps_the_bound(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    station("recipe", "new", "--model", "bright", "--accept", 0.9, "--reject", 0.95)
    folder = pictures(many())
    ended = station("qualify", folder, "--recipe", "bright", "--escape-at-most", 0.1, "--json")
    assert ended.code == 0
    assert ended.last["escapes"] == 30
    assert "optimistic" in ended.out
    (command,) = [line for line in ended.out.splitlines() if "recipe new" in line]
    assert station(*command.split()[1:]).code == 0
    options = ("--recipe", "bright", "--escape-at-most", 0.1, "--seal", "--json")
    again = station("qualify", folder, *options)
    assert (again.last["escapes"], again.last["overkills"]) == (0, 0)
    assert again.code == 1
    assert "not sealed: its limits were chosen on these very pictures" in again.out
    recipe = json.loads((station_home / "recipes" / "bright.json").read_bytes())
    assert recipe["version"] == 2
    assert "qualification" not in recipe
    pictures({"good/fresh.png": 119})
    assert station("qualify", folder, *options).code == 0
    recipe = json.loads((station_home / "recipes" / "bright.json").read_bytes())
    assert recipe["qualification"]["recipe_hash"] == recipe["hash"]


def qualified(results: Path) -> set[bool]:
    """What the results of a batch say."""
    lines = (results / "results.jsonl").read_text().splitlines()
    return {json.loads(line)["is_qualified"] for line in lines}


def test_a_sealed_recipe_marks_its_results_and_the_next_version_does_not(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    station("recipe", "new", "--model", "bright")
    assert "not qualified" in station("recipe", "check", "bright").out
    folder = pictures({"good/1.png": 90} | {f"glare/{n}.png": 170 for n in range(30)})
    station("inspect", folder, "--recipe", "bright", "--out", "before")
    sealed = station(
        "qualify", folder, "--recipe", "bright", "--escape-at-most", 0.1, "--seal", "--out", "q"
    )
    assert sealed.code == 0
    assert "carries this qualification now" in sealed.out
    assert "0 of 30 bad parts passed" in station("recipe", "check", "bright").out
    station("inspect", folder, "--recipe", "bright", "--out", "after")
    station("recipe", "new", "--from", "bright", "--set", "tools.surface.accept_limit=0.2")
    station("inspect", folder, "--recipe", "bright", "--out", "next")
    seen = [qualified(station_home / name) for name in ("before", "after", "next", "q")]
    assert seen == [{False}, {True}, {False}, {False}]
    record = (station_home / "q" / "qualification.json").read_bytes()
    earlier = json.loads((station_home / "recipes" / "earlier" / "bright.v1.json").read_bytes())
    assert earlier["qualification"]["record_sha256"] == hashlib.sha256(record).hexdigest()


def test_a_recipe_that_misses_its_bound_is_not_sealed(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    station("recipe", "new", "--model", "bright")
    before = (station_home / "recipes" / "bright.json").read_bytes()
    ended = station(
        "qualify", pictures(LABELLED), "--recipe", "bright", "--escape-at-most", 0.4, "--seal"
    )
    assert ended.code == 1
    assert "not sealed" in ended.out
    assert (station_home / "recipes" / "bright.json").read_bytes() == before


def test_copies_of_pictures_are_said_and_seal_nothing(station: RunStation, pictures: Draw) -> None:
    station("recipe", "new", "--model", "bright")
    folder = pictures({"good/1.png": 90, "glare/0.png": 170})
    for number in range(1, 30):
        (folder / "glare" / f"{number}.png").write_bytes((folder / "glare" / "0.png").read_bytes())
    ended = station("qualify", folder, "--recipe", "bright", "--escape-at-most", 0.1, "--seal")
    assert ended.code == 1
    assert "29 pictures are exact copies of others" in ended.out
    assert "not sealed: 29 pictures are copies" in ended.out


def test_pictures_the_model_was_taught_with_are_said_and_seal_nothing(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"good/1.png": 90} | {f"glare/{n}.png": 170 for n in range(30)})
    digest = hashlib.sha256((folder / "good" / "1.png").read_bytes()).hexdigest()
    settings = Settings(
        features="ocr", false_reject_rate=0.005, seed=0, size_px=None, fit=None, ms_at_most=9,
        mb_at_most=9,
    )  # fmt: skip
    entry = Entry(digest=digest, role="good", path="1.png")
    lesson = ShownLesson(settings=settings, entries=(entry,))
    (station_home / "models" / "bright" / "1" / LESSON_FILE).write_text(lesson.model_dump_json())
    station("recipe", "new", "--model", "bright")
    ended = station("qualify", folder, "--recipe", "bright", "--escape-at-most", 0.1, "--seal")
    assert ended.code == 1
    assert "1 picture was shown to a model when it was made, as good/1.png" in ended.out
    assert "not sealed: 1 pictures were shown" in ended.out


def test_masks_no_tool_can_use_are_said(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"good/1.png": 90, "glare/1.png": 170})
    marked(station_home, "ground_truth/glare/1.png")
    ended = station("qualify", folder, "--model", "bright", "--json")
    assert ended.last["pixel_auroc"] is None
    assert "1 mask is not used: no tool of the recipe" in ended.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "bright", "--seal", "--escape-at-most", "0.1"), "--model has none"),
        (("--recipe", "bright", "--seal"), "--seal needs --escape-at-most"),
        (("--model", "bright", "--escape-at-most", "1"), "is no share"),
        (("--model", "bright", "--masks", "nowhere"), "is no folder"),
        (("--model", "bright", "--masks", "models"), "holds no mask"),
        (("--model", "bright", "--recipe", "bright"), "not both"),
    ],
)
def test_bad_usage_says_what_to_do(
    station: RunStation, pictures: Draw, station_home: Path, options: tuple[str, ...], words: str
) -> None:
    station("recipe", "new", "--model", "bright")
    ended = station("qualify", pictures(LABELLED), *options)
    assert ended.code == 2
    assert words in ended.err
    assert not (station_home / "qualifications").exists()


def test_a_pdf_says_the_same(station: RunStation, pictures: Draw, station_home: Path) -> None:
    ended = station("qualify", pictures(LABELLED), "--model", "bright", "--out", "q", "--pdf")
    assert ended.code == 0
    assert (station_home / "q" / "qualification.pdf").read_bytes().startswith(b"%PDF-")


def test_without_typst_a_pdf_is_refused_before_anything_is_done(
    station: RunStation, pictures: Draw, station_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    ended = station("qualify", pictures(LABELLED), "--model", "bright", "--out", "q", "--pdf")
    assert ended.code == 2
    assert "pip install typst" in ended.err
    assert not (station_home / "q").exists()


class Links(HTMLParser):
    """Everything a page would load, and every picture in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        source = found.get("src") or (found.get("href") if tag == "link" else None)
        self.pictures += tag == "img"
        if source and not source.startswith("data:"):
            self.loaded.append(source)


def test_the_page_stands_by_itself_and_shows_every_error(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    station("qualify", pictures(LABELLED), "--model", "bright", "--out", "q")
    page = (station_home / "q" / "qualification.html").read_text()
    links = Links()
    links.feed(page)
    assert links.loaded == []
    assert "<script" not in page
    assert links.pictures == 4  # an escape, an overkill, two reviews
    assert page.count("<polyline") == 2  # ROC, precision and recall
    annotated = station_home / "q" / "annotated"
    found = {path.relative_to(annotated).as_posix() for path in annotated.rglob("*.jpg")}
    assert found == {
        "good/over.png.jpg", "good/review.png.jpg",
        "not_ok/glare/escape.png.jpg", "not_ok/glare/review.png.jpg",
    }  # fmt: skip


def test_a_folder_with_something_in_it_is_left_alone(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    (station_home / "q").mkdir()
    (station_home / "q" / "mine.txt").write_text("mine")
    ended = station("qualify", pictures(LABELLED), "--model", "bright", "--out", "q")
    assert ended.code == 2
    assert "q is not empty" in ended.err


def test_the_same_pictures_have_the_same_digest_wherever_they_are_written(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures(LABELLED)
    digests = set()
    for name in ("one", "pics/two"):  # a folder among the pictures is none of them
        station("qualify", folder, "--model", "bright", "--out", name)
        record = json.loads((station_home / name / "qualification.json").read_bytes())
        digests.add(record["pictures_sha256"])
    assert len(digests) == 1
