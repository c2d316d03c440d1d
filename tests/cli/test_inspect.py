"""`station inspect`: what it writes, what it says, how it ends, and how it goes on."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from station.core.configuration import Configuration, keep_configuration
from station.core.result import RESULT_JSON, Evaluation, ResultState
from tests.cli.conftest import Draw, RunStation
from tests.codes import on_label, render

LABELLED = {
    "good/1.png": 90,
    "good/2.png": 92,
    "good/10.png": 170,  # overkill
    "glare/1.png": 170,
    "glare/2.png": 90,  # escape
    "glare/3.png": 128,  # not decidable
}


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_the_last_line_of_json_counts_everything(station: RunStation, pictures: Draw) -> None:
    ended = station("inspect", pictures(LABELLED), "--model", "bright", "--json", "--out", "o")
    last = ended.last
    rates = {name: last.pop(name) for name in ("images_per_s", "p50_ms", "p99_ms")}
    assert last == {
        "inspected": 6,
        "ok": 3,
        "not_ok": 2,
        "not_decidable": 1,
        "aborted": 0,
        "failed": 0,
        "by_reason": {"glare": 3},
        "escapes": 1,
        "overkills": 1,
        "accuracy": 0.5,
        "right_reasons": 1.0,
    }
    assert all(value > 0 for value in rates.values())
    assert ended.code == 1


def test_results_are_in_natural_order_and_say_the_truth_of_the_folders(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    station("inspect", pictures(LABELLED), "--model", "bright", "--out", "o", "--workers", 3)
    lines = (station_home / "o" / "results.jsonl").read_bytes().splitlines()
    results = [RESULT_JSON.validate_json(line) for line in lines]
    assert [(result.origin, result.truth) for result in results] == [
        ("glare/1.png", "glare"),
        ("glare/2.png", "glare"),
        ("glare/3.png", "glare"),
        ("good/1.png", "ok"),
        ("good/2.png", "ok"),
        ("good/10.png", "ok"),
    ]
    rows = list(csv.DictReader((station_home / "o" / "results.csv").read_text().splitlines()))
    assert [row["evaluation"] for row in rows] == [result.evaluation.name for result in results]
    assert [row["origin"] for row in rows] == [result.origin for result in results]


@pytest.mark.parametrize(
    ("policy", "saved"),
    [
        ("none", set()),
        ("not_ok", {"bad/b.bmp.jpg", "c.jpg"}),
        ("all", {"a.png.jpg", "bad/b.bmp.jpg", "c.jpg"}),
    ],
)
def test_annotated_pictures_mirror_the_folders(
    station: RunStation, pictures: Draw, station_home: Path, policy: str, saved: set[str]
) -> None:
    folder = pictures({"a.png": 90, "bad/b.bmp": 170, "c.jpg": 128})
    station("inspect", folder, "--model", "bright", "--out", "o", "--annotate", policy)
    twins = station_home / "o" / "annotated"
    found = {path.relative_to(twins).as_posix() for path in twins.rglob("*.jpg")}
    assert found == saved
    for name in found:
        picture = cv2.imread(str(twins / name))
        assert picture is not None
        assert picture.shape[1] == 64


def test_all_ok_ends_with_0(station: RunStation, pictures: Draw) -> None:
    ended = station("inspect", pictures({"a.png": 90}), "--model", "bright", "--json")
    assert ended.code == 0
    assert ended.last["escapes"] is None
    assert ended.last["overkills"] is None


def test_a_broken_file_is_a_failed_row_and_no_stop(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"a.png": 170, "c.png": 90})
    (folder / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")
    ended = station("inspect", folder, "--model", "bright", "--json", "--out", "o")
    assert ended.code == 3
    assert ended.last["failed"] == 1
    assert ended.last["by_reason"] == {"glare": 1, "unreadable_image": 1}
    broken = records(station_home / "o")[1]
    assert (broken["origin"], broken["passed"]) == ("b.jpg", False)
    assert broken["reason_code"] == "unreadable_image"
    assert "cut short" in broken["reason_text"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--model", "bright"), "nowhere"),
        (("empty", "--model", "bright"), "no picture"),
        (("*.png", "--model", "bright"), "no picture"),
        (("pics", "--model", "nope"), "bright/1"),
        (("pics", "--recipe", "nope"), "nope"),
        (("pics",), "--recipe"),
        (("nowhere",), "there is no file or folder nowhere"),
        (("pics", "--recipe", "a", "--model", "b"), "not both"),
        (("pics", "--model", "bright", "--annotate", "some"), "some"),
        ((), "PATH"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what(
    station: RunStation, pictures: Draw, station_home: Path, arguments: tuple[str, ...], said: str
) -> None:
    pictures({"a.png": 90})
    (station_home / "empty").mkdir()
    ended = station("inspect", *arguments)
    assert ended.code == 2
    assert said in ended.err


def test_a_file_a_glob_and_several_paths(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"x/1.png": 90, "x/2.png": 90, "y/1.png": 90, "y/note.jpg": 90})
    (folder / "x" / "3.txt").write_text("no picture")
    one = station("inspect", folder / "x" / "1.png", "--model", "bright", "--out", "o1", "--json")
    some = station("inspect", "pics/*/1.png", "--model", "bright", "--out", "o2", "--json")
    two = station(
        "inspect",
        folder / "x",
        folder / "y" / "1.png",
        "--model",
        "bright",
        "--out",
        "o3",
        "--json",
    )
    assert [ended.last["inspected"] for ended in (one, some, two)] == [1, 2, 3]
    assert [r["origin"] for r in records(station_home / "o1")] == ["1.png"]
    assert [r["origin"] for r in records(station_home / "o2")] == ["x/1.png", "y/1.png"]
    assert [r["origin"] for r in records(station_home / "o3")] == ["x/1.png", "x/2.png", "y/1.png"]


def test_the_recipe_by_the_pictures_is_used(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"ok/1.png": 128})
    recipe = ("recipe", "new", "tile", "--model", "bright", "--accept", 0.65)
    assert station(*recipe, "--out", folder / "recipe.json").code == 0
    for path in (folder, folder / "ok", folder / "ok" / "1.png"):
        ended = station("inspect", path, "--out", station_home / f"o-{path.stem}")
        assert ended.code == 0
        assert "recipe tile version 1" in ended.err
    station(*recipe)
    assert station("inspect", folder, "--recipe", "tile", "--out", "by-id").code == 0


def test_a_second_run_goes_on(station: RunStation, pictures: Draw, station_home: Path) -> None:
    folder = pictures({"a1.png": 90, "a10.png": 90})
    command = ("inspect", folder, "--model", "bright", "--out", "o", "--json")
    station(*command)
    first = {record["origin"]: record["job_id"] for record in records(station_home / "o")}
    with (station_home / "o" / "results.jsonl").open("ab") as file:
        file.write(b'{"job_id": "half a li')
    pictures({"a2.png": 170})
    (folder / "a1.png").write_bytes((folder / "a2.png").read_bytes())  # now another file
    again = station(*command)
    assert "1 of them are done already" in again.err
    found = records(station_home / "o")
    assert [record["origin"] for record in found] == ["a1.png", "a2.png", "a10.png"]
    assert [r["job_id"] == first.get(r["origin"]) for r in found] == [False, False, True]
    assert (again.last["inspected"], again.last["not_ok"]) == (3, 2)
    third = station(*command)
    assert records(station_home / "o") == found
    assert (third.last["inspected"], third.code) == (3, 1)


@pytest.mark.parametrize(
    "change", [("--bits", 12), ("--annotate", "all"), ("--recipe", "strict"), ("pics/sub",)]
)
def test_other_settings_need_another_folder(
    station: RunStation, pictures: Draw, station_home: Path, change: tuple[object, ...]
) -> None:
    folder = pictures({"a.png": 90, "sub/b.png": 90})
    station("recipe", "new", "strict", "--model", "bright", "--accept", 0.01)
    station("inspect", folder, "--model", "bright", "--out", "o")
    before = (station_home / "o" / "results.jsonl").read_bytes()
    path = change[0] if change[0] == "pics/sub" else folder
    options = () if change[0] == "pics/sub" else change
    model = () if "--recipe" in change else ("--model", "bright")
    ended = station("inspect", path, *model, "--out", "o", *options)
    assert ended.code == 2
    assert "--out" in ended.err
    assert (station_home / "o" / "results.jsonl").read_bytes() == before


def test_what_a_batch_wrote_is_not_inspected(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({"a.png": 170})
    for out in ("first", "second"):
        ended = station("inspect", folder, "--model", "bright", "--out", folder / out, "--json")
        assert ended.last["inspected"] == 1
    assert (folder / "first" / "annotated" / "a.png.jpg").exists()
    assert station_home.exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    (station_home / "locked").mkdir(mode=0o500)
    ended = station("inspect", pictures({"a.png": 90}), "--model", "bright", "--out", "locked/o")
    assert ended.code == 2
    assert "locked" in ended.err


def test_out_that_is_a_file_is_named(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    (station_home / "o").write_text("a file")
    ended = station("inspect", pictures({"a.png": 90}), "--model", "bright", "--out", "o")
    assert ended.code == 2
    assert "cannot write" in ended.err


@pytest.mark.skipif(os.name != "posix", reason="needs ulimit")
def test_a_full_disk_is_said_and_what_is_written_is_whole(
    pictures: Draw, station_home: Path
) -> None:
    folder = pictures({f"{number}.png": 90 for number in range(30)})
    command = f"{sys.executable} -m station inspect {folder} --model bright --out o"
    ended = subprocess.run(  # a file of more than 8 blocks of 512 or 1024 bytes cannot be written
        ["/bin/sh", "-c", f"ulimit -f 8; exec {command}"],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert ended.returncode == 3
    assert "error: cannot write" in ended.stderr or "is full" in ended.stderr
    lines = (station_home / "o" / "results.jsonl").read_bytes().split(b"\n")
    assert all(RESULT_JSON.validate_json(line) for line in lines[:-1])


def test_two_runs_give_bit_equal_scores(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder = pictures({f"{number}.png": 110 + number for number in range(20)})
    for out, workers in (("one", 1), ("four", 4)):
        station("inspect", folder, "--model", "bright", "--out", out, "--workers", workers)
    one, four = (
        [record["findings"][0]["score"] for record in records(station_home / out)]
        for out in ("one", "four")
    )
    assert one == four


def test_whose_calibration_is_used_is_chosen_and_said(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    folder, cam7 = pictures({"good/1.png": 90}), Configuration(camera_id="cam7", name="seventh")
    silent = station("inspect", folder, "--model", "bright", "--out", "none")
    assert "is not calibrated" not in silent.err
    keep_configuration(cam7, station_home / "calibration")
    other = station("inspect", folder, "--model", "bright", "--out", "other")
    assert "camera 'camera' is not calibrated" in other.err
    assert "there are calibrations of cam7: say --camera ID" in other.err
    mine = station("inspect", folder, "--model", "bright", "--out", "mine", "--camera", "cam7")
    assert f"calibration of camera 'cam7': {cam7.configuration_id}" in mine.err
    ids = [records(station_home / out)[0]["configuration_id"] for out in ("other", "mine")]
    assert ids == [Configuration().configuration_id, cam7.configuration_id]


def test_ctrl_c_leaves_whole_files_and_can_be_gone_on_from(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    big = {f"{number:03}.png": 90 + number % 80 for number in range(400)}
    folder = pictures(big)
    command = ["inspect", str(folder), "--model", "bright", "--out", "o", "--annotate", "all"]
    with subprocess.Popen(
        [sys.executable, "-c", "from station.cli import main; main()", *command, "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        lines = station_home / "o" / "results.jsonl"
        while process.poll() is None and not (lines.exists() and lines.stat().st_size):
            pass
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    done = records(station_home / "o")
    assert 0 < len(done) < len(big)
    assert [record["origin"] for record in done] == sorted(big)[: len(done)]
    ended = station(*command, "--json")
    assert ended.last["inspected"] == len(big)
    assert [record["job_id"] for record in records(station_home / "o")][: len(done)] == [
        record["job_id"] for record in done
    ]


def test_a_pass_is_completed_and_ok(
    station: RunStation, pictures: Draw, station_home: Path
) -> None:
    station("inspect", pictures(LABELLED), "--model", "bright", "--out", "o")
    for record in records(station_home / "o"):
        proven = (ResultState.COMPLETED, Evaluation.OK)
        assert record["passed"] is ((record["result_state"], record["evaluation"]) == proven)
        assert len(record["recipe_hash"]) == 64
        assert list(record["models"]) == ["bright/1"]


def test_values_come_for_all_and_row_by_row(station: RunStation, station_home: Path) -> None:
    folder = station_home / "labels"
    folder.mkdir()
    for name, serial in (("a", "S1"), ("b", "S2"), ("c", "S9")):
        cv2.imwrite(str(folder / f"{name}.png"), on_label(render(serial)))
    (station_home / "draft.toml").write_text(
        '[[tools]]\nkind = "read_code"\nname = "code"\nsymbologies = ["data_matrix"]\n'
        'expected_values = ["job.serial"]\n'
    )
    station("recipe", "new", "label", "--from", "draft.toml")

    def reasons(*more: str) -> list[str | None]:
        station("inspect", folder, "--recipe", "label", "--out", "o", *more)
        return [record["reason_code"] for record in records(station_home / "o")]

    assert reasons() == ["no_job_value"] * 3
    assert reasons("--value", "serial=S1") == [None, "code_wrong", "code_wrong"]
    (folder / "values.csv").write_text("file,serial\nb.png,S2\nc.png,S3\n")
    assert reasons("--value", "serial=S1") == [None, None, "code_wrong"]
    assert reasons("--value", "serial=S2") == ["code_wrong", None, "code_wrong"]
    refused = station("inspect", folder, "--recipe", "label", "--value", "serial")
    assert refused.code == 2
    assert "serial=A1" not in refused.out
    assert "NAME=VALUE" in refused.err
