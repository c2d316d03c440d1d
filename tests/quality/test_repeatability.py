"""A type-1 gauge study from results."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from station.core.errors import SettingsError
from station.core.frame import Job
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Evaluation, Finding, Result, ResultState
from station.inspection import unanswered
from station.quality.repeatability import GaugeStudy, studies

STEPS = np.array((-0.01, 0.0, 0.01) * 4)
"""Twelve values about 0: s = 0.0085280."""
DEVIATION = math.sqrt(8 * 1e-4 / 11)


def results(
    prepared: PreparedRecipe, values: Sequence[float | None], *, upper: float | None = 4.1
) -> list[Result]:
    blank = unanswered(Job(), prepared, ResultState.ABORTED, StationReason.OVERRUN)
    limits = {"lower_mm": 3.9} | ({"upper_mm": upper} if upper else {})
    return [
        replace(
            blank,
            findings=(
                Finding(
                    tool="size",
                    evaluation=Evaluation.OK,
                    measured={} if value is None else {"value_mm": value, **limits},
                    read={} if value is None else {"hole": str(value)},
                ),
            ),
        )
        for value in values
    ]


def study_of(prepared: PreparedRecipe, values: Sequence[float | None], **more: float) -> GaugeStudy:
    return studies(results(prepared, values), more)[0]


def test_the_figures_of_a_study(tiny_prepared: PreparedRecipe) -> None:
    study = study_of(tiny_prepared, (4.002 + STEPS).tolist(), hole=4.0)
    assert (study.tool, study.name, study.unit, study.count) == ("size", "hole", "mm", 12)
    assert study.mean == pytest.approx(4.002)
    assert study.deviation == pytest.approx(DEVIATION)
    assert study.spread == pytest.approx(6 * DEVIATION)
    assert study.tolerance == pytest.approx(0.2)
    assert study.bias == pytest.approx(0.002)
    assert study.cg == pytest.approx(0.2 * 0.2 / (6 * DEVIATION))
    assert study.cgk == pytest.approx((0.1 * 0.2 - 0.002) / (3 * DEVIATION))
    assert study.is_capable is False
    # chi²(0.05; 11) = 4.5748, from tables
    assert study.deviation_upper == pytest.approx(DEVIATION * math.sqrt(11 / 4.5748), rel=1e-4)


def test_capable_needs_little_scatter_no_bias_and_every_picture(
    tiny_prepared: PreparedRecipe,
) -> None:
    fine = (4 + 0.3 * STEPS).tolist()
    assert study_of(tiny_prepared, fine).is_capable
    assert study_of(tiny_prepared, fine, hole=4.001).is_capable
    assert study_of(tiny_prepared, fine, hole=4.012).is_capable is False
    missed = study_of(tiny_prepared, [*fine, None])
    assert (missed.missing, missed.is_capable) == (1, False)


def test_without_scatter_or_a_second_limit_nothing_is_claimed(
    tiny_prepared: PreparedRecipe,
) -> None:
    assert study_of(tiny_prepared, [4.0] * 12).is_capable is None
    one_sided = studies(results(tiny_prepared, (4 + STEPS).tolist(), upper=None))[0]
    assert (one_sided.tolerance, one_sided.cg, one_sided.is_capable) == (None, None, None)


def test_too_few_nothing_measured_or_a_strange_reference(tiny_prepared: PreparedRecipe) -> None:
    with pytest.raises(SettingsError, match="at least 10"):
        study_of(tiny_prepared, [4.0] * 9)
    with pytest.raises(SettingsError, match="no size was measured"):
        study_of(tiny_prepared, [None] * 12)
    with pytest.raises(SettingsError, match="nothing is called bore"):
        study_of(tiny_prepared, [4.0] * 12, bore=4.0)
