"""What a tool was taught is read only from verified bytes."""

from pathlib import Path

import numpy as np
import pytest

from station.core.errors import ModelError
from station.teach.keep import keep_taught
from station.vision.taught import ARRAYS_FILE, TAUGHT_FILE, load_taught, pack

ARRAYS = {"mean": np.arange(6, dtype=np.float32).reshape(2, 3), "size": np.array([3, 2])}


def test_there_and_back_in_versions(tmp_path: Path) -> None:
    for version in (1, 2):
        card, folder = keep_taught([tmp_path], "lid", "compare", ARRAYS, settings={"blur_px": 2})
        assert folder == tmp_path / "lid" / str(version)
    taught = load_taught("lid", [tmp_path], task="compare", expected_hash=card.hash)
    assert taught.card.reference == "lid/2"
    assert taught.card.settings == {"blur_px": 2}
    assert np.array_equal(taught.array("mean"), ARRAYS["mean"])
    assert not taught.array("mean").flags.writeable


def test_the_same_arrays_give_the_same_bytes() -> None:
    assert pack(ARRAYS) == pack(dict(reversed(ARRAYS.items())))


def test_what_repeats_takes_little_room() -> None:
    assert len(pack({"mean": np.zeros((100, 100))})) < 1000


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"task": "locate"}, "taught for compare, not locate"),
        ({"expected_hash": "0" * 64}, "not what the recipe was approved with"),
        ({"reference": "lit/1"}, "no model 'lit/1'.*lid/1"),
    ],
)
def test_another_thing_is_refused(tmp_path: Path, asked: dict[str, str], match: str) -> None:
    keep_taught([tmp_path], "lid", "compare", ARRAYS)
    wanted = {"reference": "lid/1", "task": "compare", **asked}
    with pytest.raises(ModelError, match=match):
        load_taught(wanted.pop("reference"), [tmp_path], **wanted)


def test_changed_bytes_are_refused(tmp_path: Path) -> None:
    _, folder = keep_taught([tmp_path], "lid", "compare", ARRAYS)
    (folder / ARRAYS_FILE).write_bytes(pack({"mean": np.zeros(3)}))
    with pytest.raises(ModelError, match="not the file its card was written for"):
        load_taught("lid", [tmp_path], task="compare")
    (folder / TAUGHT_FILE).write_text("{}")
    with pytest.raises(ModelError, match=r"taught\.json.*name"):
        load_taught("lid", [tmp_path], task="compare")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    keep_taught([tmp_path], "lid", "compare", ARRAYS)
    with pytest.raises(ModelError, match="lid/1 holds no 'deviation'"):
        load_taught("lid", [tmp_path], task="compare").array("deviation")
