"""GenTL producers, shared by all cameras of this process: a producer can be opened only once."""

import os
import signal
import threading
from functools import cache
from pathlib import Path
from typing import Any

from station.core.errors import AcquisitionError, InUseError

SEARCH_PATH = "GENICAM_GENTL64_PATH"


def producer_files(path: str | None) -> tuple[str, ...]:
    """The .cti files to load: the one given, or all in the folders of GENICAM_GENTL64_PATH.

    Raises:
        AcquisitionError: there is none.
    """
    if path is not None:
        if not Path(path).is_file():
            raise AcquisitionError(
                f"there is no GenTL producer {path}; give the .cti file the camera's maker installs"
            )
        return (path,)
    folders = [Path(each) for each in os.environ.get(SEARCH_PATH, "").split(os.pathsep) if each]
    found = tuple(str(file) for folder in folders for file in sorted(folder.glob("*.cti")))
    if not found:
        raise AcquisitionError(
            f"no GenTL producer: set `producer` to the camera maker's .cti file, or {SEARCH_PATH} "
            "to its folder"
        )
    return found


class Producer:
    """Producers that are open while at least one camera is."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._harvester: Any = None
        self._taken = 0

    def take(self, serial: str | None, index: int | None) -> Any:
        """Harvesters' acquirer of one camera; give it back with `release`.

        Raises:
            InUseError: another station or program has it.
            AcquisitionError: it is not there.
        """
        with self._lock:
            try:
                self._look()
                acquirer = self._open(self._choose(serial, index))
            except BaseException:
                self._reset_if_unused()
                raise
            self._taken += 1
            return acquirer

    def sees(self, serial: str | None, index: int | None) -> bool:
        """Whether the camera is there."""
        with self._lock:
            try:
                self._look()
                self._choose(serial, index)
            except AcquisitionError:
                return False
            finally:
                self._reset_if_unused()
            return True

    def release(self, acquirer: Any) -> None:
        """Close the camera; with the last one the producers."""
        with self._lock:
            try:
                acquirer.destroy()
            finally:
                self._harvester.image_acquirers.remove(acquirer)
                self._taken -= 1
                self._reset_if_unused()

    def _look(self) -> None:
        """See which cameras there are; open ones are not disturbed."""
        core = _harvesters()
        if self._taken:
            known = {each.id_ for each in self._harvester.device_info_list}
            for interface in {id(i.parent): i.parent for i in self._found}.values():
                interface.update_device_info_list(1000)
                for module in interface.device_info_list:
                    if module.id_ not in known:
                        new = core.DeviceInfo(module=module, parent=interface)
                        self._harvester.device_info_list.append(new)
            return
        self._harvester = core.Harvester()
        for file in self._files:
            try:
                self._harvester.add_file(file, check_existence=True, check_validity=True)
            except OSError as error:
                raise AcquisitionError(
                    f"GenTL producer {file} cannot be loaded: {error}"
                ) from error
        self._harvester.update()

    @property
    def _found(self) -> list[Any]:
        return list(self._harvester.device_info_list)

    def _choose(self, serial: str | None, index: int | None) -> Any:
        found = self._found
        if serial is not None:
            fitting = [each for each in found if _serial(each) == serial]
        elif index is not None:
            fitting = found[index : index + 1]
        else:
            fitting = found
        if len(fitting) == 1:
            return fitting[0]
        there_are = ", ".join(f"{_serial(each)!r} ({each.model})" for each in found) or "none"
        if len(fitting) > 1:
            raise AcquisitionError(f"give the serial of one camera; there are {there_are}")
        wanted = f"serial {serial!r}" if serial is not None else f"index {index or 0}"
        raise AcquisitionError(
            f"no genicam camera with {wanted}: there are {there_are}; is it plugged in?"
        )

    def _open(self, found: Any) -> Any:
        from genicam.gentl import (
            AccessDeniedException,
            GenericException,
            ResourceInUseException,
        )

        what = f"camera {_serial(found)!r} ({found.model})"
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            return self._harvester.create(found)
        except (AccessDeniedException, ResourceInUseException) as error:
            raise InUseError(f"{what} is used by another station or program") from error
        except GenericException as error:
            raise AcquisitionError(f"{what} cannot be opened: {error}") from error
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, on_interrupt)  # Harvesters takes it for itself

    def _reset_if_unused(self) -> None:
        if not self._taken and self._harvester is not None:
            self._harvester.reset()
            self._harvester = None


@cache
def producer(files: tuple[str, ...]) -> Producer:
    """The one `Producer` of this process for these files."""
    return Producer(files)


def _serial(found: Any) -> str:
    return str(found.serial_number)


def _harvesters() -> Any:
    try:
        import harvesters.core
    except ImportError as error:
        raise AcquisitionError(
            f"the genicam source needs Harvesters ({error}); install the station with its extra "
            "`genicam`"
        ) from error
    return harvesters.core
