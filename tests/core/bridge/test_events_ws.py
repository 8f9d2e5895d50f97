"""``/events/ws``: the events of ``/events`` as messages, with the same filters, rights and replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest

from radical_edge_core.plugin import Plugin, operation
from radical_edge_core.testing.api import Api
from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.byte_peer import Rejected, byte_peer
from radical_edge_core.testing.edges import RunningEdge, running_edge
from radical_edge_core.testing.listening import listening
from radical_edge_core.testing.waiting import wait_until


class Bell(Plugin):
    name = "bell"
    topics: ClassVar = {"rung": "durable", "level": "ephemeral"}

    @operation.post("ring")
    async def ring(self, n: int, owner: str = "", topic: str = "rung") -> dict[str, int]:
        self.notify(topic, {"n": n}, owner)
        return {"n": n}


@pytest.fixture
async def bell(bridge: RunningBridge) -> AsyncIterator[RunningEdge]:
    async with running_edge(bridge, "here", [Bell]) as edge:
        yield edge


async def ring(bridge: RunningBridge, *numbers: int, **more: str) -> None:
    for n in numbers:
        assert (await bridge.api.post("/here/bell/ring", {"n": n, **more})).status == 200


class Socket:
    """An open WebSocket of events."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.all: list[dict[str, Any]] = []

    async def next(self, topic: str) -> dict[str, Any]:
        """The next message of a topic."""
        while True:
            message: dict[str, Any] = await self.socket.receive_json(timeout=10)
            self.all.append(message)
            if message["topic"] == topic:
                return message

    async def numbers(self, count: int) -> list[int]:
        """What so many notifications tell."""
        return [(await self.next("notification"))["data"]["data"]["n"] for _ in range(count)]


@asynccontextmanager
async def events(api: Api, query: str = "") -> AsyncIterator[Socket]:
    async with api.session.ws_connect(f"{api.url}/events/ws{query}") as socket:
        made = Socket(socket)
        first = await made.next("topology")
        assert first is made.all[0]
        yield made


async def test_events_are_messages(bridge: RunningBridge, bell: RunningEdge) -> None:
    """Each is one JSON object with id, topic and data; the first is the topology; ids are those of ``/events``."""
    async with events(bridge.api) as socket, listening(bridge.api) as stream:
        assert "here" in socket.all[0]["data"]["edges"]
        await ring(bridge, 1, 2)
        message = await socket.next("notification")
        assert set(message) == {"id", "topic", "data"}
        assert message["data"] == {"edge": "here", "plugin": "bell", "topic": "rung", "data": {"n": 1}}
        assert message["id"] == (await stream.next("notification")).id
        assert await socket.numbers(1) == [2]


async def test_a_listener_goes_on_where_it_was(bridge: RunningBridge, bell: RunningEdge) -> None:
    """``last_event_id`` moves the cursor, and an unknown one is told as a gap."""
    async with events(bridge.api) as socket:
        await ring(bridge, 1, 2, 3)
        first = (await socket.next("notification"))["id"]
    async with events(bridge.api, f"?last_event_id={first}") as socket:
        assert await socket.numbers(2) == [2, 3]
    async with events(bridge.api, "?last_event_id=other.7") as socket:
        gap = await socket.next("truncated")
        assert gap["data"]["after"] == "other.7"
        assert socket.all[0]["id"] is None, "no id that is known comes before the word of the gap"
        assert await socket.numbers(3) == [1, 2, 3]


async def test_filters_are_the_same(bridge: RunningBridge, bell: RunningEdge) -> None:
    """Topics, plugin and edge are named as for ``/events``; ephemeral ones by name only, and without an id."""
    async with events(bridge.api, "?topics=level&plugin=bell") as named, events(bridge.api) as plain:
        await ring(bridge, 1)
        await wait_until(lambda: bell.runtime is not None and bool(bell.runtime._wanted_topics))
        await ring(bridge, 2, topic="level")
        await ring(bridge, 3)
        level = await named.next("notification")
        assert (level["id"], level["data"]["data"]) == (None, {"n": 2})
        assert await plain.numbers(2) == [1, 3]


async def test_rights_are_the_same(bridge: RunningBridge, bell: RunningEdge) -> None:
    """Another subject's events, and edges out of reach, are not told, live or on replay."""
    narrow = await bridge.caller_with("read:elsewhere/*", subject="ben")
    other = await bridge.caller_with("read:*", subject="ben")
    async with events(narrow) as no, events(other) as some:
        await ring(bridge, 1, owner="ada")
        await ring(bridge, 2)
        assert await some.numbers(1) == [2]
        assert "here" not in no.all[0]["data"]["edges"]
    async with events(other, "?last_event_id=0.0") as some:
        assert await some.numbers(1) == [2]


async def test_who_may_not_listen_is_told(bridge: RunningBridge) -> None:
    """No token 401, an unknown parameter 422, both as problem documents and before any WebSocket."""
    for api, query, status in (
        (await bridge.caller(None), "", 401),
        (await bridge.caller("wrong"), "", 401),
        (bridge.api, "?topic=x", 422),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await api.session.ws_connect(f"{bridge.url}/events/ws{query}")
        assert raised.value.status == status
    with pytest.raises(Rejected) as rejected:
        async with byte_peer(bridge.url, target="/events/ws"):
            pass
    assert b'"code":"unauthorized"' in rejected.value.body


async def test_a_revoked_token_ends_the_socket(home: Path) -> None:
    """The socket is closed with 1008 soon after."""
    async with running_bridge(home, heartbeat_s=0.2) as bridge:
        made = (await bridge.api.post("/tokens", {"scopes": ["read:*"]})).json
        api = await bridge.caller(made["token"])
        async with events(api) as socket:
            assert (await socket.next("heartbeat"))["id"] is None
            assert (await bridge.api.call("DELETE", f"/tokens/{made['id']}")).status == 200
            while (message := await socket.socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert socket.socket.close_code == 1008


async def test_a_bridge_that_stops_says_so(home: Path) -> None:
    """Its sockets are closed with 1012, to come back."""
    async with running_bridge(home) as bridge, events(bridge.api) as socket:
        stopping = asyncio.create_task(bridge.stop())
        message = await socket.socket.receive(timeout=10)
        assert (message.type, socket.socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1012)
        await stopping


async def test_a_listener_that_leaves_is_forgotten(bridge: RunningBridge) -> None:
    """What it says is not looked at, and nothing of it stays."""
    async with events(bridge.api) as socket:
        await socket.socket.send_str("hello")
        await socket.socket.send_bytes(b"\x00")
        assert len(bridge.bridge.streams) == 1
    await wait_until(lambda: len(bridge.bridge.streams) == 0)


async def test_other_websockets_are_refused(bridge: RunningBridge) -> None:
    """There are no more than two addresses for WebSockets."""
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await bridge.api.session.ws_connect(f"{bridge.url}/events/other")
