"""A real bridge for each test, an application at the far end of a link, and nothing left behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs

import pytest

from radical_edge_core.caller import Caller
from radical_edge_core.testing.bridges import RunningBridge
from radical_edge_core.testing.edges import RunningEdge, running_application

PIECE = 64 * 1024
Send = Callable[[dict[str, Any]], Awaitable[None]]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    """Tests of the bridge run on the loop that the script uses, those of cuts and of leaving on the other as well."""
    both = item.path.stem in {"test_link_life", "test_proxy_leaving"}
    if find_spec("uvloop") is None:
        return {"asyncio": asyncio.new_event_loop}
    uvloop = import_module("uvloop")
    return {"uvloop": uvloop.new_event_loop} | ({"asyncio": asyncio.new_event_loop} if both else {})


@pytest.fixture(autouse=True)
def _guarded(guarded: None) -> None:
    """Every test here leaves nothing behind."""


@pytest.fixture
def far() -> FarEnd:
    """The application of the edge ``here``."""
    return FarEnd()


@pytest.fixture
async def edge(bridge: RunningBridge, far: FarEnd) -> AsyncIterator[RunningEdge]:
    """The edge ``here``, whose link is up."""
    async with running_application(bridge, far) as running:
        yield running


def pattern(start: int, count: int) -> bytes:
    """Bytes of a body that tell their place, so that any loss, swap or repetition shows."""
    first, last = start // 8, (start + count + 7) // 8
    whole = b"".join(number.to_bytes(8, "big") for number in range(first, last))
    return whole[start - first * 8 :][:count]


class FarEnd:
    """
    An ASGI application that does what the last segment of the path says.

    Attributes:
        begun, ended, cancelled: How often each action was begun, ended by itself, and was cancelled.
        taken: Body bytes that each action took.
        gate: What some actions wait for.
        seen: The last scope.
    """

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.cancelled: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.given: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.seen: dict[str, Any] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        action = scope["path"].rpartition("/")[2]
        self.seen = scope
        self.begun[action] += 1
        try:
            await getattr(self, f"do_{action}", self.do_echo)(scope, receive, send)
            self.ended[action] += 1
        except asyncio.CancelledError:
            self.cancelled[action] += 1
            raise

    async def pieces(self, action: str, receive: Any) -> AsyncIterator[bytes]:
        """The request's body, to its end; raises where the caller has gone."""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            more = message["more_body"]
            self.taken[action] += len(message["body"])
            yield message["body"]

    async def give(self, action: str, send: Send, data: bytes, *, more: bool) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": more})
        self.given[action] += len(data)

    async def do_echo(self, scope: Any, receive: Any, send: Send) -> None:
        """Tell what came."""
        digest = hashlib.sha256()
        async for piece in self.pieces("echo", receive):
            digest.update(piece)
        caller: Caller = scope["radical_edge.caller"]
        told = {
            "method": scope["method"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
            "subject": caller.subject,
            "scopes": caller.scopes,
            "request_id": caller.request_id,
            "key": caller.idempotency_key,
            "sha256": digest.hexdigest(),
        }
        body = json.dumps(told).encode()
        await send(start(200, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))))
        await send({"type": "http.response.body", "body": body})

    async def do_mirror(self, _scope: Any, receive: Any, send: Send) -> None:
        """Give every piece back as it comes."""
        await send(start(200))
        async for piece in self.pieces("mirror", receive):
            await self.give("mirror", send, piece, more=True)
        await self.give("mirror", send, b"", more=False)

    async def do_bytes(self, scope: Any, _receive: Any, send: Send) -> None:
        """Give as many bytes as the query says; with ``gate`` the second half waits for it."""
        query = parse_qs(scope["query_string"].decode())
        count, size = int(query["n"][0]), int(query.get("piece", [str(PIECE)])[0])
        await send(start(200, (b"content-type", b"application/octet-stream")))
        for at in range(0, count, size):
            if "gate" in query and at >= count // 2:
                await self.gate.wait()
            await self.give("bytes", send, pattern(at, min(size, count - at)), more=True)
        await self.give("bytes", send, b"", more=False)

    async def do_endless(self, _scope: Any, _receive: Any, send: Send) -> None:
        """Give bytes for as long as somebody takes them."""
        await send(start(200))
        while True:
            await self.give("endless", send, bytes(PIECE), more=True)

    async def do_wait(self, _scope: Any, receive: Any, send: Send) -> None:
        """Take the body, and answer once the gate is open."""
        async for _ in self.pieces("wait", receive):
            pass
        await self.gate.wait()
        await self.do_short(_scope, receive, send)

    async def do_ignore(self, _scope: Any, _receive: Any, send: Send) -> None:
        """Answer once the gate is open, and never look at the body."""
        await self.gate.wait()
        await self.do_short(_scope, _receive, send)

    async def do_refuse(self, _scope: Any, _receive: Any, send: Send) -> None:
        """Answer 413 at once, and never look at the body."""
        await send(start(413, (b"content-type", b"text/plain")))
        await send({"type": "http.response.body", "body": b"too much"})

    async def do_short(self, _scope: Any, _receive: Any, send: Send) -> None:
        """Answer at once."""
        await send(start(200, (b"content-type", b"text/plain")))
        await send({"type": "http.response.body", "body": b"here"})

    async def do_trickle(self, _scope: Any, receive: Any, _send: Send) -> None:
        """Take one piece of the body, and no more until the gate is open."""
        async for _ in self.pieces("trickle", receive):
            await self.gate.wait()
        await self.do_short(_scope, receive, _send)


def start(status: int, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}
