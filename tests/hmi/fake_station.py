"""A station that says what it is told to say, so that a page can be seen in any state."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from station.core.result import RESULT_JSON, Result
from station.hmi.answers import ResultPage, Status

PREFIX = "/api/v1"
ALIVE_S = 0.5


class FakeStation(ThreadingHTTPServer):
    """The routes the page asks, answered from `status`; what it is told stands in `told`."""

    daemon_threads = True

    def __init__(self, status: Status) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.status = status
        self.after: dict[str, Status] = {}
        """Which status follows a verb."""
        self.results: list[Result] = []
        self.picture = b""
        self.told: list[str] = []
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    server: FakeStation

    def do_GET(self) -> None:
        path = self.path.removeprefix(PREFIX).partition("?")[0]
        if path == "/station":
            self._say(self.server.status.model_dump_json().encode())
        elif path == "/results":
            page = ResultPage(results=tuple(self.server.results))
            self._say(page.model_dump_json().encode())
        elif path == "/events":
            self._stream()
        else:
            self._say(self.server.picture, "image/jpeg")

    def do_POST(self) -> None:
        verb = self.path.removeprefix(f"{PREFIX}/station:")
        self.server.told.append(verb)
        self.server.status = self.server.after.get(verb, self.server.status)
        self._say(self.server.status.model_dump_json().encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _say(self, content: bytes, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        """Results as they come, and signs of life."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        sent = 0
        while True:
            for result in self.server.results[sent:]:
                self.wfile.write(b"event: result\ndata: %b\n\n" % RESULT_JSON.dump_json(result))
                sent += 1
            self.wfile.write(b": alive\n\n")
            if self.server.closing.wait(ALIVE_S):
                return
