"""A part that comes to rest in the watched region is inspected once, whatever the light does."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.errors import SettingsError
from station.core.frame import Image
from station.line.self_trigger import PartWatch, empty_scene
from station.line.settings import LineSettings, SelfTrigger

SETTINGS = SelfTrigger(x=100, y=0, width=200, height=200)


def scene(part_x: int | None, *, light: float = 1.0, seed: int = 0, blur: int = 0) -> Image:
    """A grey belt with a bright part whose left edge is at `part_x`; none: no part."""
    image = np.full((200, 400), 60.0)
    if part_x is not None:
        image[50:150, max(0, part_x) : max(0, part_x + 120)] = 180
        image[90:110, max(0, part_x + 40) : max(0, part_x + 80)] = 90
    noise = np.random.default_rng(seed).normal(0, 2, image.shape)
    grey = np.clip(image * light + noise, 0, 255).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(grey, (blur, blur), 0), np.uint8) if blur else grey


def due(watch: PartWatch, frames: Iterable[Image]) -> list[int]:
    return [number for number, image in enumerate(frames) if watch.is_due(image)]


def passing(stop_x: int = 140, *, rest: int = 6) -> list[Image]:
    """4 empty frames, 3 of a part that comes, some of it at rest, 3 as it goes, 4 empty ones."""
    places = [None] * 4 + [20, 60, 100] + [stop_x] * rest + [200, 280, 360] + [None] * 4
    return [scene(place, seed=n) for n, place in enumerate(places)]


def test_each_part_is_due_once_when_it_rests() -> None:
    watch = PartWatch(SETTINGS)
    assert due(watch, passing()) == [9]
    assert due(watch, passing()[4:]) == [5]
    assert due(watch, passing(rest=40)[4:]) == [5]


def test_a_part_that_does_not_rest_is_not_due() -> None:
    watch = PartWatch(SETTINGS)
    moving = [scene(x, seed=x) for x in range(20, 360, 30)]
    assert due(watch, [scene(None)] * 3 + moving) == []


def test_what_happens_beside_the_region_is_nothing() -> None:
    watch = PartWatch(SETTINGS.model_copy(update={"x": 300, "width": 100}))
    assert due(watch, passing(stop_x=100)[:12]) == []


def test_slow_changes_of_light_are_no_part_and_hide_none() -> None:
    watch = PartWatch(SETTINGS)
    dimming = [scene(None, light=1 - n / 2000, seed=n) for n in range(800)]
    assert due(watch, dimming) == []
    rest = [scene(140, light=0.6, seed=n) for n in range(5)]
    assert due(watch, rest) == [2]


def test_a_blurred_part_waits_until_it_is_sharp() -> None:
    watch = PartWatch(SETTINGS.model_copy(update={"sharpness_at_least": 0.5}))
    blurred = [scene(140, seed=n, blur=15) for n in range(5)]
    sharp = [scene(140, seed=n) for n in range(5, 10)]
    assert due(watch, [scene(None)] * 2 + blurred) == []
    assert due(watch, sharp) != []


def test_colour_and_a_region_beyond_the_picture() -> None:
    watch = PartWatch(SelfTrigger(x=5000, y=5000))
    colour = [np.dstack([image] * 3) for image in passing()]
    assert due(watch, colour) == [9]


def test_a_part_that_stands_there_at_the_start_is_due() -> None:
    rest = [scene(140, seed=n) for n in range(6)]
    assert due(PartWatch(SETTINGS), rest) == []
    assert due(PartWatch(SETTINGS, scene(None, seed=9)), rest) == [2]


def test_parts_that_follow_without_a_gap_are_each_due() -> None:
    watch = PartWatch(SETTINGS, scene(None))
    first, second = ([scene(x, seed=n + x) for n in range(5)] for x in (110, 190))
    assert due(watch, first) == [2]
    assert due(watch, second) == [2]


def test_after_a_pause_what_stands_there_is_another_part() -> None:
    watch = PartWatch(SETTINGS, scene(None))
    rest = [scene(140, seed=n) for n in range(5)]
    assert due(watch, rest) == [2]
    watch.resume()
    assert due(watch, rest) == [2]


def test_light_that_changes_slowly_does_not_make_a_resting_part_another() -> None:
    watch = PartWatch(SETTINGS, scene(None))
    dimming = [scene(140, light=1 - n / 1000, seed=n) for n in range(300)]
    assert due(watch, dimming) == [2]


def test_an_empty_scene_of_another_camera_is_refused() -> None:
    watch = PartWatch(SETTINGS, np.zeros((100, 100), np.uint8))
    with pytest.raises(SettingsError, match="is 100 x 100 px and the camera's picture 400 x 200"):
        watch.is_due(scene(None))


def test_an_empty_scene_that_cannot_be_read_is_said_with_its_setting(tmp_path: Path) -> None:
    missing = SelfTrigger(empty_scene=tmp_path / "empty.png")
    settings = LineSettings(recipe="r", trigger_mode="self", self_trigger=missing)
    with pytest.raises(SettingsError, match=r"line\.self_trigger\.empty_scene: .*empty\.png"):
        empty_scene(settings)
    cv2.imwrite(str(tmp_path / "empty.png"), scene(None))
    shown = empty_scene(settings)
    assert shown is not None
    assert shown.shape == (200, 400)


def test_a_picture_of_another_size_teaches_no_part_as_the_empty_place() -> None:
    watch = PartWatch(SETTINGS)
    assert due(watch, passing()) == [9]
    with pytest.raises(SettingsError, match=r"learnt at 400 x 200 px .* 400 x 100 px.*reset"):
        watch.is_due(scene(140)[:100])
    assert due(watch, passing()[4:]) == [5]
