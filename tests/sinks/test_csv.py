"""One row a result, whatever happened to the file before."""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.core.errors import SettingsError
from station.sinks.csv import Csv
from tests.journal.conftest import MakeResult, make_result

__all__ = ["make_result"]


def job_ids(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row["job_id"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("cut", [1, 2, 40, 300])
def test_a_torn_last_row_is_cut_off_and_written_again(
    cut: int, tmp_path: Path, make_result: MakeResult
) -> None:
    path, results = tmp_path / "out.csv", [make_result() for _ in range(4)]
    delivery = Csv(path=path).open()
    for result in results[:3]:
        delivery.deliver(result, None)
    delivery.close()
    path.write_bytes(path.read_bytes()[:-cut])
    delivery = Csv(path=path).open()
    for result in results:
        delivery.deliver(result, None)
    delivery.close()
    assert sorted(job_ids(path)) == sorted(result.job_id for result in results)


def test_a_text_of_several_lines_is_one_row(tmp_path: Path, make_result: MakeResult) -> None:
    path, result = tmp_path / "out.csv", make_result(part_id='a\nb,"c"\r\nd')
    for _ in range(2):
        delivery = Csv(path=path).open()
        delivery.deliver(result, None)
        delivery.close()
    assert len(path.read_text().splitlines()) == 2
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["part_id"] == 'a b,"c" d'


def test_a_file_a_day(tmp_path: Path, make_result: MakeResult) -> None:
    first, second = (make_result(completed_at=datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2))
    delivery = Csv(path=tmp_path / "out.csv", daily=True).open()
    for result in (first, second, first):
        delivery.deliver(result, None)
    delivery.close()
    assert job_ids(tmp_path / "out-2026-01-01.csv") == [first.job_id]
    assert job_ids(tmp_path / "out-2026-01-02.csv") == [second.job_id]
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(SettingsError, match="csv sink cannot write"):
        Csv(path=tmp_path / "f" / "out.csv").open()


def test_a_row_is_on_the_disk_once_it_counts_as_delivered(
    tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kept, fsync = tmp_path / "out.csv", list[bytes](), os.fsync

    def watched(descriptor: int) -> None:
        kept.append(path.read_bytes())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    delivery = Csv(path=path).open()
    for result in (make_result(), make_result()):
        delivery.deliver(result, None)
        assert result.job_id.encode() in kept[-1]
    delivery.close()


def test_a_row_that_cannot_be_kept_is_written_again(
    tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError("the disk is away")

    path, result = tmp_path / "out.csv", make_result()
    delivery = Csv(path=path).open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="away"):
            delivery.deliver(result, None)
    delivery.deliver(result, None)
    delivery.close()
    assert job_ids(path) == [result.job_id]
