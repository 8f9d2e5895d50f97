"""
Events on their way to the bridge.

A durable event gets its number by being written to the journal; only then is it sent, and it stays there until an hour
after the bridge has confirmed it. A new link begins where the bridge's welcome says that it left off. In memory are
at most ``IN_FLIGHT`` events, the ones on the wire and next in line: a plugin that floods, or a bridge that is away for
days, fills the journal up to its bound and nothing else. What is not yet written is bounded too: a thread that
publishes faster than the disk takes it waits. Ephemeral events are sent once or, without a link, not at all.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

from radical_edge_core.codec import dumps
from radical_edge_core.crash_points import crash_point
from radical_edge_core.edge.journal import Journal
from radical_edge_core.errors import EdgeError, Overloaded, TooLarge
from radical_edge_core.link.notes import Event, encode_note
from radical_edge_core.wire.connection import QUEUE_HIGH, Connection

T = TypeVar("T")
log = logging.getLogger(__name__)
IN_FLIGHT: Final = 1024
MAX_WAITING: Final = 100_000
MAX_EVENT: Final = 256 * 1024
MAX_UNWRITTEN: Final = 32 * 1024 * 1024
# What an event costs in memory, beside its data, until it is written.
_COST: Final = 2048
_WRITE_S: Final = 10.0
_CROWDED_S: Final = 0.05
_ACK_EVERY_S: Final = 1.0
_RETRY_S: Final = 1.0


class _Row(NamedTuple):
    seq: int
    plugin: str
    topic: str
    owner: str
    data: bytes


class Outbox:
    """
    The events of one edge; ``publish`` may be called from any thread.

    Args:
        journal: Opened by ``start``.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._ready: deque[tuple[int, bytes]] = deque()
        self._loaded = 0
        self._newest = 0
        self._sent = 0
        self._acked = 0
        self._waiting = 0
        self._unwritten = 0
        self._room = threading.Condition()
        self._fresh: dict[tuple[str, str, str], Event] = {}
        self._loop_thread = threading.get_ident()
        self._link: Connection | None = None
        self._loading: asyncio.Task[None] | None = None
        self._acking: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Find what an earlier process left unsent."""
        self._acked, self._newest, self._waiting = await self._journal.run(_begin)
        self._loaded = self._sent = self._acked

    @property
    def unacknowledged(self) -> int:
        """How many durable events the bridge has not confirmed."""
        return self._waiting

    def publish(
        self, plugin: str, topic: str, data: object, owner: str, durable: bool, once: str | None = None
    ) -> Future[None]:
        """
        Take one event.

        Args:
            plugin: Its public name.
            topic: The plugin's topic.
            owner: The subject that sees it; empty: whoever may read the plugin.
            data: JSON values, or records that have a JSON form.
            durable: Kept and replayed; else sent once, the newest of its topic only.
            once: An event of this plugin with the same mark is kept once, however often it is published.

        Returns:
            Done when the event is in the journal (or is there already); it raises what kept it from being written.

        Raises:
            TooLarge: The event has more than 256 KiB.
            Overloaded: 100,000 events wait for the bridge already, or events come faster than they can be written;
                nothing was dropped.
        """
        encoded = dumps(data)
        if len(encoded) > MAX_EVENT:
            raise TooLarge(f"an event of topic {topic!r} has {len(encoded)} bytes, more than {MAX_EVENT}")
        if not durable:
            event = Event(
                epoch=self._journal.epoch,
                seq=0,
                plugin=plugin,
                topic=topic,
                owner=owner,
                durable=False,
                data=encoded,
            )
            self._offer(event)
            done: Future[None] = Future()
            done.set_result(None)
            return done
        if self._waiting >= MAX_WAITING:
            raise Overloaded(
                f"{self._waiting} events wait for the bridge; try again once it is back", retry_after_s=5
            )
        self._reserve(len(encoded) + _COST)
        self._waiting += 1
        row = (plugin, topic, owner, encoded, once)
        answer: Future[None] = Future()
        self._journal.submit(lambda db: _insert(db, row), lambda done: self._kept(done, row, answer))
        return answer

    def _offer(self, event: Event) -> None:
        """Let the newest event of a topic take the place of one that has not gone out yet."""
        with self._room:
            scheduled = bool(self._fresh)
            self._fresh[event.plugin, event.topic, event.owner] = event
        if not scheduled:
            self._loop.call_soon_threadsafe(self._send_fresh)

    def _reserve(self, size: int) -> None:
        """Let a thread wait while too much is to be written; the loop can't wait, and is refused."""

        def fits() -> bool:
            return self._unwritten < MAX_UNWRITTEN

        patience = 0.0 if threading.get_ident() == self._loop_thread else _WRITE_S
        with self._room:
            if not self._room.wait_for(fits, patience):
                raise Overloaded("events come faster than the journal takes them", retry_after_s=1)
            self._unwritten += size

    def in_loop(self, function: Callable[[T], None], value: T) -> None:
        """Call a function in the loop, from whichever thread this is."""
        self._loop.call_soon_threadsafe(function, value)

    def attach(self, link: Connection, epoch: str, seq: int) -> None:
        """
        A new link is up: go on where the bridge left off.

        Args:
            link: What carries the events.
            epoch: The epoch of the last event that the bridge holds of this edge, as its welcome says.
            seq: The number of that event.
        """
        self._link = link
        held = seq if epoch == self._journal.epoch else 0
        self._ready.clear()
        self._loaded = self._sent = held
        if held > self._acked:
            self.acknowledged(epoch, held)
        self._acked = held
        self._pump()

    def detach(self) -> None:
        """The link is gone for good."""
        self._link = None

    def acknowledged(self, epoch: str, seq: int) -> None:
        """The bridge holds all events of this epoch up to ``seq``."""
        if epoch != self._journal.epoch or seq <= self._acked:
            return
        self._acked = seq
        while self._ready and self._ready[0][0] <= seq:
            self._ready.popleft()
        if self._acking is None:
            self._acking = self._loop.call_later(_ACK_EVERY_S, self._write_ack)
        self._pump()

    def stop(self) -> None:
        """Write down what was confirmed last."""
        if self._acking is not None:
            self._acking.cancel()
            self._write_ack()
        if self._loading is not None:
            self._loading.cancel()

    # In the journal's thread.

    def _kept(
        self, done: Future[int | None], row: tuple[str, str, str, bytes, str | None], answer: Future[None]
    ) -> None:
        error = done.exception()
        with self._room:
            self._unwritten -= len(row[3]) + _COST
            self._room.notify_all()
        with suppress(
            RuntimeError
        ):  # the loop is closed; the event is in the journal, and the next process sends it
            self._loop.call_soon_threadsafe(self._take, None if error is not None else done.result(), row)
        if error is not None:
            answer.set_exception(error)
        else:
            crash_point("event.kept")
            answer.set_result(None)

    # In the loop.

    def _take(self, seq: int | None, row: tuple[str, str, str, bytes, str | None]) -> None:
        if seq is None:
            self._waiting -= 1  # it was there already, or could not be written
            return
        behind = self._loaded < self._newest
        self._newest = seq
        if not behind and len(self._ready) < IN_FLIGHT:
            self._ready.append((seq, self._note(_Row(seq, *row[:4]))))
            self._loaded = seq
        self._pump()

    def _send_fresh(self) -> None:
        link = self._link
        if link is not None and link.queued > QUEUE_HIGH:
            self._loop.call_later(_CROWDED_S, self._send_fresh)
            return
        with self._room:
            fresh, self._fresh = self._fresh, {}
        if link is not None:
            for event in fresh.values():
                link.notify(encode_note(event))

    def _pump(self) -> None:
        if self._link is None:
            return
        for seq, note in self._ready:
            if seq > self._sent:
                self._link.notify(note)
                self._sent = seq
                crash_point("event.sent")
        if self._loaded < self._newest and len(self._ready) < IN_FLIGHT // 2 and self._loading is None:
            self._loading = self._loop.create_task(self._load())

    async def _load(self) -> None:
        """Fetch the next events from the journal."""
        try:
            after, room = self._loaded, IN_FLIGHT - len(self._ready)
            try:
                rows = await self._journal.run(lambda db: _after(db, after, room))
            except (sqlite3.Error, EdgeError) as exc:
                log.warning("the journal can't be read now: %s; trying again", exc)
                await asyncio.sleep(_RETRY_S)
                return
            if after != self._loaded:
                return  # a new link began elsewhere meanwhile
            for row in rows:
                self._ready.append((row.seq, self._note(row)))
            self._loaded = rows[-1].seq if rows else self._newest
        finally:
            self._loading = None
            self._loop.call_soon(self._pump)

    def _note(self, row: _Row) -> bytes:
        return encode_note(
            Event(
                epoch=self._journal.epoch,
                seq=row.seq,
                plugin=row.plugin,
                topic=row.topic,
                owner=row.owner,
                durable=True,
                data=row.data,
            )
        )

    def _write_ack(self) -> None:
        self._acking = None
        seq, now = self._acked, self._journal.clock()
        done = self._journal.submit(lambda db: _acknowledge(db, seq, now))
        done.add_done_callback(self._counted)

    def _counted(self, done: Future[int]) -> None:
        if done.exception() is None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._count, done.result())

    def _count(self, confirmed: int) -> None:
        self._waiting = max(0, self._waiting - confirmed)


def _begin(db: sqlite3.Connection) -> tuple[int, int, int]:
    (acked,) = db.execute("SELECT max(seq) FROM outbox WHERE acked IS NOT NULL").fetchone()
    known = db.execute("SELECT seq FROM sqlite_sequence WHERE name='outbox'").fetchone()
    (waiting,) = db.execute("SELECT count(*) FROM outbox WHERE acked IS NULL").fetchone()
    newest = known[0] if known else 0
    return acked or (0 if waiting else newest), newest, waiting


def _insert(db: sqlite3.Connection, row: tuple[str, str, str, bytes, str | None]) -> int | None:
    """Return the event's number; ``None`` where one of the same mark is there already."""
    # Looked up first: an insert that is ignored would use up a number.
    known = "SELECT 1 FROM outbox WHERE plugin=? AND once=?"
    if row[4] is not None and db.execute(known, (row[0], row[4])).fetchone() is not None:
        return None
    insert = "INSERT INTO outbox (plugin, topic, owner, data, once) VALUES (?,?,?,?,?)"
    return db.execute(insert, row).lastrowid


def _after(db: sqlite3.Connection, seq: int, limit: int) -> list[_Row]:
    rows = db.execute(
        "SELECT seq, plugin, topic, owner, data FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
    )
    return [_Row(*row) for row in rows]


def _acknowledge(db: sqlite3.Connection, seq: int, now: float) -> int:
    return db.execute("UPDATE outbox SET acked=? WHERE seq<=? AND acked IS NULL", (now, seq)).rowcount
