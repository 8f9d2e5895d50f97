"""
The application of the benchmarks, as raw ASGI: nothing is between it and its server.

``app`` serves all three routes by itself; the plugin mounts them one by one.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

CHUNK = bytes(64 * 1024)
SMALL = json.dumps({"edge": "bench", "plugin": "bench", "load": [0.1, 0.2, 0.3], "text": "x" * 42}).encode()
_JSON = (b"content-type", b"application/json")


class Small:
    """Answer with a small JSON object."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send head and body; the request has no body to read."""
        await answer(send, SMALL)


class Download:
    """Answer with as many bytes as the query asks for."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the body in chunks of one size."""
        left = int(parse_qs(scope["query_string"])[b"bytes"][0])
        headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % left)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while left > len(CHUNK):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            left -= len(CHUNK)
        await send({"type": "http.response.body", "body": CHUNK[:left]})


class Upload:
    """Take a body of any size, and say how long it was."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes, and keep none of them."""
        received = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            received += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await answer(send, b'{"received": %d}' % received)


ROUTES: dict[str, ASGIApp] = {"/small": Small(), "/download": Download(), "/upload": Upload()}


async def answer(send: Send, body: bytes) -> None:
    """Send one JSON answer."""
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the three routes; an unknown path ends the exchange with an error."""
    if scope["type"] == "http":
        await ROUTES[scope["path"]](scope, receive, send)
