"""What else goes on at a station: requests to its API, and an open operator's page."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.benchmarks.line.station import Running

REQUESTS = """
import sys, time, httpx
paths = ("/api/v1/station", "/api/v1/results?limit=20", "/api/v1/recipes", "/healthz", "/metrics")
with httpx.Client(base_url=sys.argv[1], timeout=10, trust_env=False) as client:
    started, n = time.monotonic(), 0
    while True:
        client.get(paths[n % len(paths)])
        n += 1
        time.sleep(max(0.0, started + n / float(sys.argv[2]) - time.monotonic()))
"""
PAGE = """
import sys, time
from playwright.sync_api import sync_playwright
import shutil
browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
with sync_playwright() as play:
    page = play.chromium.launch(executable_path=browser, args=flags).new_page()
    page.goto(sys.argv[1])
    print("open", flush=True)
    while True:
        page.wait_for_timeout(1000)
"""


@contextmanager
def loaded(running: Running, requests_per_s: int) -> Iterator[bool]:
    """The API asked so often, and a browser on the page; whether there is a browser."""
    api, page = f"http://127.0.0.1:{running.api}", f"http://127.0.0.1:{running.page}"
    asking = subprocess.Popen([sys.executable, "-c", REQUESTS, api, str(requests_per_s)])
    looking = subprocess.Popen(
        [sys.executable, "-c", PAGE, page], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        is_open = bool(looking.stdout and looking.stdout.readline())
        yield is_open
    finally:
        for process in (asking, looking):
            with suppress(ProcessLookupError):
                process.terminate()
            process.wait()
