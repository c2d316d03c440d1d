"""A journal that is broken or torn: nothing acknowledged is lost, and counting goes on."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from station.core.errors import InUseError, JournalError
from station.journal.lock import FolderLock
from station.journal.records import Journal
from tests.journal.conftest import MakeResult, OpenJournal, record

TEARS = 1000 if os.environ.get("STATION_FULL_FAULTS") else 50


@pytest.mark.parametrize("damage", ["head", "middle", "no_database", "empty_wal_garbage"])
def test_a_broken_journal_is_set_aside_and_a_new_one_counts_on(
    damage: str, open_journal: OpenJournal, make_result: MakeResult, tmp_path: Path
) -> None:
    record(open_journal(), *(make_result(number, 100 + number) for number in range(1, 101)))
    journal = open_journal()
    journal.close()
    spoil(tmp_path / "journal.sqlite", damage)
    journal = open_journal()
    assert record(journal, make_result(journal.last_number() + 1)) == [None]
    assert journal.missing_numbers() == []
    aside = list(tmp_path.glob("journal.corrupt-*.sqlite"))
    if damage == "empty_wal_garbage":
        assert (journal.trouble, aside, journal.last_number()) == ("", [], 101)
        return
    (broken,) = aside
    assert broken.name in journal.trouble
    if damage == "middle":
        assert (journal.last_number(), journal.last_sequence()) == (101, 200)
        assert sum(row.count for row in journal.ledger()) == 101
        assert journal.latest(limit=1)[0].id == 101
    assert open_journal().trouble == ""


@pytest.mark.parametrize("damage", ["middle", "sequence"])
def test_what_sinks_had_not_got_of_a_broken_journal_is_counted_as_lost(
    damage: str, open_journal: OpenJournal, make_result: MakeResult, tmp_path: Path
) -> None:
    journal = open_journal()
    outbox = journal.outbox("mes")
    record(journal, *(make_result(number) for number in range(1, 101)))
    outbox.give_up(outbox.next(1)[0], "refused")
    journal.close()
    spoil(tmp_path / "journal.sqlite", damage)
    journal = open_journal()
    assert journal.trouble
    outbox = journal.outbox("mes")
    assert (outbox.waiting, outbox.lost, outbox.dead) == (0, 99, 1)
    record(journal, make_result(journal.last_number() + 1))
    assert outbox.waiting == len(outbox.next(9)) == 1


def spoil(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    if damage == "head":
        content[:200] = b"\xff" * 200
    elif damage in ("middle", "sequence"):
        table = {"middle": "ix_results_part_id", "sequence": "sqlite_sequence"}[damage]
        with closing(sqlite3.connect(path)) as database:
            ((page,),) = database.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
            )
            ((size,),) = database.execute("PRAGMA page_size")
        content = bytearray(path.read_bytes())
        content[(page - 1) * size : page * size] = b"\x5a" * size
    elif damage == "no_database":
        content = bytearray(b"no database at all" * 1000)
    else:
        path.with_name(path.name + "-wal").write_bytes(b"\x5a" * 5000)
    path.write_bytes(content)


def test_a_torn_log_costs_nothing_that_was_acknowledged_before_the_tear(
    make_result: MakeResult, tmp_path: Path
) -> None:
    source, ends = tmp_path / "source", []
    journal = Journal(source / "journal.sqlite")
    log = source / "journal.sqlite-wal"
    for number in range(1, 31):
        assert record(journal, make_result(number)) == [None]
        ends.append((log.stat().st_size, number))
    chance, size = random.Random(5), log.stat().st_size
    for tear in range(TEARS):
        folder = tmp_path / "torn"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("journal.sqlite", "journal.sqlite-wal"):
            shutil.copy(source / name, folder / name)
        place = chance.randrange(size)
        torn_at(folder / "journal.sqlite-wal", place, is_cut=tear % 2 == 0, bit=chance.randrange(8))
        opened = Journal(folder / "journal.sqlite")
        stored = {row.result.ledger_number for row in opened.since(limit=1000)}
        counted = sum(row.count for row in opened.ledger())
        assert record(opened, make_result(opened.last_number() + 1)) == [None]
        opened.close()
        assert {number for end, number in ends if end <= place} <= stored, (tear, place)
        assert counted == len(stored)
    journal.close()


def torn_at(path: Path, place: int, *, is_cut: bool, bit: int) -> None:
    content = bytearray(path.read_bytes())
    if is_cut:
        del content[place:]
    else:
        content[place] ^= 1 << bit
    path.write_bytes(content)


def test_a_folder_belongs_to_one_station_until_that_is_gone(tmp_path: Path) -> None:
    holds = (
        "import sys; from pathlib import Path; from station.journal.lock import FolderLock; "
        "lock = FolderLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", holds, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout
    assert other.stdin
    assert other.stdout.readline() == "held\n"
    with pytest.raises(InUseError, match=rf"{tmp_path}; stop it, .* another STATION_HOME"):
        FolderLock(tmp_path)
    other.kill()
    other.wait()
    other.stdout.close()
    other.stdin.close()
    FolderLock(tmp_path).release()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"CI must be able to mount: {done.stderr}")
        pytest.skip(f"mounting a small disk is not allowed here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["/bin/umount", "-l", str(folder)], check=True)


def test_on_a_full_disk_the_reserve_keeps_records_going_and_space_brings_them_back(
    small_disk: Path, make_result: MakeResult
) -> None:
    journal = Journal(small_disk / "journal.sqlite", ballast_bytes=1_000_000)
    ballast = small_disk / "journal.ballast"
    assert ballast.stat().st_size == 1_000_000
    record(journal, make_result(1))
    fill(small_disk / "filler")
    acknowledged, number, after_ballast = {1}, 1, 0
    while True:
        number += 1
        if record(journal, make_result(number)) != [None]:
            break
        acknowledged.add(number)
        after_ballast += not ballast.exists()
    assert after_ballast > 20
    assert len(journal.since(limit=10_000)) == len(acknowledged)
    (small_disk / "filler").unlink()
    journal.refill()
    assert ballast.exists()
    assert record(journal, make_result(number + 1)) == [None]
    assert journal.drain()
    stored = {row.result.ledger_number: row.result for row in journal.since(limit=10_000)}
    assert acknowledged | {number, number + 1} == set(stored)
    assert (stored[number].passed, stored[number].reason_code) == (False, "no_record")
    journal.close()


def test_a_disk_that_may_only_be_read_refuses_and_recovers(
    small_disk: Path, make_result: MakeResult
) -> None:
    journal = Journal(small_disk / "journal.sqlite")
    record(journal, make_result(1))
    journal.close()
    remount(small_disk, "ro")
    with pytest.raises((JournalError, OSError)):
        FolderLock(small_disk)
    with pytest.raises(JournalError, match="cannot open the journal"):
        Journal(small_disk / "journal.sqlite")
    remount(small_disk, "rw")
    journal = Journal(small_disk / "journal.sqlite")
    assert (journal.last_number(), journal.trouble) == (1, "")
    journal.close()


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["/bin/mount", "-o", f"remount,{mode}", str(folder)], check=True)


def fill(path: Path) -> None:
    block = b"\xff" * 4096
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(block) == len(block):
                pass
        except OSError:
            return
