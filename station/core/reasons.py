"""Reason codes: the recipe's own for defects, and the station's, reserved and counted apart."""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

Severity = Literal["minor", "major", "critical"]
SEVERITIES: tuple[Severity, ...] = ("minor", "major", "critical")


class StationReason(StrEnum):
    """Why the station could not decide; never a property of the part."""

    OVERRUN = "overrun"
    LATE = "late"
    ABORTED = "aborted"
    NO_FRAME = "no_frame"
    UNREADABLE_IMAGE = "unreadable_image"
    UNHEALTHY_IMAGE = "unhealthy_image"
    FROZEN_FRAME = "frozen_frame"
    OUTSIDE_IMAGE = "outside_image"
    PART_NOT_FOUND = "part_not_found"
    PART_AMBIGUOUS = "part_ambiguous"
    INCOMPLETE_FRAME = "incomplete_frame"
    CALIBRATION_OVERDUE = "calibration_overdue"
    NO_JOB_VALUE = "no_job_value"
    WRONG_PRODUCT = "wrong_product"
    MODEL_OUTPUT = "model_output"
    TOOL_ERROR = "tool_error"
    NO_FINDING = "no_finding"
    NO_RECORD = "no_record"
    LOST_TRIGGER = "lost_trigger"
    WORKER_LOST = "worker_lost"
    TIME_LIMIT = "time_limit"
    REPEATED_FRAME = "repeated_frame"
    TIMESTAMP_JUMP = "timestamp_jump"
    RESTARTED = "restarted"
    NOT_READY = "not_ready"


STATION_TEXTS: dict[StationReason, str] = {
    StationReason.OVERRUN: "parts come faster than they can be inspected",
    StationReason.LATE: "no answer before the deadline",
    StationReason.ABORTED: "the station was stopped before the answer",
    StationReason.NO_FRAME: "the camera gave no frame",
    StationReason.UNREADABLE_IMAGE: "the picture cannot be read",
    StationReason.UNHEALTHY_IMAGE: "the picture is not fit to judge",
    StationReason.FROZEN_FRAME: "the camera repeats the same image",
    StationReason.OUTSIDE_IMAGE: "a region lies outside the image",
    StationReason.PART_NOT_FOUND: "the part is not found in the image",
    StationReason.PART_AMBIGUOUS: "more parts, or places for one, than there may be",
    StationReason.INCOMPLETE_FRAME: "the image is torn or incomplete",
    StationReason.CALIBRATION_OVERDUE: "the calibration is overdue",
    StationReason.NO_JOB_VALUE: "the job did not say what must be on the part",
    StationReason.WRONG_PRODUCT: "the job asks for another product than the recipe inspects",
    StationReason.MODEL_OUTPUT: "the model's answer is no score",
    StationReason.TOOL_ERROR: "a tool failed",
    StationReason.NO_FINDING: "a tool said nothing",
    StationReason.NO_RECORD: "the result could not be recorded",
    StationReason.LOST_TRIGGER: "the PLC's trigger of this part never arrived",
    StationReason.WORKER_LOST: "the inspection of this part crashed or hung",
    StationReason.TIME_LIMIT: "a look was ended because it took too long",
    StationReason.REPEATED_FRAME: "the camera gave a frame it had given before",
    StationReason.TIMESTAMP_JUMP: "the camera's clock jumped",
    StationReason.RESTARTED: "the station was restarted before the answer",
    StationReason.NOT_READY: "the station was halted or in fault when the part came",
}

STATION_NUMBERS: dict[StationReason, int] = {
    StationReason.OVERRUN: 1,
    StationReason.LATE: 2,
    StationReason.ABORTED: 3,
    StationReason.NO_FRAME: 4,
    StationReason.UNREADABLE_IMAGE: 5,
    StationReason.UNHEALTHY_IMAGE: 6,
    StationReason.FROZEN_FRAME: 7,
    StationReason.OUTSIDE_IMAGE: 8,
    StationReason.PART_NOT_FOUND: 9,
    StationReason.PART_AMBIGUOUS: 10,
    StationReason.INCOMPLETE_FRAME: 11,
    StationReason.CALIBRATION_OVERDUE: 12,
    StationReason.NO_JOB_VALUE: 13,
    StationReason.WRONG_PRODUCT: 14,
    StationReason.MODEL_OUTPUT: 15,
    StationReason.TOOL_ERROR: 16,
    StationReason.NO_FINDING: 17,
    StationReason.NO_RECORD: 18,
    StationReason.LOST_TRIGGER: 19,
    StationReason.WORKER_LOST: 20,
    StationReason.TIME_LIMIT: 21,
    StationReason.REPEATED_FRAME: 22,
    StationReason.TIMESTAMP_JUMP: 23,
    StationReason.RESTARTED: 24,
    StationReason.NOT_READY: 25,
}
"""What a PLC gets instead of a reason's name; a number once given is never given again."""

GOOD_CLASSES = frozenset({"ok", "good"})
"""Class and folder names that mean a good part."""

VAGUE_CODES = frozenset(
    {
        "",
        "other",
        "others",
        "misc",
        "miscellaneous",
        "unknown",
        "various",
        "general",
        "undefined",
    }
)


def check_reason_code(code: str) -> str:
    """Return `code` if a recipe may use it for a defect.

    Raises:
        ValueError: it is vague, reserved, means a good part, or is not in snake_case.
    """
    if code.strip().lower() in VAGUE_CODES:
        raise ValueError(
            f"reason code {code!r} is refused: nobody can act on it; name the defect (as in: chip)"
        )
    if code in set(StationReason):
        raise ValueError(
            f"reason code {code!r} is reserved for the station itself; choose another name"
        )
    if code in GOOD_CLASSES:
        raise ValueError(f"reason code {code!r} means a good part; it cannot name a defect")
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", code):
        raise ValueError(
            f"reason code {code!r} must be lower case letters, digits and _ (example: dent_deep)"
        )
    return code


ReasonCode = Annotated[str, AfterValidator(check_reason_code)]


class Reason(BaseModel):
    """A row of a recipe's reason table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: ReasonCode
    text: str
    severity: Severity = "major"
