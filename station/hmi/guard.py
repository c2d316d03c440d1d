"""Who may look: only pages that came from this very address may talk to it (plain ASGI)."""

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Guard:
    """Refuses foreign origins (403), and names that are not this machine's (421).

    A page elsewhere could else press Stop through the operator's browser: by calling this address
    itself, or by a name of its own that resolves to it (DNS rebinding).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        own = socket.gethostname().lower()  # not the full name: that asks the network
        self._names = {"localhost", own, f"{own}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, send)

    def _refusal(self, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(_name(f"//{host}")):
            return 421, "this station is called by its address or the machine's own name"
        origin = headers.get("origin")
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "pages from elsewhere may not use this station"
        return None

    def _is_ours(self, name: str) -> bool:
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
