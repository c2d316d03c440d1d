"""What an overdue calibration does to an answer: a warning, and where it is set, no more passes."""

from collections.abc import Sequence
from datetime import datetime

from station.core.configuration import Configuration
from station.core.reasons import StationReason
from station.core.result import Evaluation, Finding

CALIBRATION = "calibration"
"""The name its finding carries in place of a tool's."""


def warnings_of(configuration: Configuration, at: datetime) -> tuple[str, ...]:
    """What must be said of the calibration of a picture acquired at that time; mostly nothing."""
    if not configuration.is_overdue(at):
        return ()
    return (f"the calibration {configuration.configuration_id} {_since(configuration, at)}",)


def judged(
    evaluation: Evaluation, findings: Sequence[Finding], configuration: Configuration, at: datetime
) -> tuple[Evaluation, Sequence[Finding]]:
    """The verdict with the calibration's say: an OK becomes NOT_DECIDABLE, if that is set.

    It never softens another verdict: a NOT_OK stays, and so does what is undecided by itself.
    """
    stops = configuration.when_overdue == "not_decidable" and configuration.is_overdue(at)
    if not stops or evaluation is not Evaluation.OK:
        return evaluation, findings
    overdue = Finding(
        tool=CALIBRATION,
        evaluation=Evaluation.NOT_DECIDABLE,
        reason_code=str(StationReason.CALIBRATION_OVERDUE),
        text=f"the calibration {_since(configuration, at)}",
    )
    return Evaluation.NOT_DECIDABLE, (*findings, overdue)


def _since(configuration: Configuration, at: datetime) -> str:
    if at.tzinfo is None:
        return "cannot be told to be in date: the picture's time has no zone"
    if configuration.is_before(at):
        return (
            f"was made on {configuration.calibrated_at:%Y-%m-%d}, after this picture: set the clock"
        )
    return f"was due on {configuration.due_at:%Y-%m-%d}; calibrate again"
