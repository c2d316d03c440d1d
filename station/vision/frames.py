"""Frames as they came from outside, decoded."""

import time

from station.core.frame import AnyFrame, EncodedFrame, Frame
from station.vision.images import decode


def decoded(frame: AnyFrame) -> Frame:
    """The frame with its picture; one that has it already is returned as it is.

    Raises:
        PictureError: the bytes are not one whole picture.
    """
    if not isinstance(frame, EncodedFrame):
        return frame
    started = time.perf_counter()
    image = decode(frame.data, name=frame.origin, bits=frame.bits)
    return Frame(
        image=image,
        camera_id=frame.camera_id,
        sequence=frame.sequence,
        acquired_at=frame.acquired_at,
        acquired_s=frame.acquired_s,
        acquisition_ms=frame.acquisition_ms + (time.perf_counter() - started) * 1e3,
        is_simulated=frame.is_simulated,
        origin=frame.origin,
        truth=frame.truth,
    )
