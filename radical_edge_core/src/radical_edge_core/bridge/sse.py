"""
``GET /events``: server-sent events; ``/events/ws``: the same as messages of a WebSocket.

A listener is a cursor into the event log, a set of filters and the rights of its token. What the cursor finds is joined
into one write: the cost is per write, not per event. Ephemeral events (the newest of each topic only) go to listeners
that name the topic. A listener whose cursor fell off the log, or is unknown, is told so by ``truncated``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import parse_qs

import msgspec
from attrs import define, field, frozen

from radical_edge_core.bridge.auth.door import Identity
from radical_edge_core.bridge.event_log import Entry, EventLog, notification
from radical_edge_core.errors import EdgeError, InvalidRequest
from radical_edge_core.link.notes import Event
from radical_edge_core.scopes import allows
from radical_edge_core.wire.asgi import Message, Receive, Scope, Send

HEARTBEAT_S: Final = 15.0
# A short wait after the first event of a burst lets the rest of it travel in the same write.
GATHER_S: Final = 0.005
# The parameter that stands for the header Last-Event-ID where a request can't have one.
LAST: Final = "last_event_id"
# Close codes. Source: RFC 6455, section 7.4.1, and the registry that it began.
_REFUSED: Final = 1008
_RESTART: Final = 1012
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


@frozen(kw_only=True)
class Filters:
    """What a listener asks for; empty means everything (of the durable topics)."""

    topics: frozenset[str] = frozenset()
    ephemeral: frozenset[str] = frozenset()
    edge: str | None = None
    plugin: str | None = None

    @classmethod
    def read(cls, query: bytes, *also: str) -> Filters:
        """
        Read them from a query string, where parameters named in ``also`` may stand too.

        Raises:
            InvalidRequest: A parameter is unknown.
        """
        given = parse_qs(query.decode("latin-1"))
        unknown = [name for name in given if name not in {"topics", "ephemeral", "edge", "plugin", *also}]
        if unknown:
            raise InvalidRequest(
                problems=[{"path": f"$.{name}", "message": "unknown parameter"} for name in unknown]
            )
        return cls(
            topics=_names(given.get("topics", [])),
            ephemeral=_names(given.get("ephemeral", [])),
            edge=given["edge"][-1] if "edge" in given else None,
            plugin=given["plugin"][-1] if "plugin" in given else None,
        )

    def place(self, edge: str, plugin: str) -> bool:
        """Say whether an edge and plugin pass."""
        return self.edge in {None, edge} and self.plugin in {None, plugin}

    def durable(self, topic: str) -> bool:
        """Say whether a durable topic passes."""
        return not self.topics or topic in self.topics

    @property
    def named(self) -> frozenset[str]:
        """The topics named outright: only these may be ephemeral ones."""
        return self.topics | self.ephemeral


@define(eq=False)
class Listener:
    """
    One open stream of events.

    Attributes:
        due: When it is to be shown, by the loop's clock, that the stream is alive, and looked whether it may be.
    """

    identity: Identity
    filters: Filters
    cursor: int
    due: float
    wake: asyncio.Event = field(factory=asyncio.Event)
    newest: dict[tuple[str, str, str], bytes] = field(factory=dict)
    topology: bool = True
    ended: bool = False

    def may_hear(self, edge: str, plugin: str, owner: str) -> bool:
        """Say whether the listener has the right to an event."""
        return owner in {"", self.identity.subject} and allows(self.identity.scopes, "read", edge, plugin)


class Outlet(Protocol):
    """
    How events are written to one listener.

    Attributes:
        gone: The type of the message that tells that the listener has left.
    """

    gone: str

    def event(self, data: bytes, event_id: str = "") -> bytes:
        """Return one event as it is written; ``data`` is the JSON of an object with topic and data."""

    def alive(self) -> bytes:
        """Return what only shows that the stream is alive."""

    async def write(self, chunks: list[bytes]) -> int:
        """Write them, and return how many bytes that were."""

    async def end(self, *, refused: bool) -> None:
        """End the stream in good order; ``refused``: the listener has no right to it any more."""


class _ServerSent:
    """``GET /events``."""

    gone = "http.disconnect"

    def __init__(self, send: Send) -> None:
        self._send = send

    def event(self, data: bytes, event_id: str = "") -> bytes:
        return (b"id: %s\ndata: %s\n\n" % (event_id.encode(), data)) if event_id else b"data: %s\n\n" % data

    def alive(self) -> bytes:
        return b":\n\n"

    async def write(self, chunks: list[bytes]) -> int:
        joined = b"".join(chunks)
        await self._send({"type": "http.response.body", "body": joined, "more_body": True})
        return len(joined)

    async def end(self, *, refused: bool) -> None:
        del refused  # a listener that comes back learns why
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class _Messages:
    """``/events/ws``: each event is a text message."""

    gone = "websocket.disconnect"

    def __init__(self, send: Send) -> None:
        self._send = send

    def event(self, data: bytes, event_id: str = "") -> bytes:
        head = b'"%s"' % event_id.encode() if event_id else b"null"
        return b'{"id":' + head + b"," + data[1:]

    def alive(self) -> bytes:
        return b'{"id":null,"topic":"heartbeat","data":{}}'

    async def write(self, chunks: list[bytes]) -> int:
        for chunk in chunks:
            await self._send({"type": "websocket.send", "text": chunk.decode()})
        return sum(map(len, chunks))

    async def end(self, *, refused: bool) -> None:
        code, reason = (_REFUSED, "the token is not valid any more") if refused else (_RESTART, "come back")
        await self._send({"type": "websocket.close", "code": code, "reason": reason})


class EventStreams:
    """
    All listeners of one bridge.

    Args:
        events: The log.
        topology: Returns the object of the ``topology`` event, for a listener's scopes.
        still_valid: Raises when an identity's token was revoked or has expired.
        interest: Called when the set of wanted ephemeral topics may have changed.
        heartbeat_s: How often a stream shows that it is alive.
    """

    def __init__(
        self,
        events: EventLog,
        *,
        topology: Callable[[tuple[str, ...]], dict[str, object]],
        still_valid: Callable[[Identity, bytes | None], None],
        interest: Callable[[], None],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._events = events
        self._topology = topology
        self._still_valid = still_valid
        self._interest = interest
        self._heartbeat_s = heartbeat_s
        self._listeners: set[Listener] = set()
        self._stopped = False

    def __len__(self) -> int:
        return len(self._listeners)

    def committed(self) -> None:
        """The log has grown."""
        for listener in self._listeners:
            listener.wake.set()

    def topology_changed(self) -> None:
        """Send the topology to everybody."""
        for listener in self._listeners:
            listener.topology = True
            listener.wake.set()

    def ephemeral(self, edge: str, event: Event) -> None:
        """Pass on an event that is not kept: the newest of its topic replaces one that was not sent yet."""
        line = b""
        for listener in self._listeners:
            wanted = event.topic in listener.filters.named and listener.filters.place(edge, event.plugin)
            if wanted and listener.may_hear(edge, event.plugin, event.owner):
                line = line or notification(edge, event.plugin, event.topic, event.data)
                listener.newest[edge, event.plugin, event.topic] = line
                listener.wake.set()

    def wanted(self, edge: str, plugins: list[str]) -> list[str]:
        """Return ``plugin/topic`` for what listeners name and may hear of an edge's plugins."""
        found: set[str] = set()
        for listener in self._listeners:
            for plugin in plugins:
                if listener.filters.place(edge, plugin) and listener.may_hear(edge, plugin, ""):
                    found.update(f"{plugin}/{topic}" for topic in listener.filters.named)
        return sorted(found)

    def recheck(self) -> None:
        """A token was revoked: end the streams that it opened."""
        for listener in self._listeners:
            listener.due = 0.0
            listener.wake.set()

    def stop(self) -> None:
        """End every stream."""
        self._stopped = True
        for listener in self._listeners:
            listener.ended = True
            listener.wake.set()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, identity: Identity, authorization: bytes | None
    ) -> int:
        """Answer one ``GET /events`` until either side ends it; returns the bytes sent."""
        filters = Filters.read(scope["query_string"])
        last = next((v.decode("latin-1") for n, v in scope["headers"] if n == b"last-event-id"), None)
        head: Message = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
        return await self._serve(
            receive, send, _ServerSent(send), head, filters, last, identity, authorization
        )

    async def websocket(
        self, scope: Scope, receive: Receive, send: Send, identity: Identity, authorization: bytes | None
    ) -> int:
        """
        Serve one WebSocket, whose request was received and is to be accepted; returns the bytes sent.

        What its peer sends is not looked at.

        Raises:
            InvalidRequest: A parameter is unknown; nothing was sent.
        """
        filters = Filters.read(scope["query_string"], LAST)
        last = parse_qs(scope["query_string"].decode("latin-1")).get(LAST, [None])[-1]
        head: Message = {"type": "websocket.accept"}
        return await self._serve(receive, send, _Messages(send), head, filters, last, identity, authorization)

    async def _serve(
        self,
        receive: Receive,
        send: Send,
        outlet: Outlet,
        head: Message,
        filters: Filters,
        last: str | None,
        identity: Identity,
        authorization: bytes | None,
    ) -> int:
        cursor, gap = self._cursor(last)
        listener = Listener(identity, filters, cursor, asyncio.get_running_loop().time() + self._heartbeat_s)
        self._listeners.add(listener)
        self._interest()
        leaving = asyncio.ensure_future(_left(receive, outlet.gone))
        leaving.add_done_callback(lambda _: _end(listener))
        try:
            await send(head)
            return await self._pour(listener, outlet, authorization, gap)
        finally:
            leaving.cancel()
            self._listeners.discard(listener)
            self._interest()

    async def _pour(
        self, listener: Listener, outlet: Outlet, authorization: bytes | None, gap: dict[str, str] | None
    ) -> int:
        sent, refused = 0, False
        while not listener.ended and not self._stopped:
            listener.wake.clear()
            chunks: list[bytes] = []
            if asyncio.get_running_loop().time() >= listener.due:
                # However much others are told meanwhile, this one hears something, and loses its right in time.
                listener.due = asyncio.get_running_loop().time() + self._heartbeat_s
                try:
                    self._still_valid(listener.identity, authorization)
                except EdgeError:
                    refused = True
                    break
                chunks.append(outlet.alive())
            if listener.topology:
                listener.topology = False
                told = {"topic": "topology", "data": self._topology(listener.identity.scopes)}
                # With the cursor as its id, a stream that breaks off before any notification can be continued too.
                # Not before a gap is told: who comes back with that id would never hear of it.
                place = self._id(listener.cursor) if gap is None else ""
                chunks.append(outlet.event(msgspec.json.encode(told), place))
            if gap is None and listener.cursor + 1 < self._events.oldest:
                gap = self._gap(self._id(listener.cursor))
            if gap is not None:
                listener.cursor = max(listener.cursor, self._events.oldest - 1)
                told = {"topic": "truncated", "data": gap}
                chunks.append(outlet.event(msgspec.json.encode(told), self._id(listener.cursor)))
                gap = None
            entries = await self._events.after(listener.cursor)
            for entry in entries:
                listener.cursor = entry.n
                if self._passes(listener, entry):
                    chunks.append(outlet.event(entry.line(), self._id(entry.n)))
            if listener.newest:
                newest, listener.newest = listener.newest, {}
                chunks.extend(outlet.event(line) for line in newest.values())
            if chunks:
                sent += await outlet.write(chunks)
            if not entries and not listener.wake.is_set():
                await self._wait(listener)
        await outlet.end(refused=refused)
        return sent

    @staticmethod
    async def _wait(listener: Listener) -> None:
        try:
            async with asyncio.timeout_at(listener.due):
                await listener.wake.wait()
            await asyncio.sleep(GATHER_S)
        except TimeoutError:
            pass

    def _passes(self, listener: Listener, entry: Entry) -> bool:
        filters = listener.filters
        return (
            filters.durable(entry.topic)
            and filters.place(entry.edge, entry.plugin)
            and listener.may_hear(entry.edge, entry.plugin, entry.owner)
        )

    def _cursor(self, last: str | None) -> tuple[int, dict[str, str] | None]:
        """Return where a listener begins, and what is told of a gap."""
        events = self._events
        if not last:
            return events.newest, None
        epoch, _, number = last.partition(".")
        if epoch == events.epoch and number.isascii() and number.isdigit() and int(number) <= events.newest:
            return int(number), None
        # Another log, or none that is known: tell of the gap, then give all there is.
        return events.oldest - 1, self._gap(last)

    def _gap(self, after: str) -> dict[str, str]:
        return {"after": after[:80], "before": self._id(self._events.oldest)}

    def _id(self, n: int) -> str:
        return f"{self._events.epoch}.{n}"


def _names(values: list[str]) -> frozenset[str]:
    return frozenset(name for value in values for name in value.split(",") if name)


async def _left(receive: Receive, gone: str) -> None:
    while (await receive())["type"] != gone:
        pass


def _end(listener: Listener) -> None:
    listener.ended = True
    listener.wake.set()
