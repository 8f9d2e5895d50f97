"""
Events on their way to the bridge.

Every durable event has a number in this process's epoch and is kept until the bridge says that it holds it; what a
lost link may have swallowed is sent again over the next one, and the bridge keeps each number once. At most
``IN_FLIGHT`` events are unacknowledged on the wire: a plugin that floods fills its own share of this queue, not the
link. Ephemeral events are sent once or, without a link, not at all.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from radical_edge_core.codec import dumps
from radical_edge_core.link.notes import Event, encode_note
from radical_edge_core.wire.connection import Connection

T = TypeVar("T")
log = logging.getLogger(__name__)
IN_FLIGHT: Final = 1024
MAX_EVENTS: Final = 20_000
MAX_BYTES: Final = 32 * 1024 * 1024
MAX_EVENT: Final = 256 * 1024
_PER_TURN: Final = 256


class Outbox:
    """The events of one edge process; ``publish`` may be called from any thread."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(6)
        self.dropped = 0
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._handed: deque[Event] = deque()
        self._scheduled = False
        self._next = 0
        self._kept: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._sent = -1
        self._acked = -1
        self._link: Connection | None = None

    @property
    def unacknowledged(self) -> int:
        """How many durable events the bridge has not confirmed."""
        return len(self._kept) + len(self._handed)

    def publish(self, plugin: str, topic: str, data: object, owner: str, durable: bool) -> None:
        """
        Take one event.

        It is dropped, and counted, where it is larger than 256 KiB or the queue is full: a plugin must not be able to
        fill the edge's memory.
        """
        encoded = dumps(data)
        with self._lock:
            full = self.unacknowledged >= MAX_EVENTS or self._bytes + len(encoded) > MAX_BYTES
            if (full and durable) or len(encoded) > MAX_EVENT:
                self._drop(plugin, topic, len(encoded))
                return
            seq = self._next if durable else 0
            if durable:
                self._next += 1
                self._bytes += len(encoded)
            elif len(self._handed) > MAX_EVENTS:
                return
            event = Event(
                epoch=self.epoch,
                seq=seq,
                plugin=plugin,
                topic=topic,
                owner=owner,
                durable=durable,
                data=encoded,
            )
            self._handed.append(event)
            if not self._scheduled:
                self._scheduled = True
                self._loop.call_soon_threadsafe(self._take)

    def in_loop(self, function: Callable[[T], None], value: T) -> None:
        """Call a function in the loop, from whichever thread this is."""
        self._loop.call_soon_threadsafe(function, value)

    def attach(self, link: Connection) -> None:
        """A new link is up: send what the bridge has not confirmed, from its beginning."""
        self._link = link
        self._sent = self._acked
        self._pump()

    def detach(self) -> None:
        """The link is gone for good."""
        self._link = None

    def acknowledged(self, epoch: str, seq: int) -> None:
        """The bridge holds all events of this epoch up to ``seq``."""
        if epoch != self.epoch:
            return
        with self._lock:
            while self._kept and self._kept[0][0] <= seq:
                self._bytes -= len(self._kept.popleft()[1])
        self._acked = max(self._acked, seq)
        self._pump()

    def _take(self) -> None:
        """Number of events per turn of the loop is bounded, so that a flood leaves room for everything else."""
        for _ in range(_PER_TURN):
            with self._lock:
                if not self._handed:
                    self._scheduled = False
                    break
                event = self._handed.popleft()
                note = encode_note(event)
                if event.durable:
                    self._bytes += len(note) - len(event.data)
                    self._kept.append((event.seq, note))
            if not event.durable and self._link is not None:
                self._link.notify(note)
        else:
            self._loop.call_soon(self._take)
        self._pump()

    def _pump(self) -> None:
        if self._link is None or not self._kept:
            return
        first = self._kept[0][0]
        limit = min(self._acked + IN_FLIGHT, self._kept[-1][0])
        for seq in range(max(self._sent + 1, first), limit + 1):
            self._link.notify(self._kept[seq - first][1])
            self._sent = seq

    def _drop(self, plugin: str, topic: str, size: int) -> None:
        self.dropped += 1
        if self.dropped & (self.dropped - 1) == 0:  # 1, 2, 4, 8, …: a flood must not flood the log too
            log.error(
                "plugin %s: an event of topic %s (%d bytes) was dropped: too large, or too many wait (%d; %d dropped)",
                plugin, topic, size, self.unacknowledged, self.dropped,
            )  # fmt: skip
