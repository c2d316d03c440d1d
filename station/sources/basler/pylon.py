"""The pylon library, loaded with or without its emulated cameras, and the cameras it sees."""

import os
import sys
import warnings
from typing import Any

from station.core.errors import AcquisitionError

EMULATION = "PYLON_CAMEMU"
EMULATED_CLASS = "BaslerCamEmu"


def with_emulation(cameras: int) -> Any:
    """pypylon, with at least so many emulated cameras; pylon counts them when it is loaded.

    Raises:
        AcquisitionError: the extra is missing, or pylon was loaded with fewer.
    """
    there_are = int(os.environ.get(EMULATION) or 0)
    if cameras > there_are:
        if "pypylon.pylon" in sys.modules:
            raise AcquisitionError(
                f"basler: pylon was loaded with {there_are} emulated cameras, and {cameras} are "
                f"asked for; start the station with {EMULATION}={cameras}"
            )
        os.environ[EMULATION] = str(cameras)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # made an error, one inside the import is a crash
            from pypylon import pylon
    except ImportError as error:
        raise AcquisitionError(
            f"the basler source needs pypylon ({error}); install the station with its extra "
            "`basler`"
        ) from error
    return pylon


def found_cameras(pylon: Any, serial: str | None, *, is_emulated: bool) -> list[Any]:
    """What pylon sees of this serial, or of any; an emulated camera never stands for a real one."""
    return [
        found
        for found in pylon.TlFactory.GetInstance().EnumerateDevices()
        if (found.GetDeviceClass() == EMULATED_CLASS) == is_emulated
        and serial in (None, found.GetSerialNumber())
    ]


def the_camera(pylon: Any, serial: str | None, *, is_emulated: bool) -> Any:
    """The one camera that is meant.

    Raises:
        AcquisitionError: there is none, or more than one.
    """
    fitting = found_cameras(pylon, serial, is_emulated=is_emulated)
    if len(fitting) == 1:
        return fitting[0]
    every = found_cameras(pylon, None, is_emulated=is_emulated)
    there_are = ", ".join(repr(str(each.GetSerialNumber())) for each in every) or "none"
    if fitting:
        raise AcquisitionError(f"give the serial of one Basler camera; there are {there_are}")
    wanted = "" if serial is None else f" with serial {serial!r}"
    raise AcquisitionError(
        f"no Basler camera{wanted}: there are {there_are}; is it on and plugged in?"
    )
