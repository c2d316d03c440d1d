"""Alarms, halt and trouble as people see them: a browser before a made-up station."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import cv2
import pytest
from playwright.sync_api import Browser, Page, expect

from station.core.result import Evaluation
from station.hmi.answers import SinkStatus, WorkerStatus
from tests.conftest import DrawPart
from tests.hmi.conftest import MakeResult, MakeStatus
from tests.hmi.fake_station import FakeStation
from tests.hmi.programs import free_ports, page_program

PATIENCE_MS = 15_000
REQUEST = "5 parts in a row could not be judged, the last one: the picture is too dark"
SIZES = [(1280, 800), (1024, 768), (800, 1280), (1920, 1080)]
"""An industrial panel, a tablet on its side and upright, an office."""


@dataclass(slots=True)
class Scene:
    """A page in a browser and the station it believes."""

    station: FakeStation
    make_status: MakeStatus
    make_result: MakeResult
    page: Page

    def is_now(self, state: str = "continuous_execution", **fields: object) -> None:
        """Let the station say this from now on."""
        self.station.status = self.make_status(state, **fields)


@pytest.fixture
def scene(
    make_status: MakeStatus, make_result: MakeResult, draw_part: DrawPart, browser: Browser
) -> Iterator[Scene]:
    """A station that runs; the page is loaded."""
    with ExitStack() as stack:
        station = stack.enter_context(FakeStation(make_status()))
        station.picture = cv2.imencode(".jpg", draw_part(90, (320, 240), seed=1))[1].tobytes()
        station.results = [make_result(Evaluation.NOT_OK) for _ in range(8)]
        program = page_program(station.url, free_ports()[0])
        stack.callback(program.end)
        program.start()
        program.wait_until_it_answers()
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        stack.callback(page.close)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(program.url)
        expect(page.locator(".loss")).not_to_be_visible(timeout=PATIENCE_MS)
        yield Scene(station, make_status, make_result, page)


def fits(page: Page) -> None:
    """Nothing of what must be read or pressed is cut off or out of sight."""
    inside = page.locator(".verdict").bounding_box()
    advice = page.locator(".verdict .facts").bounding_box()
    assert inside
    assert advice
    assert advice["y"] + advice["height"] <= inside["y"] + inside["height"]
    outside = page.evaluate(
        """() => {
        const [w, h] = [innerWidth, innerHeight];
        return [...document.querySelectorAll('.banner, .banner *, .verdict, .verdict .word, .key')]
        .filter(e => e.getClientRects().length)
        .filter(e => { const r = e.getBoundingClientRect();
            return r.left < -1 || r.top < -1 || r.right > w + 1 || r.bottom > h + 1; })
        .map(e => e.className + ': ' + e.textContent) }"""
    )
    assert outside == []
    page.wait_for_function(  # a browser that is busy lays out a moment after it was resized
        "document.documentElement.scrollWidth === innerWidth"
        " && document.documentElement.scrollHeight === innerHeight",
        timeout=PATIENCE_MS,
    )


def test_a_stop_request_is_a_banner_until_it_is_acknowledged(scene: Scene) -> None:
    banner = scene.page.locator(".banner")
    expect(banner).not_to_be_visible()
    scene.station.after["reset"] = scene.make_status()
    scene.is_now(stop_request=REQUEST)
    expect(banner).to_contain_text("STOP THE LINE", timeout=PATIENCE_MS)
    expect(banner).to_contain_text(REQUEST)
    for width, height in SIZES:
        scene.page.set_viewport_size({"width": width, "height": height})
        fits(scene.page)
    banner.get_by_role("button", name="Acknowledge").click()
    expect(banner).not_to_be_visible(timeout=PATIENCE_MS)
    assert scene.station.told == ["reset"]


def test_a_halt_is_asked_about_and_ended_by_reset(scene: Scene) -> None:
    page = scene.page
    scene.station.after = {
        "halt": scene.make_status("halted"),
        "reset": scene.make_status("ready"),
    }
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("button", name="Do nothing").click()
    expect(page.get_by_role("button", name="Halt now")).not_to_be_visible()
    assert scene.station.told == []
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("button", name="Halt now").click()
    expect(page.locator(".verdict .word")).to_have_text("HALTED", timeout=PATIENCE_MS)
    expect(page.locator(".verdict .facts")).to_contain_text("Reset ends the halt")
    for key in ("Run", "Stop", "Abort", "Halt"):
        expect(page.get_by_role("button", name=key, exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Halt now")).not_to_be_visible()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".verdict .word")).to_have_text("STOPPED", timeout=PATIENCE_MS)
    assert scene.station.told == ["halt", "reset"]


def test_an_abort_is_asked_about(scene: Scene) -> None:
    scene.page.get_by_role("button", name="Abort", exact=True).click()
    scene.page.get_by_role("button", name="Abort now").click()
    expect(scene.page.get_by_role("button", name="Abort now")).not_to_be_visible()
    assert scene.station.told == ["abort"]


def test_an_error_fills_the_verdict_with_its_text(scene: Scene) -> None:
    why = (
        "3 workers were lost within 60 s: the look at the part crashed in the tool 'surface' "
        "of recipe tiny; see the log of the station"
    )
    scene.is_now("error", state_text=why)
    expect(scene.page.locator(".verdict .word")).to_have_text("ERROR", timeout=PATIENCE_MS)
    expect(scene.page.locator(".verdict .text")).to_have_text(why)
    expect(scene.page.locator(".key.reset")).to_be_enabled()
    for width, height in SIZES:
        scene.page.set_viewport_size({"width": width, "height": height})
        fits(scene.page)


def test_workers_and_receivers_in_trouble_are_told(scene: Scene) -> None:
    dead = SinkStatus(kind="webhook", name="mes", dead=3, last_error="the receiver answers 422")
    late = SinkStatus(kind="mqtt", name="broker", waiting=1204, last_error="connection refused")
    fine = SinkStatus(kind="csv", name="file", waiting=2)
    workers = WorkerStatus(ready=1, wanted=2, lost=4)
    notices = scene.page.locator(".notice:visible")
    expect(notices).to_have_count(0)
    scene.is_now(sinks=[dead.model_dump(), late.model_dump(), fine.model_dump()])
    expect(notices).to_have_count(2, timeout=PATIENCE_MS)
    expect(notices.nth(0)).to_contain_text("3 refused for good")
    expect(notices.nth(1)).to_contain_text("1,204 wait: connection refused")
    scene.is_now(
        sinks=[dead.model_dump(), late.model_dump()],
        workers=workers.model_dump(),
        stop_request=REQUEST,
    )
    expect(notices.nth(0)).to_contain_text("1 of 2 ready", timeout=PATIENCE_MS)
    expect(scene.page.get_by_text("and 1 more")).to_be_visible()
    for width, height in SIZES:
        scene.page.set_viewport_size({"width": width, "height": height})
        fits(scene.page)


def test_the_picture_goes_on_after_a_stop(scene: Scene) -> None:
    picture = scene.page.locator(".picture img")
    newest = scene.station.results[-1].job_id
    expect(picture).to_have_attribute("src", f"/pictures/{newest}/live", timeout=PATIENCE_MS)
    scene.page.wait_for_function("document.querySelector('.picture img').naturalWidth > 0")
    scene.is_now("ready")
    expect(scene.page.locator(".picture .old")).to_be_visible(timeout=PATIENCE_MS)
    scene.is_now()
    another = scene.make_result()
    scene.station.results.append(another)
    wanted = f"/pictures/{another.job_id}/live"
    expect(picture).to_have_attribute("src", wanted, timeout=PATIENCE_MS)
