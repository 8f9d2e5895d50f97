"""Bodies, both ways: whole, in order, bounded, and one stream never in the way of another."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from radical_edge_core.testing.api import Api
from radical_edge_core.testing.bridges import RunningBridge
from radical_edge_core.testing.byte_peer import raw_http
from radical_edge_core.testing.edges import RunningEdge, running_application
from radical_edge_core.testing.waiting import wait_until

WINDOW = 256 * 1024
SIZES = [0, 1, 1000, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, WINDOW, WINDOW + 1, 3 * 1024 * 1024 + 7]


async def chunks(body: bytes, size: int) -> AsyncIterator[bytes]:
    """A body that goes out chunked."""
    for at in range(0, len(body), size):
        yield body[at : at + size]


def pattern(count: int) -> bytes:
    """Bytes that tell their place."""
    return b"".join(number.to_bytes(8, "big") for number in range((count + 7) // 8))[:count]


def request(bridge: RunningBridge, path: str, *headers: str, method: str = "POST") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {bridge.admin_token}",
        "Connection: close", *headers, "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_uploads_arrive_whole(
    bridge: RunningBridge, edge: RunningEdge, size: int, framing: str
) -> None:
    """A request's body arrives byte by byte, of any size and framing."""
    body = pattern(size)
    sent = io.BytesIO(body) if framing == "length" else chunks(body, 50_000)
    answer = await bridge.api.call("PUT", "/here/p/echo", body=sent)
    assert answer.json["sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("size", SIZES)
async def test_downloads_arrive_whole(bridge: RunningBridge, edge: RunningEdge, size: int) -> None:
    """An answer's body arrives byte by byte, of any size."""
    answer = await bridge.api.get(f"/here/p/bytes?n={size}")
    assert answer.body == pattern(size)


@pytest.mark.parametrize("piece", [1, 100_000, 3_000_000])
async def test_pieces_of_any_size_are_one_body(bridge: RunningBridge, edge: RunningEdge, piece: int) -> None:
    """It makes no difference in which pieces a handler sends, be they larger than a window."""
    size = min(3_000_000, piece * 300)
    answer = await bridge.api.get(f"/here/p/bytes?n={size}&piece={piece}")
    assert answer.body == pattern(size)


async def test_both_directions_at_once(bridge: RunningBridge, edge: RunningEdge) -> None:
    """A handler may answer while it still reads: neither direction waits for the other."""
    body = pattern(2 * 1024 * 1024)
    answer = await bridge.api.call("POST", "/here/p/mirror", body=chunks(body, 30_000))
    assert answer.body == body


async def test_the_smallest_window_is_enough(bridge: RunningBridge) -> None:
    """Every body byte is credited, also those that came with a head: a small window never runs dry."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        taken, more = b"", True
        while more:
            message = await receive()
            taken, more = taken + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": taken, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    body = pattern(200_000)
    async with running_application(bridge, app, window=64 * 1024):
        assert (await bridge.api.call("POST", "/here/p/x", body=body)).body == body


async def test_an_early_answer_is_given_and_the_rest_of_the_body_is_not_wanted(
    bridge: RunningBridge, edge: RunningEdge
) -> None:
    """An answer that comes before the body has ended reaches the caller, though most of the body was never sent."""
    stopped = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(10_000)
        finally:
            stopped.set()

    answer = await bridge.api.call("POST", "/here/p/refuse", body=endless())
    assert (answer.status, answer.body) == (413, b"too much")
    await asyncio.wait_for(stopped.wait(), 5)


async def test_an_early_answer_reaches_a_caller_that_sends_first_and_reads_later(
    bridge: RunningBridge, edge: RunningEdge
) -> None:
    """The connection is not reset under a body that was on its way when the answer came."""
    size = 900_000
    head = request(bridge, "/here/p/refuse", f"Content-Length: {size}")
    answer = await raw_http(bridge.url, head + bytes(size))
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert b"too much" in answer
    assert answer.endswith(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "wrong"), [("/here/p/refuse", ""), ("/here/p/refuse", "x"), ("/tokens", "x"), ("/here/../x", "")]
)
async def test_a_flood_after_the_answer_keeps_no_connection(
    bridge: RunningBridge, edge: RunningEdge, path: str, wrong: str
) -> None:
    """A body that goes on after the answer is dropped, and the connection is closed soon."""
    head = request(bridge, path, "Content-Length: 1000000000")
    head = head.replace(b"Bearer ", f"Bearer {wrong}".encode())
    async with asyncio.timeout(8):
        answer = await raw_http(bridge.url, head + bytes(8 * 1024 * 1024))
    assert answer.startswith(b"HTTP/1.1 4"), answer[:200]


async def test_expect_continue_is_answered(bridge: RunningBridge, edge: RunningEdge) -> None:
    """A caller that waits for leave to send its body gets it."""
    answer = await bridge.api.call(
        "POST", "/here/p/echo", body=pattern(100_000), headers={"expect": "100-continue"}
    )
    assert answer.json["sha256"] == hashlib.sha256(pattern(100_000)).hexdigest()


async def test_a_length_beside_chunks_does_not_count(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """Where both are given the chunks are the body, and the length does not travel on."""
    head = request(bridge, "/here/p/echo", "Transfer-Encoding: chunked", "Content-Length: 3")
    answer = await raw_http(bridge.url, head + b"5\r\nabcde\r\n0\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 400"):  # refusing it outright is as good
        assert hashlib.sha256(b"abcde").hexdigest().encode() in answer
        assert b"content-length" not in {name for name, _ in far.seen["headers"]}


async def test_a_body_nobody_reads_costs_a_window(bridge: RunningBridge, edge: RunningEdge, far: Any) -> None:
    """A handler that never looks at a large upload holds the caller back, and bounds what is kept for it."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            yield bytes(16_384)
            sent += 16_384

    async def post() -> int:
        return (await bridge.api.call("POST", "/here/p/ignore", body=endless())).status

    posting = asyncio.create_task(post())
    await wait_until(lambda: far.begun["ignore"])
    await still(lambda: sent)
    # A window on the link, the server's own queue of ten pieces, and what sockets of both sides hold.
    assert sent < 12 * 1024 * 1024
    connection = bridge.bridge.registry.live("here")
    assert connection is not None
    assert queued(connection) <= 2 * WINDOW
    far.gate.set()
    assert await posting == 200


async def test_an_answer_nobody_reads_costs_a_window(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """A caller that does not read stops its own handler, and bounds what is kept for it on both sides."""
    async with bridge.api.open("GET", "/here/p/endless") as response:
        await wait_until(lambda: far.given["endless"])
        await still(lambda: far.given["endless"])
        assert far.given["endless"] < 12 * 1024 * 1024
        connection = bridge.bridge.registry.live("here")
        assert connection is not None
        assert queued(connection) <= 2 * WINDOW
        response.close()
    await wait_until(lambda: far.cancelled["endless"])


async def test_a_slow_reader_delays_nobody_else(bridge: RunningBridge, edge: RunningEdge, far: Any) -> None:
    """While one caller does not read its answer, others on the same link get theirs."""
    async with bridge.api.open("GET", "/here/p/endless") as stuck:
        await wait_until(lambda: far.given["endless"])
        await still(lambda: far.given["endless"])
        async with asyncio.timeout(5):
            for _ in range(20):
                assert (await bridge.api.get("/here/p/short")).status == 200
            answer = await bridge.api.get("/here/p/bytes?n=2000000")
        assert answer.body == pattern(2_000_000)
        stuck.close()


async def test_a_handler_that_does_not_read_delays_nobody_else(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """While one upload is not taken, others on the same link are."""
    stuck = asyncio.create_task(
        bridge.api.call("POST", "/here/p/ignore", body=io.BytesIO(pattern(4_000_000)))
    )
    await wait_until(lambda: far.begun["ignore"])
    async with asyncio.timeout(5):
        for _ in range(5):
            answer = await bridge.api.call("POST", "/here/p/echo", body=pattern(500_000))
            assert answer.json["sha256"] == hashlib.sha256(pattern(500_000)).hexdigest()
    far.gate.set()
    assert (await stuck).status == 200


async def test_many_calls_at_once_get_their_own_answers(bridge: RunningBridge, edge: RunningEdge) -> None:
    """64 distinct calls under way at the same time, of many sizes both ways: none is answered with another's bytes."""

    async def one(number: int, api: Api) -> None:
        body = number.to_bytes(4, "big") * (number * number * 20 + 1)
        sent = body if number % 2 else chunks(body, 7_000 + number)
        answer = await api.call("POST", "/here/p/mirror", body=sent)
        assert answer.body == body

    async with asyncio.TaskGroup() as group:
        for number in range(64):
            group.create_task(one(number, bridge.api))


async def test_a_connection_is_used_again(bridge: RunningBridge, edge: RunningEdge) -> None:
    """Keep-alive holds through calls with and without bodies."""
    head = request(bridge, "/here/p/echo", "Content-Length: 2").replace(b"Connection: close\r\n", b"")
    last = request(bridge, "/here/p/echo", method="GET")
    answer = await raw_http(bridge.url, head + b"ab" + head + b"cd" + last)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert hashlib.sha256(b"cd").hexdigest().encode() in answer


@pytest.mark.parametrize(
    ("declared", "given"), [(10, 4), (4, 10), (10, 0), (0, 4)], ids=["short", "long", "none", "some"]
)
async def test_a_body_that_belies_its_length_never_looks_complete(
    bridge: RunningBridge, declared: int, given: int
) -> None:
    """Where an edge's body is not as long as it said, the caller is not given another body of that length."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-length", str(declared).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * given})

    async with running_application(bridge, app):
        answer = await raw_http(bridge.url, request(bridge, "/here/p/x", method="GET"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: %d" % declared in head.lower()
    assert len(body) < declared or declared == 0
    assert len(body) <= declared
    # The bridge itself is none the worse for it.
    assert (await bridge.api.get("/healthz")).status == 200


async def still(value: Any) -> None:
    """Wait until a number has not changed for a while."""
    last, same = value(), 0

    def settled() -> bool:
        nonlocal last, same
        now = value()
        same = same + 1 if now == last else 0
        last = now
        return same >= 40

    await wait_until(settled)


def queued(connection: Any) -> int:
    """Bytes that one end of a link keeps: in exchanges that nobody has read, and for its peer."""
    kept = sum(len(chunk) for exchange in connection._exchanges.values() for chunk in exchange._chunks)
    waiting: int = connection.queued
    return kept + waiting
