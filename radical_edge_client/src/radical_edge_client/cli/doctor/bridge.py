"""Checks that need the bridge: answers, clock, token, events, WebSockets, and the edges behind it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from radical_edge_client import __version__
from radical_edge_client.bridge import AsyncBridgeClient
from radical_edge_client.cli.doctor.findings import Finding, fail, ok, warn
from radical_edge_client.cli.doctor.way import Blocked
from radical_edge_core.errors import EdgeError, Forbidden, Unauthorized

EVENT_S: Final = 12.0
SKEW_S: Final = 5.0
_UPGRADE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "cmFkaWNhbC1lZGdlLWRyLg==",
}


async def bridge(client: AsyncBridgeClient) -> AsyncIterator[Finding]:
    """
    Check everything behind the connection.

    Raises:
        Blocked: The bridge does not answer, or not to this token.
    """
    async for finding in _answers(client):
        yield finding
    yield await _token(client)
    yield await _events(client)
    async for finding in _edges(client):
        yield finding


async def _answers(client: AsyncBridgeClient) -> AsyncIterator[Finding]:
    sent = time.time()
    try:
        async with client.transport.stream("GET", "/healthz", deadline_s=10) as answer:
            told: Any = msgspec.json.decode(await answer.read())
            date = answer.headers.get("Date")
    except (EdgeError, msgspec.DecodeError) as error:
        detail = error.detail if isinstance(error, EdgeError) else "it answers, but not as a bridge"
        raise Blocked(fail("bridge", detail)) from error
    version = str(told.get("version"))
    if version.split(".")[:2] == __version__.split(".")[:2]:
        yield ok("bridge", f"version {version}")
    else:
        yield warn(
            "bridge", f"version {version}, here is {__version__}", "use the same minor version on both sides"
        )
    if date is not None:
        yield _clock("clock", parsedate_to_datetime(date).timestamp() - (sent + time.time()) / 2)


def _clock(subject: str, skew: float) -> Finding:
    if abs(skew) <= SKEW_S:
        return ok(subject, f"within {SKEW_S:g} s of ours")
    ahead = "ahead of" if skew > 0 else "behind"
    return warn(
        subject, f"{abs(skew):.0f} s {ahead} ours", "set the clocks right (NTP): expiry times depend on them"
    )


async def websockets(client: AsyncBridgeClient) -> Finding:
    """
    Tell whether an edge's WebSocket would get through from here: its request must arrive as one.

    Args:
        client: One that is used for nothing else, since its connection is spoilt.
    """
    advice = "something in between removes or blocks Upgrade: edges behind it can't connect; have the bridge excepted"
    try:
        async with client.transport.stream("GET", "/register", headers=_UPGRADE, deadline_s=10):
            return warn("websocket", "an unexpected answer to Upgrade")
    except Unauthorized:
        return ok(
            "websocket", "Upgrade arrives at the bridge"
        )  # it wants an edge's credential, which we have not
    except EdgeError as error:
        return warn("websocket", f"Upgrade does not arrive ({error.status_code})", advice)


async def _token(client: AsyncBridgeClient) -> Finding:
    try:
        edges = await client.list_edges()
    except (Unauthorized, Forbidden) as error:
        raise Blocked(fail("authorisation", error.detail)) from error
    except EdgeError as error:
        raise Blocked(fail("authorisation", f"no answer to a call: {error.detail}")) from error
    return ok("authorisation", f"the token is good; it sees {len(edges)} connected edges")


async def _events(client: AsyncBridgeClient) -> Finding:
    begun = time.monotonic()
    if await client.wait_for_listener(EVENT_S):
        return ok("events", f"the first one came after {time.monotonic() - begun:.1f} s")
    advice = "a proxy in between holds answers back: have it not buffer text/event-stream"
    return fail("events", f"none within {EVENT_S:g} s", advice)


async def _edges(client: AsyncBridgeClient) -> AsyncIterator[Finding]:
    edges = await client.known_edges()
    if not edges:
        yield warn("edges", "none has ever joined", "start one: radical-edge-service --name NAME --url URL")
    for edge in edges:
        yield _edge(edge)
        if edge.get("clock_skew_s") is not None and abs(edge["clock_skew_s"]) > SKEW_S:
            yield _clock(f"edge {edge['name']}", edge["clock_skew_s"])


def _edge(edge: Mapping[str, Any]) -> Finding:
    subject = f"edge {edge['name']}"
    if not edge["connected"]:
        advice = "look at the log of its radical-edge-service"
        return warn(subject, f"away: {edge.get('reason') or 'no reason known'}", advice)
    if edge.get("suspect"):
        return warn(subject, "connected, but silent for some seconds")
    version = edge.get("version")
    told = f"connected, {edge['plugin_count']} plugins" + (f", version {version}" if version else "")
    if version and str(version).split(".")[:2] != __version__.split(".")[:2]:
        return warn(subject, told, f"here is {__version__}: use the same minor version")
    return ok(subject, told)
