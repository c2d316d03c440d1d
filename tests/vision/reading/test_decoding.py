"""From distributions to texts, from texts to a field: nothing is made surer than it was read."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from station.vision.reading.decoding import averaged, readings_of
from station.vision.reading.recogniser import SIGNS
from station.vision.reading.spelling import (
    Spelling,
    differ_by_look,
    label_pattern,
    spell,
    twin_of,
)


def steps(*rows: dict[str, float]) -> NDArray[np.float64]:
    """Distributions [steps, 1 + signs]; the key "" is the blank."""
    made = np.zeros((len(rows), 1 + len(SIGNS)))
    for step, row in zip(made, rows, strict=True):
        for sign, probability in row.items():
            step[1 + SIGNS.index(sign) if sign else 0] = probability
    return made


def spelling(pattern: str, *, label: str = "", allowed: str = "") -> Spelling:
    begin = label_pattern(label)
    return Spelling(
        pattern=re.compile(f"{begin}(?P<value>{pattern})"),
        label=re.compile(begin),
        allowed=frozenset(allowed) or None,
    )


def test_a_text_is_summed_over_all_ways_to_write_it() -> None:
    seen = readings_of(steps({"A": 0.6, "": 0.4}, {"A": 0.5, "": 0.5}))
    # "A" as A-A, A-blank, blank-A; "AA" needs a blank between.
    assert seen["A"] == pytest.approx(0.6 * 0.5 + 0.6 * 0.5 + 0.4 * 0.5)
    assert seen[""] == pytest.approx(0.4 * 0.5)
    assert "AA" not in seen
    doubled = readings_of(steps({"A": 1.0}, {"": 1.0}, {"A": 1.0}))
    assert dict(doubled) == {"AA": 1.0}


def test_spaces_do_not_count_and_nothing_is_renormalised() -> None:
    seen = readings_of(steps({"A": 0.7}, {" ": 0.5, "": 0.5}, {"B": 0.8}))
    assert dict(seen) == {"AB": pytest.approx(0.7 * 0.8)}


def test_readings_of_several_looks_are_averaged() -> None:
    mean = averaged([{"A": 0.9, "B": 0.1}, {"B": 0.6}])
    assert mean == {"A": pytest.approx(0.45), "B": pytest.approx(0.35)}
    assert next(iter(mean)) == "A"


def test_a_pattern_chooses_and_makes_nothing_surer() -> None:
    spelled = spell({"B2": 0.7, "82": 0.2}, spelling(r"\d\d"))
    assert (spelled.value, spelled.confidence) == ("82", 0.2)
    assert (spelled.other, spelled.other_confidence) == ("B2", 0.7)


def test_allowed_signs_make_nothing_surer_either() -> None:
    spelled = spell({"AO": 0.7, "A0": 0.3}, spelling(".+", allowed="A0"))
    assert (spelled.value, spelled.confidence, spelled.other) == ("A0", 0.3, "AO")


def test_what_is_not_in_the_value_costs_it_nothing() -> None:
    spelled = spell({"LOT:A1": 0.5, "LOTA1": 0.4, "L0T.A1": 0.1}, spelling("A1", label="LOT"))
    assert spelled.value == "A1"
    assert spelled.confidence == pytest.approx(1.0)


def test_look_alikes_are_rivals_and_others_are_not() -> None:
    spelled = spell({"A8": 0.6, "AB": 0.3, "AX": 0.05}, spelling("[A-Z0-9]+"))
    assert (spelled.value, spelled.rival, spelled.rival_confidence) == ("A8", "AB", 0.3)


def test_what_may_not_stand_there_is_a_rival_too() -> None:
    """A letter printed among digits: the pattern must not make a sure digit of it."""
    spelled = spell({"LOT10": 0.9, "LOT1O": 0.05, "L0T10": 0.04}, spelling(r"\d+", label="LOT"))
    assert spelled.value == "10"
    assert spelled.confidence == pytest.approx(0.94)
    assert (spelled.rival, spelled.rival_confidence) == ("1O", 0.05)


@pytest.mark.parametrize(
    ("value", "pattern", "twin"),
    [
        ("A0", "[A-Z0-9]{2}", "AO"),
        ("A0", r"[A-Z]\d", ""),
        ("I5", "[A-Z0-9]{2}", "15"),
        ("A8", "[A-Z0-9]{2}", ""),  # 8 and B have shapes of their own: a margin decides
    ],
)
def test_signs_of_one_shape_are_told_apart_by_the_pattern_alone(
    value: str, pattern: str, twin: str
) -> None:
    may_be = spelling(pattern, label="LOT")
    assert twin_of(spell({f"LOT{value}": 1.0}, may_be), may_be) == twin


def test_small_letters_of_the_same_shape_are_capitals() -> None:
    assert spell({"LoTXo": 0.5, "LOTxO": 0.4}, spelling("[A-Z]+", label="LOT")).value == "XO"
    assert spell({"Best5": 1.0}, spelling(r"\d", label="Best")).value == "5"


def test_confused_signs() -> None:
    assert differ_by_look("A8B", "AB8")
    assert differ_by_look("10", "IO")
    assert not differ_by_look("A8", "AX")
    assert not differ_by_look("A8", "A88")
