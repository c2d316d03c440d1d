"""What is stored instead of a result that came too late, or that could not be stored in time."""

from dataclasses import replace

from station.core.reasons import STATION_TEXTS, StationReason
from station.core.result import Evaluation, Result, ResultState


def no_record_of(result: Result) -> Result:
    """What is stored later of a result that could not be stored in time: that it was not."""
    reason = StationReason.NO_RECORD
    return replace(
        result,
        result_state=ResultState.FAILED,
        evaluation=Evaluation.UNDEFINED,
        passed=False,
        reason_code=str(reason),
        reason_text=STATION_TEXTS[reason],
        reason_detail="",
        is_partial=bool(result.findings),
    )


def late_of(result: Result) -> Result:
    """What is stored, and said, of a result nobody waits for any more; the result lies beside."""
    reason = StationReason.LATE
    return replace(
        result,
        result_state=ResultState.ABORTED,
        evaluation=Evaluation.UNDEFINED,
        passed=False,
        reason_code=str(reason),
        reason_text=STATION_TEXTS[reason],
        reason_detail="",
        findings=(),
    )


def without_texts(result: Result) -> Result:
    """The same answer without the texts from outside, which may be none that can be stored."""
    return replace(
        result,
        part_id="",
        product_id="",
        meas_id="",
        camera_id="",
        origin="",
        truth=None,
        reason_detail="",
        findings=(),
        warnings=(),
        is_partial=False,
    )
