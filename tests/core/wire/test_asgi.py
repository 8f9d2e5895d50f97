"""Each exchange is one call of an ASGI application, as a server would make it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from radical_edge_core.caller import Caller
from radical_edge_core.errors import NotFound
from radical_edge_core.link.heads import RequestHead, decode_response, encode_head
from radical_edge_core.link.mux import Mux
from radical_edge_core.testing.waiting import wait_until
from radical_edge_core.wire.asgi import CALLER, Application, AsgiServer, connect
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.exchange import Exchange, ExchangeLost
from radical_edge_core.wire.memory import join


@asynccontextmanager
async def serving(app: Application) -> AsyncIterator[tuple[Connection, AsgiServer]]:
    """An application behind a link in memory, and the caller's end of it."""
    near, far = Connection(Mux(True)), Connection(Mux(False))
    server = connect(app, far)
    joining = asyncio.create_task(join(near, far))
    try:
        yield near, server
    finally:
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)


def ask(near: Connection, body: bytes = b"", *, fin: bool = True, **fields: Any) -> Exchange:
    head = RequestHead(**({"method": "POST", "path": b"/p/x"} | fields))
    return near.open(encode_head(head), body, fin=fin)


async def answer(exchange: Exchange) -> tuple[int, bytes]:
    status = decode_response(await exchange.head()).status
    body = b""
    while piece := await exchange.read():
        body += piece
        exchange.taken(len(piece))
    return status, body


def start(status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": []}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_the_scope_is_a_servers() -> None:
    """Method, path, query, headers and the verified caller are where an application looks for them."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen.update(scope)
        await send(start())
        await send(body())

    async with serving(app) as (near, _):
        exchange = ask(
            near, method="PUT", path=b"/p/a%2Fb%C3%A9", query=b"q=%20", headers=[(b"x-one", b"1")],
            subject="alice", scopes=["read:*"], request_id="r", key="k",
        )  # fmt: skip
        await answer(exchange)
    told = {key: seen[key] for key in ("type", "method", "path", "raw_path", "query_string", "headers")}
    assert told == {
        "type": "http", "method": "PUT", "path": "/p/a/bé", "raw_path": b"/p/a%2Fb%C3%A9", "query_string": b"q=%20",
        "headers": [(b"x-one", b"1")],
    }  # fmt: skip
    assert seen[CALLER] == Caller(subject="alice", scopes=("read:*",), request_id="r", idempotency_key="k")


async def test_the_body_comes_piece_by_piece_and_ends() -> None:
    """``more_body`` is true until the last piece, and what was received is credited with the next call."""
    pieces: list[tuple[int, bool]] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            pieces.append((len(message["body"]), more))
        await send(start())
        await send(body(b"done"))

    async with serving(app) as (near, _):
        exchange = ask(near, bytes(10), fin=False)
        await exchange.write(bytes(700_000), fin=True)
        assert await answer(exchange) == (200, b"done")
    assert sum(size for size, _ in pieces) == 700_010
    assert [more for _, more in pieces] == [True] * (len(pieces) - 1) + [False]


async def test_receive_after_the_body_waits_for_the_caller_to_leave() -> None:
    """An application that watches for its caller's leaving is cancelled when it happens."""
    watched = asyncio.Event()
    cancelled = asyncio.Event()

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        watched.set()
        try:
            await receive()
        finally:
            cancelled.set()

    async with serving(app) as (near, server):
        exchange = ask(near)
        await watched.wait()
        exchange.abort("canceled")
        await asyncio.wait_for(cancelled.wait(), 2)
        await wait_until(lambda: server.busy == 0)


async def test_large_pieces_are_split() -> None:
    """An application may send more at once than fits a window."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start(201))
        await send(body(bytes(1_000_000), more=True))
        await send(body(memoryview(bytes(5)).tobytes()))

    async with serving(app) as (near, _):
        status, got = await answer(ask(near))
    assert (status, len(got)) == (201, 1_000_005)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (KeyError("x"), 500, "plugin_failure"),
        (NotFound("no"), 404, "not_found"),
        (SystemExit(1), 500, "plugin_failure"),
    ],
)
async def test_raising_before_the_head_is_a_problem(error: BaseException, status: int, code: str) -> None:
    """An error of the tree travels as it is, anything else as a failure of the plugin."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise error

    async with serving(app) as (near, _):
        got, document = await answer(ask(near, request_id="r-1"))
        assert (got, json.loads(document)["code"]) == (status, code)
        if code == "plugin_failure":
            assert json.loads(document)["request_id"] == "r-1"


async def test_raising_between_head_and_body_is_a_problem_too() -> None:
    """A head that was not followed by a body has not gone out yet."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start())
        raise KeyError

    async with serving(app) as (near, _):
        assert (await answer(ask(near)))[0] == 500


async def test_raising_in_the_body_breaks_the_exchange() -> None:
    """An answer that has begun can't be taken back: it breaks off, with what was sent."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"beginning", more=True))
        raise KeyError

    async with serving(app) as (near, _):
        exchange = ask(near)
        await exchange.head()
        assert await exchange.read() == b"beginning"
        with pytest.raises(ExchangeLost) as lost:
            await exchange.read()
        assert lost.value.code == "failed"


async def test_an_answer_before_the_body_is_enough() -> None:
    """An application that answers without reading is done; what still comes is dropped."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start(413))
        await send(body(b"no"))

    async with serving(app) as (near, server):
        exchange = ask(near, bytes(1000), fin=False)
        assert await answer(exchange) == (413, b"no")
        await wait_until(lambda: server.busy == 0)
        assert await answer(ask(near)) == (413, b"no")


@pytest.mark.parametrize(
    "head", [b"", b"\xff", b"\x80", encode_head(RequestHead(method="GET", path=b"/"))[:-3]]
)
async def test_a_head_that_cannot_be_read_is_400(head: bytes) -> None:
    """A malformed request is that call's problem, and not the link's."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError

    async with serving(app) as (near, _):
        status, document = await answer(near.open(head, fin=True))
        assert (status, json.loads(document)["code"]) == (400, "bad_request")


async def test_a_cancelled_server_leaves_no_task() -> None:
    """When the link goes every handler is cancelled, and ends."""
    cancelled = 0

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        finally:
            cancelled += 1

    async with serving(app) as (near, server):
        for _ in range(5):
            ask(near)
        await wait_until(lambda: server.busy == 5)
    await wait_until(lambda: server.busy == 0)
    assert cancelled == 5
