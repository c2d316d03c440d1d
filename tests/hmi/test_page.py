"""The page as people see it: a browser, the page's own process, and a real station behind it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from station.core.reasons import Reason
from station.core.recipe import Recipe, new_recipe, write_recipe
from tests.conftest import DrawPart
from tests.hmi.programs import Program, free_ports, page_program

HERE = Path(__file__).parent
VERDICT = re.compile("^(OK|NOT OK|TO CHECK)$")
PATIENCE_MS = 10_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass(slots=True)
class Place:
    """A station and the process of its page."""

    station: Program
    page: Program
    requests: list[str] = field(default_factory=list)
    """What browsers asked for."""

    def api(self, method: str, path: str) -> httpx.Response:
        """Ask the station past the page."""
        url = f"{self.station.url}/api/v1{path}"
        return httpx.request(method, url, trust_env=False).raise_for_status()


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_model_dir: Path,
    tiny_recipe: Recipe,
    draw_part: DrawPart,
) -> Iterator[Place]:
    """A running station: of four parts two are OK, one is not, one is to be checked."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(tiny_model_dir, folder / "models")
    write_recipe(tiny_recipe, folder / "recipes" / "tiny.json")
    reasons = (Reason(code="glare", text="the other side shines"),)
    write_recipe(new_recipe("other", tiny_recipe.tools, reasons), folder / "recipes" / "other.json")
    (folder / "pictures").mkdir()
    for number, grey in enumerate((90, 170, 90, 128)):
        part = draw_part(grey, (320, 240), seed=number)
        cv2.imwrite(str(folder / "pictures" / f"{number}.png"), part)
    station_port, page_port = free_ports()
    station_url = f"http://127.0.0.1:{station_port}"
    station = Program(
        (str(HERE / "station_process.py"), str(folder), str(station_port)), station_url
    )
    page = page_program(station_url, page_port)
    with ExitStack() as stack:
        for program in (station, page):
            stack.callback(program.end)
            program.start()
        for program in (station, page):
            program.wait_until_it_answers()
        yield Place(station, page)


@pytest.fixture
def page(place: Place, browser: Browser) -> Iterator[Page]:
    """The page in a fresh browser window."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.on("request", lambda request: place.requests.append(request.url))
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(place.page.url)
    page.wait_for_function("window.did_handshake")  # a page that cannot connect loads itself again
    yield page
    page.close()
    assert errors == []


def _count(page: Page, name: str) -> int:
    return int(page.locator(f"[data-count={name}]").inner_text().replace(",", ""))


def _is_drawn(page: Page, selector: str, width: int) -> None:
    """The picture came, in the width the station gave it."""
    page.wait_for_function(
        "([selector, width]) => document.querySelector(selector)?.naturalWidth === width",
        arg=[selector, width],
        timeout=PATIENCE_MS,
    )


def test_verdicts_pictures_and_counters_of_a_running_line(page: Page) -> None:
    expect(page).to_have_title("Inspection station")
    for word in ("OK", "NOT OK", "TO CHECK"):
        page.wait_for_function(
            "word => document.querySelector('.verdict .word').textContent === word", arg=word
        )
    expect(page.locator(".state .value")).to_have_text("Running")
    expect(page.locator(".head").get_by_text("tiny v1")).to_be_visible()
    _is_drawn(page, ".picture img", 320)
    expect(page.locator(".reject").first).to_contain_text("The surface shines")
    _is_drawn(page, ".reject img", 240)
    expect(page.locator(".bar").first).to_contain_text("The surface shines")
    before = _count(page, "ok")
    page.wait_for_function(
        "n => Number(document.querySelector('[data-count=ok]').textContent) > n", arg=before
    )
    outcomes = sum(_count(page, name) for name in ("ok", "not_ok", "to_check", "aborted", "failed"))
    assert 0 <= _count(page, "triggers") - outcomes <= 1


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_everything_fits_on_one_screen(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    expect(page.locator(".verdict .word")).to_have_text(VERDICT)
    whole = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert whole == [width, height]
    outside = page.evaluate(
        """() => [...document.querySelectorAll('.page .verdict *, .page .keys *, .number')]
        .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
        .map(e => e.className + ': ' + e.textContent)"""
    )
    assert outside == []
    word = page.locator(".verdict .word")
    assert float(word.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= height / 10


def test_a_reject_is_shown_large_with_its_findings(page: Page) -> None:
    page.locator(".reject").first.click()
    sheet = page.locator(".sheet")
    expect(sheet.locator(".reason")).to_have_text("The surface shines")
    expect(sheet.locator(".finding")).to_contain_text("OK up to 0.30, reject from 0.70")
    _is_drawn(page, ".sheet img", 320)
    sheet.get_by_label("Close").click()
    expect(sheet).not_to_be_visible()


def test_stop_and_run(place: Place, page: Page) -> None:
    _is_drawn(page, ".picture img", 320)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".verdict .word")).to_have_text("STOPPED")
    assert place.api("GET", "/station").json()["state"] == "ready"
    expect(page.locator(".picture .old")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    stopped_at = page.locator(".picture img").get_attribute("src") or ""
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".verdict .word")).to_have_text(VERDICT)
    expect(page.locator(".state .value")).to_have_text("Running")
    expect(page.locator(".picture img")).not_to_have_attribute("src", stopped_at)
    expect(page.locator(".picture .old")).not_to_be_visible()


def test_a_halt_is_left_from_the_page(place: Place, page: Page) -> None:
    expect(page.locator(".verdict .word")).to_have_text(VERDICT)
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("button", name="Halt now").click()
    expect(page.locator(".verdict .word")).to_have_text("HALTED")
    assert place.api("GET", "/station").json()["state"] == "halted"
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".verdict .word")).to_have_text("STOPPED")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".verdict .word")).to_have_text(VERDICT)


def test_a_changeover_has_to_be_confirmed(place: Place, page: Page) -> None:
    page.get_by_role("button", name="Change recipe").click()
    confirm = page.get_by_role("button", name="Change over")
    expect(confirm).to_be_disabled()
    page.get_by_role("radio", name="other v1").click()
    confirm.click()
    expect(page.locator(".head").get_by_text("other v1")).to_be_visible()
    assert place.api("GET", "/station").json()["recipe"]["recipe_id"] == "other"
    expect(page.locator(".reject").first).to_contain_text("The other side shines")
    place.api("POST", "/recipes/tiny:activate")
    expect(page.locator(".head").get_by_text("tiny v1")).to_be_visible()


def test_a_station_that_is_gone_is_told_and_found_again(place: Place, page: Page) -> None:
    expect(page.locator(".verdict .word")).to_have_text(VERDICT)
    place.station.kill()
    loss = page.locator(".loss")
    expect(loss).to_contain_text("NO CONNECTION")
    expect(loss).to_contain_text(f"Nothing answers at {place.station.url}")
    expect(page.locator(".verdict .word")).to_have_text("NO CONNECTION")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    place.station.start()
    expect(loss).not_to_be_visible(timeout=20_000)
    expect(page.locator(".verdict .word")).to_have_text(VERDICT)


def test_a_page_that_is_cut_off_covers_itself(place: Place, page: Page) -> None:
    expect(page.locator(".verdict .word")).to_have_text(VERDICT)
    assert place.page.end() < 3  # a second, and room for a busy machine
    expect(page.locator(".cut-off")).to_be_visible()
    place.page.start()
    expect(page.locator(".verdict .word")).to_have_text(VERDICT, timeout=20_000)
    expect(page.locator(".cut-off")).not_to_be_visible()


def test_no_request_left_this_machine(place: Place, page: Page) -> None:
    expect(page.locator(".verdict .word")).to_have_text(VERDICT)
    asked = [urlsplit(url) for url in place.requests]
    assert {url.hostname for url in asked if url.scheme != "data"} == {"127.0.0.1"}
