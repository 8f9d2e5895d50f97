"""
Which edges there are, which have a live link, and the calls that wait for one.

A call for an enrolled edge that is away is parked: it waits for the link by a future that ``attach`` wakes, never by
polling, bounded in number and time. A caller that leaves takes its future along, so its call never reaches the edge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

from attrs import define, field

from radical_edge_core.errors import EdgeAway, NotFound, Overloaded, Unavailable
from radical_edge_core.link.heads import Hello
from radical_edge_core.link.notes import Note, encode_note
from radical_edge_core.names import HOSTED
from radical_edge_core.scopes import reaches, touches
from radical_edge_core.wire.connection import Connection

MAX_PARKED = 10_000


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
    """

    name: str
    link: Connection | None = None
    suspect: bool = False
    hello: Hello | None = None
    skew_s: float | None = None
    plugins: dict[str, dict[str, object]] = field(factory=dict)
    endpoint: dict[str, object] = field(factory=dict)
    since: float = field(factory=time.time)
    away_reason: str = "not connected since the bridge started"
    waiting: set[asyncio.Future[Connection]] = field(factory=set)

    @property
    def connected(self) -> bool:
        """Whether there is a live link."""
        return self.link is not None

    def plugin(self, name: str) -> Mapping[str, object] | None:
        """Return what the edge announced of one plugin."""
        return self.plugins.get(name)


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
        self._parked = 0
        self.accepting = False

    def record(self, name: str) -> EdgeRecord:
        """Return the record of an edge, making it where it is new."""
        found = self._edges.get(name)
        if found is None:
            found = self._edges[name] = EdgeRecord(name)
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
        return self._parked

    def connected(self) -> list[EdgeRecord]:
        """Return the edges that have a live link, by name."""
        return [record for record in self if record.connected]

    def attach(self, name: str, link: Connection, hello: Hello | None = None) -> None:
        """A link is live: note it and wake the calls that wait for it."""
        record = self.record(name)
        record.link, record.suspect, record.hello, record.since = link, False, hello, time.time()
        record.skew_s = None if hello is None else round(hello.clock - record.since, 3)
        for future in record.waiting:
            if not future.done():
                future.set_result(link)
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
            for future in record.waiting:
                if not future.done():
                    future.set_exception(_unknown(name))
            self._changed()

    def live(self, name: str) -> Connection | None:
        """Return the edge's link where it is live and takes calls; one that says goodbye takes no more."""
        record = self._edges.get(name)
        if record is None or record.link is None or record.link.peer_leaves:
            return None
        return record.link

    async def link(self, name: str, wait_s: float) -> Connection:
        """
        Return the live link of an edge, waiting for it where the edge is away.

        Raises:
            NotFound: No edge of that name ever joined.
            EdgeAway: It did not come back within ``wait_s``.
            Overloaded: Too many calls wait already.
            Unavailable: The bridge is stopping.
        """
        if (live := self.live(name)) is not None:
            return live
        if name not in self._edges and not self._enrolled(name):
            raise _unknown(name)
        record = self.record(name)
        if not self.accepting:
            raise _stopping()
        if self._parked >= MAX_PARKED:
            raise Overloaded(f"{self._parked} calls wait for edges already", retry_after_s=5)
        future: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        record.waiting.add(future)
        self._parked += 1
        try:
            async with asyncio.timeout(wait_s):
                return await future
        except TimeoutError:
            away_s = round(time.time() - record.since)
            raise EdgeAway(
                f"the edge {name!r} is away for {away_s} s ({record.away_reason}); it did not come back within "
                f"{wait_s:g} s",
                edge=name,
                retry_after_s=5,
            ) from None
        finally:
            self._parked -= 1
            record.waiting.discard(future)

    def close(self) -> None:
        """Take no edges and park no calls any more; those that wait are told."""
        self.accepting = False
        for record in self._edges.values():
            for future in record.waiting:
                if not future.done():
                    future.set_exception(_stopping())

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
                "plugins": sorted(record.plugins),
                "plugin_count": len(record.plugins),
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


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no edge named {name[:80]!r}; `radical-edge edges` lists them", edge=name[:80])


def _stopping() -> Unavailable:
    return Unavailable("the bridge is stopping; ask again in a moment", retry_after_s=2)
