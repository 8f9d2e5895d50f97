"""
Which edges there are, which have a live link, and the calls that wait for one.

A call for an enrolled edge that is away is parked: ``attach`` wakes it, and nothing polls. It is bounded in number,
bytes and time, and one whose caller leaves never reaches the edge. A link that carries all it can is waited for
likewise, so that the calls which an edge finds at its return are answered, however many they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial

from attrs import define, field

from radical_edge_core.bridge.parking import Lot, Row
from radical_edge_core.errors import EdgeAway, EdgeError, NotFound, Overloaded, Unavailable
from radical_edge_core.link.heads import Hello
from radical_edge_core.link.notes import Note, encode_note
from radical_edge_core.names import HOSTED
from radical_edge_core.scopes import reaches, touches
from radical_edge_core.wire.connection import Connection


@define(eq=False)
class EdgeRecord:
    """
    One edge as the bridge knows it, connected or away.

    Attributes:
        link: The connection while it is live, ``None`` while the edge is away.
        suspect: The link has been silent for long and may be about to go.
        plugins, endpoint: What the edge announced last.
        since: When it came or went, seconds since the epoch.
        away_reason: Why it has no link, in words.
        waiting: The calls that wait for it.
    """

    name: str
    waiting: Row
    link: Connection | None = None
    suspect: bool = False
    hello: Hello | None = None
    skew_s: float | None = None
    plugins: dict[str, dict[str, object]] = field(factory=dict)
    endpoint: dict[str, object] = field(factory=dict)
    since: float = field(factory=time.time)
    away_reason: str = "not connected since the bridge started"

    @property
    def connected(self) -> bool:
        """Whether there is a live link."""
        return self.link is not None

    def offered(self) -> list[str]:
        """Return the names of the plugins that it has announced, without those that it was told to leave out."""
        return sorted(name for name, told in self.plugins.items() if told.get("status") != "disabled")

    def plugin(self, name: str) -> Mapping[str, object] | None:
        """Return what the edge announced of one plugin."""
        return self.plugins.get(name)


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


class Registry:
    """
    All edges of one bridge.

    Args:
        enrolled: Says whether an edge of a name ever joined.
        changed: Called after every change of what the topology shows.
    """

    def __init__(self, enrolled: Callable[[str], bool], changed: Callable[[], None]) -> None:
        self._enrolled = enrolled
        self._changed = changed
        self._edges: dict[str, EdgeRecord] = {}
        self._lot = Lot()
        self.accepting = False

    def record(self, name: str) -> EdgeRecord:
        """Return the record of an edge, making it where it is new."""
        found = self._edges.get(name)
        if found is None:
            found = self._edges[name] = EdgeRecord(name, Row(self._lot))
        return found

    def get(self, name: str) -> EdgeRecord | None:
        """Return the record of an edge that is known."""
        return self._edges.get(name)

    def __iter__(self) -> Iterator[EdgeRecord]:
        # By name, the bridge's own last: whoever takes the first edge wants a resource.
        return iter(sorted(self._edges.values(), key=lambda record: (record.name == HOSTED, record.name)))

    @property
    def parked(self) -> int:
        """How many calls wait for an edge."""
        return self._lot.calls

    def connected(self) -> list[EdgeRecord]:
        """Return the edges that have a live link, by name."""
        return [record for record in self if record.connected]

    def attach(self, name: str, link: Connection, hello: Hello | None = None) -> None:
        """A link is live: note it and wake the calls that wait for it."""
        record = self.record(name)
        record.link, record.suspect, record.hello, record.since = link, False, hello, time.time()
        record.skew_s = None if hello is None else round(hello.clock - record.since, 3)
        link.room_made = partial(self._room_made, record)
        # More than it carries would only wait again.
        record.waiting.wake(link.vacant)
        self._changed()

    def detach(self, name: str, link: Connection, reason: str) -> None:
        """A link is gone, at least for now; ignored where another has taken its place."""
        record = self.record(name)
        if record.link is link:
            record.link, record.since, record.away_reason = None, time.time(), reason
            self._changed()

    def doubt(self, name: str, suspect: bool) -> None:
        """Note that an edge has fallen silent, or is heard again."""
        self.record(name).suspect = suspect
        self._changed()

    def announce(self, name: str, plugins: dict[str, dict[str, object]], endpoint: dict[str, object]) -> None:
        """Note what an edge offers now."""
        record = self.record(name)
        record.plugins, record.endpoint = plugins, endpoint
        self._changed()

    def forget(self, name: str) -> None:
        """Drop the record of an edge whose name was freed; calls that wait for it are told."""
        record = self._edges.pop(name, None)
        if record is not None:
            record.waiting.wake()
            self._changed()

    def live(self, name: str) -> Connection | None:
        """Return the edge's link where it takes calls: it is live, not full, and does not say goodbye."""
        record = self._edges.get(name)
        if record is None or record.link is None or record.link.peer_leaves or not record.link.vacant:
            return None
        return record.link

    async def link(
        self,
        name: str,
        wait_s: float,
        *,
        meanwhile: Callable[[], Awaitable[None]] = _for_ever,
        body: int | None = 0,
    ) -> Connection:
        """
        Return the link of an edge, waiting for it where the edge is away or has all the calls that it can take.

        Args:
            name: The edge's.
            wait_s: How long to wait at most.
            meanwhile: Awaited while the call waits; it never returns, and raises where the call has become pointless.
            body: How long the call's body is, bytes; ``None`` where nobody knows yet.

        Raises:
            NotFound: No edge of that name ever joined.
            EdgeAway: It did not come back within ``wait_s``.
            Overloaded: Too many calls wait already, or the edge had too many all the time.
            Unavailable: The bridge is stopping.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while (live := self.live(name)) is None:
            if name not in self._edges and not self._enrolled(name):
                raise _unknown(name)
            if not self.accepting:
                raise _stopping()
            record = self.record(name)
            if loop.time() >= until:
                raise _in_vain(record, wait_s)
            try:
                await record.waiting.wait(until, meanwhile, body)
            except BaseException:
                # It may have been woken, for room that it does not take.
                self._room_made(record)
                raise
        return live

    def _room_made(self, record: EdgeRecord) -> None:
        if record.waiting and self.live(record.name) is not None:
            record.waiting.wake(1)

    def close(self) -> None:
        """Take no edges and park no calls any more; those that wait are told."""
        self.accepting = False
        for record in self._edges.values():
            record.waiting.wake()

    def broadcast(self, note: Note) -> None:
        """Send a note to every connected edge."""
        payload = encode_note(note)
        for record in self._edges.values():
            if record.link is not None:
                record.link.notify(payload)

    def topology(self, url: str, scopes: tuple[str, ...]) -> dict[str, object]:
        """
        Return the object of ``/edge/list`` and of the ``topology`` event: the connected edges and their plugins.

        Only what ``scopes`` reach is in it.
        """
        edges = {
            record.name: {
                "endpoint": record.endpoint,
                "suspect": record.suspect,
                "plugins": {
                    name: {**announced, "namespace": f"/{record.name}/{name}"}
                    for name, announced in sorted(record.plugins.items())
                    if reaches(scopes, record.name, name)
                },
            }
            for record in self.connected()
            if touches(scopes, record.name) and (record.name != HOSTED or record.plugins)
        }
        return {"bridge": {"url": url}, "edges": edges}

    def overview(self, known: list[str], scopes: tuple[str, ...]) -> list[dict[str, object]]:
        """Return a row for each edge in reach, those that are away too; ``known`` are the names that ever joined."""
        for name in known:
            self.record(name)
        return [
            {
                "name": record.name,
                "plugins": record.offered(),
                "plugin_count": len(record.offered()),
                "connected": record.connected,
                "suspect": record.suspect,
                "since": record.since,
                "host": record.hello.host if record.hello else None,
                "version": record.hello.version if record.hello else None,
                "clock_skew_s": record.skew_s,
                "reason": None if record.connected else record.away_reason,
            }
            for record in self
            if touches(scopes, record.name) and (record.name != HOSTED or record.plugins)
        ]


def _in_vain(record: EdgeRecord, wait_s: float) -> EdgeError:
    if record.link is not None and not record.link.peer_leaves:
        return Overloaded(
            f"the edge {record.name!r} has too many calls under way", edge=record.name, retry_after_s=1
        )
    away_s = round(time.time() - record.since)
    return EdgeAway(
        f"the edge {record.name!r} is away for {away_s} s ({record.away_reason}); it did not come back within "
        f"{wait_s:g} s",
        edge=record.name,
        retry_after_s=5,
    )


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no edge named {name[:80]!r}; `radical-edge edges` lists them", edge=name[:80])


def _stopping() -> Unavailable:
    return Unavailable("the bridge is stopping; ask again in a moment", retry_after_s=2)
