"""A USB camera's settings: the driver takes each as asked, or the camera is refused."""

import threading

import cv2
import pytest

from station.core.errors import AcquisitionError, NoFrameError
from station.sources.camera import Camera


class Driver:
    """What OpenCV's capture does of a camera with 30 frames a second and even sizes only."""

    def __init__(self) -> None:
        self.values = {cv2.CAP_PROP_FPS: 30.0}
        self.is_released = False

    def open(self, *_: object) -> bool:
        return True

    def set(self, number: int, value: float) -> bool:
        self.values[number] = 30.0 if number == cv2.CAP_PROP_FPS else value // 2 * 2
        return True

    def get(self, number: int) -> float:
        return self.values.get(number, 0.0)

    def read(self) -> tuple[bool, None]:
        return False, None

    def release(self) -> None:
        self.is_released = True


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    fake = Driver()
    monkeypatch.setattr("cv2.VideoCapture", lambda: fake)
    return fake


@pytest.mark.parametrize(
    "asked", [{"width": 641}, {"rate_per_s": 60}, {"width": 640, "height": 481}, {"exposure": 157}]
)
def test_what_the_driver_changes_is_refused(asked: dict[str, float], driver: Driver) -> None:
    name = list(asked)[-1]
    with pytest.raises(AcquisitionError, match=rf"took {name} \d+, not {asked[name]:g}"):
        Camera(device=93, **asked).open()
    assert driver.is_released


def test_what_the_driver_takes_is_set(driver: Driver) -> None:
    feed = Camera(device=93, width=640, height=480, rate_per_s=30, exposure=156).open()
    feed.close()
    assert driver.get(cv2.CAP_PROP_FRAME_WIDTH) == 640
    assert driver.get(cv2.CAP_PROP_EXPOSURE) == 156


def test_a_camera_that_is_plugged_in_and_gives_nothing_is_lost(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()

    def read(_: Driver) -> tuple[bool, None]:
        hangs.wait(10)
        return False, None

    monkeypatch.setattr(Driver, "read", read)
    feed = Camera(device=93, open_timeout_ms=100, read_timeout_ms=300).open()
    try:
        with pytest.raises(NoFrameError):
            feed.grab(0.05)
        with pytest.raises(AcquisitionError, match="no frame for 300 ms"):
            feed.grab(0.6)
    finally:
        hangs.set()
        feed.close()
    assert driver.is_released


def test_a_camera_that_is_not_there_is_named_and_not_held() -> None:
    for _ in range(2):
        with pytest.raises(AcquisitionError, match=r"\(93\) cannot be opened"):
            Camera(device=93).open()
