"""Tools that do not go together are refused before any part is looked at."""

from collections.abc import Mapping

import pytest

from station.core.errors import RecipeError
from station.core.part import Found
from station.core.plugin import Check
from station.core.region import Rectangle
from station.core.together import finder_of


def looks(x: float = 0) -> Check:
    return Check(run=lambda _: [], regions=(Rectangle(x=x, y=0, width=20, height=10),))


def finds(view_px: tuple[int, int] | None = (20, 10)) -> Check:
    return Check(run=lambda _: [], find=lambda _: Found(), view_px=view_px)


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ({"a": finds(), "b": finds()}, "a and b both locate the part"),
        ({"a": finds(), "b": looks(), "c": looks(5)}, r"'c': .*reaches \(25, 0\).* is 20 x 10"),
        ({"a": Check(run=lambda _: [], compares_with=("code.17",))}, "compares with 'code.17'"),
    ],
)
def test_what_does_not_go_together_is_refused(checks: Mapping[str, Check], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        finder_of("r", checks)


def test_what_goes_together() -> None:
    assert finder_of("r", {"a": finds(), "b": looks()}) == "a"
    assert finder_of("r", {"a": finds(None), "b": looks(5)}) == "a"
    assert finder_of("r", {"b": looks(5)}) is None
