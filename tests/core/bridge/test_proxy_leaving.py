"""Callers that leave, at any moment: their handler at the edge is cancelled within a second, and nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from radical_edge_core.testing.bridges import RunningBridge
from radical_edge_core.testing.edges import RunningEdge, running_application
from radical_edge_core.testing.waiting import wait_until

SOON_S = 1.0


async def leave(call: asyncio.Task[Any]) -> None:
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


async def trickling(gate: asyncio.Event) -> AsyncIterator[bytes]:
    """A body that begins, and goes on only once the gate is open."""
    yield bytes(1000)
    await gate.wait()
    yield bytes(1000)


def nothing_under_way(bridge: RunningBridge) -> bool:
    connection = bridge.bridge.registry.live("here")
    return connection is not None and connection.busy == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_before_the_answer(bridge: RunningBridge, edge: RunningEdge, far: Any, method: str) -> None:
    """A caller that leaves while it waits for the answer cancels the handler."""
    call = asyncio.create_task(
        bridge.api.call(method, "/here/p/wait", body=b"x" if method == "POST" else None)
    )
    await wait_until(lambda: far.begun["wait"])
    await leave(call)
    await wait_until(lambda: far.cancelled["wait"], SOON_S)
    await wait_until(lambda: nothing_under_way(bridge), SOON_S)


async def test_while_it_receives(bridge: RunningBridge, edge: RunningEdge, far: Any) -> None:
    """A caller that leaves in the middle of a download cancels the handler."""
    async with bridge.api.open("GET", "/here/p/endless") as response:
        await response.content.readexactly(1_000_000)
        response.close()
    await wait_until(lambda: far.cancelled["endless"], SOON_S)
    await wait_until(lambda: nothing_under_way(bridge), SOON_S)


async def test_while_it_does_not_read(bridge: RunningBridge, edge: RunningEdge, far: Any) -> None:
    """A caller that has stopped reading and then leaves cancels the handler, though that waits for credit."""
    async with bridge.api.open("GET", "/here/p/endless") as response:
        last = -1

        def stuck() -> bool:
            nonlocal last
            now = far.given["endless"]
            same, last = now == last, now
            return bool(now) and same

        await wait_until(stuck)
        response.close()
    await wait_until(lambda: far.cancelled["endless"], SOON_S)


async def test_while_it_sends(bridge: RunningBridge, edge: RunningEdge, far: Any) -> None:
    """A caller that leaves in the middle of an upload cancels the handler that reads it."""
    call = asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=trickling(asyncio.Event())))
    await wait_until(lambda: far.taken["mirror"])
    await leave(call)
    await wait_until(lambda: far.cancelled["mirror"], SOON_S)
    await wait_until(lambda: nothing_under_way(bridge), SOON_S)


async def test_while_its_body_is_not_taken(bridge: RunningBridge, edge: RunningEdge, far: Any) -> None:
    """A caller that leaves while the handler has stopped reading a body larger than a window cancels it too."""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(28):
            yield bytes(10_000)
        await asyncio.Event().wait()

    call = asyncio.create_task(bridge.api.call("POST", "/here/p/trickle", body=body()))
    await wait_until(lambda: far.taken["trickle"])
    await leave(call)
    await wait_until(lambda: far.cancelled["trickle"], SOON_S)


async def test_an_upload_that_breaks_off_is_no_complete_body(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """A handler never takes the beginning of a body for the whole of it."""
    call = asyncio.create_task(bridge.api.call("POST", "/here/p/wait", body=trickling(asyncio.Event())))
    await wait_until(lambda: far.taken["wait"])
    far.gate.set()
    await leave(call)
    await wait_until(lambda: far.cancelled["wait"], SOON_S)
    assert not far.ended["wait"]


@pytest.mark.parametrize("body", [None, b"x" * 1000, "chunked"])
async def test_while_it_is_parked(bridge: RunningBridge, far: Any, body: Any) -> None:
    """A call whose caller left while the edge was away never reaches the edge, and its place is free."""
    async with running_application(bridge, far):
        pass
    gate = asyncio.Event()
    sent = trickling(gate) if body == "chunked" else body
    call = asyncio.create_task(bridge.api.call("POST", "/here/p/echo", body=sent))
    await wait_until(lambda: bridge.bridge.registry.parked == 1)
    await leave(call)
    await wait_until(lambda: bridge.bridge.registry.parked == 0, SOON_S)
    async with running_application(bridge, far):
        assert (await bridge.api.get("/here/p/short")).status == 200
    assert far.begun == {"short": 1}


async def test_what_was_taken_while_parked_is_not_lost(bridge: RunningBridge, far: Any) -> None:
    """A body that had begun, or had come whole, before the edge was back arrives whole."""
    async with running_application(bridge, far):
        pass
    gate = asyncio.Event()
    gate.set()
    whole = asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=trickling(gate)))
    halted = asyncio.Event()
    begun = asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=trickling(halted)))
    await wait_until(lambda: bridge.bridge.registry.parked == 2)
    async with running_application(bridge, far):
        assert (await whole).body == bytes(2000)
        halted.set()
        assert (await begun).body == bytes(2000)


async def test_a_call_that_its_caller_gave_up_leaves_the_link_alone(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """Many callers leave at any moment of their calls, and every other call is answered as if they were not."""
    for round_ in range(30):
        calls = [
            asyncio.create_task(bridge.api.get("/here/p/bytes?n=400000")),
            asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=bytes(300_000))),
        ]
        for _ in range(round_):
            await asyncio.sleep(0)
        for call in calls:
            await leave(call)
    answer = await bridge.api.call("POST", "/here/p/mirror", body=bytes(300_000))
    assert answer.body == bytes(300_000)
    await wait_until(lambda: nothing_under_way(bridge), SOON_S)


async def test_a_handler_that_cancels_itself_is_not_a_caller_that_left(bridge: RunningBridge) -> None:
    """A handler that ends by a cancellation of its own making gives its caller a problem document."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        waiting = asyncio.ensure_future(asyncio.Event().wait())
        waiting.cancel()
        await waiting

    async with running_application(bridge, app):
        answer = await bridge.api.get("/here/p/x")
    assert answer.status in {500, 502}
    assert answer.code in {"plugin_failure", "edge_lost"}
