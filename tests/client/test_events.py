"""The event stream against a real server that breaks off, forgets and refuses."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from radical_edge_client import AsyncBridgeClient
from radical_edge_core.errors import Unauthorized

Serve = Callable[..., AbstractAsyncContextManager[str]]
EDGES = {"hpc": {"plugins": {"psij": {}}}}


class Log:
    """What a bridge's ``/events`` is to a listener: a log, cursors, and a change to wait for."""

    def __init__(self) -> None:
        self.events: list[tuple[str | None, dict[str, Any]]] = []
        self.requests: list[web.Request] = []
        self.changed = asyncio.Condition()
        self.cut = 0

    async def add(self, topic: str, data: object, event_id: str | None = None, edge: str = "hpc") -> None:
        notification = {"edge": edge, "plugin": "psij", "topic": topic, "data": data}
        await self.append({"topic": "notification", "data": notification}, event_id)

    async def append(self, envelope: dict[str, Any], event_id: str | None = None) -> None:
        async with self.changed:
            self.events.append((event_id, envelope))
            self.changed.notify_all()

    async def break_off(self) -> None:
        """End every connection that is open now, in the middle of an event."""
        async with self.changed:
            self.cut += 1
            self.changed.notify_all()

    async def connections(self, count: int) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: len(self.requests) >= count)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        async with self.changed:
            self.requests.append(request)
            cut = self.cut
            last = request.headers.get("Last-Event-ID")
            ids = [event_id for event_id, _ in self.events]
            at = ids.index(last) + 1 if last in ids else len(ids)
            self.changed.notify_all()
        topology = {"topic": "topology", "data": {"bridge": {}, "edges": EDGES}}
        await response.write(written(topology, ids[at - 1] if at else None))
        ephemeral = request.query.get("ephemeral", "").split(",")
        while True:
            async with self.changed:
                await self.changed.wait_for(lambda at=at: self.cut > cut or len(self.events) > at)
                new, at = self.events[at:], len(self.events)
            for event_id, envelope in new:
                if event_id or envelope["topic"] != "notification" or envelope["data"]["topic"] in ephemeral:
                    await response.write(written(envelope, event_id))
            if self.cut > cut:
                await response.write(b"id: e.99\ndata: {")
                assert request.transport
                request.transport.close()
                return response


def written(envelope: dict[str, Any], event_id: str | None = None) -> bytes:
    return (f"id: {event_id}\n" if event_id else "").encode() + f"data: {json.dumps(envelope)}\n\n".encode()


class Heard:
    """A callback that keeps what it was called with."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def __call__(self, *arguments: Any) -> None:
        self.queue.put_nowait(arguments)

    async def next(self) -> tuple[Any, ...]:
        async with asyncio.timeout(10):
            return await self.queue.get()


@pytest.fixture
def bridge() -> Log:
    return Log()


@pytest.fixture
async def client(serve: Serve, bridge: Log) -> AsyncIterator[AsyncBridgeClient]:
    async with serve(bridge) as url, AsyncBridgeClient(url, token="t") as client:
        yield client


async def test_callbacks_hear_what_their_filters_match(client: AsyncBridgeClient, bridge: Log) -> None:
    """``None`` matches everything; functions and coroutine functions are called alike, with all four."""
    everything, jobs, other = Heard(), Heard(), Heard()

    async def slow_jobs(*arguments: Any) -> None:
        await asyncio.sleep(0)
        jobs(*arguments)

    client.register_callback(callback=everything)
    client.register_callback("hpc", "psij", "job_status", slow_jobs)
    client.register_callback(edge_id="laptop", callback=other)
    assert await client.wait_for_listener(10)
    await bridge.add("job_status", {"job_id": "1"}, "e.1")
    await bridge.add("other", None, "e.2", edge="laptop")
    assert await everything.next() == ("hpc", "psij", "job_status", {"job_id": "1"})
    assert await jobs.next() == ("hpc", "psij", "job_status", {"job_id": "1"})
    assert await other.next() == ("laptop", "psij", "other", None)
    assert jobs.queue.empty()


async def test_a_failing_callback_stops_nobody(
    client: AsyncBridgeClient, bridge: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """What one callback raises is logged; the others, and it itself at the next event, are called."""
    heard, calls = Heard(), Heard()

    def failing(*arguments: Any) -> None:
        calls(*arguments)
        raise KeyError("oops")

    client.register_callback(callback=failing)
    client.register_callback(callback=heard)
    assert await client.wait_for_listener(10)
    for number in (1, 2):
        await bridge.add("job_status", number, f"e.{number}")
        assert (await heard.next())[3] == number
    assert calls.queue.qsize() == 2
    assert "oops" in caplog.text


async def test_a_broken_connection_loses_and_repeats_nothing(client: AsyncBridgeClient, bridge: Log) -> None:
    """The stream comes back with the last id that was handed out, not with one it saw in half an event."""
    heard = Heard()
    client.register_callback(callback=heard)
    assert await client.wait_for_listener(10)
    for number in range(1, 31):
        await bridge.add("job_status", number, f"e.{number}")
        if number % 10 == 0:
            assert [(await heard.next())[3] for _ in range(10)] == list(range(number - 9, number + 1))
            await bridge.break_off()
            await bridge.connections(number // 10 + 1)
    assert [request.headers.get("Last-Event-ID") for request in bridge.requests] == [
        None,
        "e.10",
        "e.20",
        "e.30",
    ]
    assert heard.queue.empty()


async def test_a_stream_that_breaks_off_before_any_event(client: AsyncBridgeClient, bridge: Log) -> None:
    """The topology's id says where the stream began, so what comes meanwhile is heard."""
    heard = Heard()
    await bridge.add("job_status", "long ago", "e.7")
    client.register_callback(callback=heard)
    assert await client.wait_for_listener(10)
    await bridge.break_off()
    await bridge.add("job_status", "meanwhile", "e.8")
    assert (await heard.next())[3] == "meanwhile"
    assert heard.queue.empty()


async def test_an_event_that_comes_twice_is_told_once(client: AsyncBridgeClient, bridge: Log) -> None:
    """A server that replays too much does no harm; an id of another epoch is a new event."""
    heard = Heard()
    client.register_callback(callback=heard)
    assert await client.wait_for_listener(10)
    for event_id in ("e.9", "e.10", "e.10", "e.9", "f.1"):
        await bridge.add("job_status", event_id, event_id)
    assert [(await heard.next())[3] for _ in range(3)] == ["e.9", "e.10", "f.1"]


async def test_ephemeral_topics_are_asked_for_by_name(client: AsyncBridgeClient, bridge: Log) -> None:
    """Naming a topic opens the stream anew with it; the durable events in between are not lost."""
    everything, metrics = Heard(), Heard()
    client.register_callback(callback=everything)
    assert await client.wait_for_listener(10)
    await bridge.add("metrics", 1)
    await bridge.add("job_status", 2, "e.1")
    assert (await everything.next())[3] == 2
    client.register_callback(topic="metrics", callback=metrics)
    await bridge.add("job_status", 3, "e.2")
    assert await client.wait_for_listener(10)
    await bridge.add("metrics", 4)
    assert (await metrics.next())[3] == 4
    assert [(await everything.next())[3] for _ in range(2)] == [3, 4]
    assert [request.query.get("ephemeral") for request in bridge.requests] == [None, "metrics"]
    client.unregister_callback(topic="metrics", callback=metrics)
    await bridge.connections(3)
    assert "ephemeral" not in bridge.requests[2].query


async def test_topology_callbacks_get_the_edges(client: AsyncBridgeClient, bridge: Log) -> None:
    """At the begin, at every change, and at once where the stream stands already."""
    first, late = Heard(), Heard()
    client.register_topology_callback(first)
    assert await first.next() == (EDGES,)
    client.register_topology_callback(late)
    assert await late.next() == (EDGES,)
    await bridge.append({"topic": "topology", "data": {"bridge": {}, "edges": {}}})
    assert await first.next() == ({},)
    client.unregister_topology_callback(late)
    client.unregister_topology_callback(late)


async def test_a_gap_is_told(
    client: AsyncBridgeClient, bridge: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """``truncated`` reaches the callbacks for gaps and the log; so does nothing that can't be read."""
    gaps = Heard()
    client.register_gap_callback(gaps)
    assert await client.wait_for_listener(10)
    await bridge.append({"topic": "notification", "data": "nonsense"}, "e.1")
    await bridge.append({"topic": "of a later version", "data": None})
    await bridge.append({"topic": "truncated", "data": {"from": "e.1", "to": "e.9"}})
    assert await gaps.next() == ({"from": "e.1", "to": "e.9"},)
    assert "events were lost" in caplog.text
    assert "can't be read" in caplog.text
    client.unregister_gap_callback(gaps)


async def test_no_stream_in_time(serve: Serve) -> None:
    """A listener that does not stand in time is ``False``, not an exception."""
    released = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await released.wait()
        return response

    async with serve(silent) as url, AsyncBridgeClient(url, token="t") as client:
        assert not await client.wait_for_listener(0.2)
        released.set()


async def test_a_refused_stream_is_told_at_once(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """With a wrong token nobody waits in vain, and the log has the reason once."""

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response(Unauthorized("the token is unknown").problem(), status=401)

    async with serve(refuse) as url, AsyncBridgeClient(url, token="t") as client:
        async with asyncio.timeout(10):
            assert not await client.wait_for_listener(30)
            assert not await client.wait_for_listener(30)
    assert [record.levelno for record in caplog.records if "unknown" in record.message] == [logging.ERROR]


async def test_a_callback_may_close_the_client(client: AsyncBridgeClient, bridge: Log) -> None:
    """Closing from inside a callback ends the stream without waiting for itself."""
    done = asyncio.Event()

    async def close(*_: Any) -> None:
        await client.close()
        done.set()

    client.register_callback(callback=close)
    assert await client.wait_for_listener(10)
    await bridge.add("job_status", 1, "e.1")
    async with asyncio.timeout(10):
        await done.wait()
    await client.close()
