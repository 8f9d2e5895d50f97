"""
The event log: every durable event of every edge, numbered, kept for those who come back for it.

An event is committed before anybody hears of it, and acknowledged to its edge after that; what an edge sends twice is
kept once, by (edge, epoch, seq). A listener is a number in this log and nothing more, so a slow one costs nothing.
The newest events are in memory too; older ones are read from the file.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from radical_edge_core.crash_points import crash_point
from radical_edge_core.link.notes import Event
from radical_edge_core.storage import Database

log = logging.getLogger(__name__)
_MIGRATIONS: Final = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE event (
        n INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
        plugin TEXT NOT NULL, topic TEXT NOT NULL, owner TEXT NOT NULL, data BLOB NOT NULL, at REAL NOT NULL,
        UNIQUE (edge, epoch, seq));
    CREATE TABLE seen (edge TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (edge, epoch))
    """,
)
_INSERT: Final = (
    "INSERT INTO event (edge, epoch, seq, plugin, topic, owner, data, at) VALUES (?,?,?,?,?,?,?,?)"
)
TAIL = 4096
_RETRY_S: Final = 1.0
_PAGE = 512


class Entry(NamedTuple):
    """One event as listeners get it; ``data`` is the JSON text of the plugin's data."""

    n: int
    edge: str
    plugin: str
    topic: str
    owner: str
    data: bytes

    def line(self) -> bytes:
        """Return the JSON of the ``notification`` event."""
        return notification(self.edge, self.plugin, self.topic, self.data)


def notification(edge: str, plugin: str, topic: str, data: bytes) -> bytes:
    """Return ``{"topic": "notification", "data": {...}}`` around data that is JSON already."""
    head = msgspec.json.encode({"edge": edge, "plugin": plugin, "topic": topic})
    return b'{"topic":"notification","data":' + head[:-1] + b',"data":' + data + b"}}"


def is_one_line(data: bytes) -> bool:
    """Say whether an event's data can stand in a line of an event stream: one JSON value, and no line break."""
    if b"\n" in data or b"\r" in data:
        return False
    try:
        msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


class EventLog:
    """
    The log of one bridge.

    Args:
        path: The file.
        keep_events: How many events are kept at least as long as they are younger than ``keep_s``.
        keep_s: Events older than this many seconds are dropped.
        committed: Called in the loop with each batch of new entries.
        acknowledge: Called in the loop with edge, epoch and seq, once all up to it are kept.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep_events: int,
        keep_s: float,
        committed: Callable[[], None],
        acknowledge: Callable[[str, str, int], None],
    ) -> None:
        self._database = Database(path, _MIGRATIONS)
        self._keep_events = keep_events
        self._keep_s = keep_s
        self._committed = committed
        self._acknowledge = acknowledge
        self._pending: list[tuple[str, Event]] = []
        self._writing: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._tail: deque[Entry] = deque(maxlen=TAIL)
        self._seen: dict[tuple[str, str], int] = {}
        self._epochs: dict[str, str] = {}
        self.epoch = ""
        self.oldest = 1
        self.newest = 0

    async def start(self) -> None:
        """Open the file."""
        self._database.start()
        self.epoch, self.oldest, self.newest, seen = await self._database.run(_begin)
        for edge, epoch, seq in seen:
            self._seen[edge, epoch] = seq
            self._epochs[edge] = epoch

    async def stop(self) -> None:
        """Write what waits and close the file; what can't be written stays unacknowledged, at its edge."""
        self._stopping.set()
        if self._writing is not None:
            await self._writing
        self._database.close()

    @property
    def waiting(self) -> int:
        """How many events are not committed yet."""
        return len(self._pending)

    def last_of(self, edge: str) -> tuple[str, int]:
        """Return epoch and number of the last event held of an edge; empty and -1 for none."""
        epoch = self._epochs.get(edge, "")
        return epoch, self._seen.get((edge, epoch), -1)

    def append(self, edge: str, event: Event) -> None:
        """Take a durable event; it is heard of when it is committed."""
        self._pending.append((edge, event))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def after(self, n: int, limit: int = _PAGE) -> list[Entry]:
        """Return up to ``limit`` events after number ``n``, in order."""
        if n >= self.newest:
            return []
        if self._tail and self._tail[0].n <= n + 1:
            # From the newest back: most listeners lack only the last few.
            fresh = list(takewhile(lambda entry: entry.n > n, reversed(self._tail)))
            return fresh[: -limit - 1 : -1]
        return await self._database.run(lambda db: _read(db, n, limit))

    async def _write(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                try:
                    entries, oldest = await self._database.run(partial(self._insert, batch))
                except Exception as exc:  # noqa: BLE001 - whatever it is, it is tried again
                    # An acknowledgement covers all before it, so nothing may overtake these events.
                    log.error("%d events can't be kept now: %r; trying again", len(batch), exc)
                    self._pending = batch + self._pending
                    if await self._stopped_within(_RETRY_S):
                        return
                    continue
                crash_point("log.committed")
                if entries:
                    self.newest = entries[-1].n
                    self._tail.extend(entries)
                self.oldest = self.newest + 1 if oldest is None else oldest
                if entries:
                    self._committed()
                last: dict[tuple[str, str], int] = {}
                for edge, event in batch:
                    last[edge, event.epoch] = max(event.seq, last.get((edge, event.epoch), -1))
                crash_point("log.told")
                for (edge, epoch), seq in last.items():
                    self._seen[edge, epoch] = max(seq, self._seen.get((edge, epoch), -1))
                    self._epochs[edge] = epoch
                    self._acknowledge(edge, epoch, seq)
        finally:
            self._writing = None

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    def _insert(
        self, batch: list[tuple[str, Event]], db: sqlite3.Connection
    ) -> tuple[list[Entry], int | None]:
        entries, now = [], time.time()
        held: dict[tuple[str, str], int] = {}
        for edge, event in batch:
            # Events come in order, so whatever is not above the last one was sent again; it must use up no number.
            source = edge, event.epoch
            if event.seq <= held.get(source, self._seen.get(source, -1)):
                continue
            held[source] = event.seq
            cursor = db.execute(
                _INSERT, (*source, event.seq, event.plugin, event.topic, event.owner, event.data, now)
            )
            n = cursor.lastrowid or 0
            entries.append(Entry(n, edge, event.plugin, event.topic, event.owner, event.data))
        db.executemany(
            "INSERT OR REPLACE INTO seen VALUES (?,?,?)", [(*source, seq) for source, seq in held.items()]
        )
        newest = db.execute("SELECT max(n) FROM event").fetchone()[0] or 0
        young = db.execute(
            "SELECT n FROM event WHERE at>=? ORDER BY n LIMIT 1", (now - self._keep_s,)
        ).fetchone()
        first = max(newest - self._keep_events, newest if young is None else young[0] - 1) + 1
        db.execute("DELETE FROM event WHERE n<?", (first,))
        oldest = db.execute("SELECT min(n) FROM event").fetchone()[0]
        crash_point("log.inserted")
        return entries, oldest


def _begin(db: sqlite3.Connection) -> tuple[str, int, int, list[Any]]:
    db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (secrets.token_hex(4),))
    epoch = db.execute("SELECT value FROM meta WHERE key='epoch'").fetchone()[0]
    low, high = db.execute("SELECT min(n), max(n) FROM event").fetchone()
    known = db.execute("SELECT seq FROM sqlite_sequence WHERE name='event'").fetchone()
    newest = high or (known[0] if known else 0)
    seen = db.execute("SELECT edge, epoch, seq FROM seen ORDER BY rowid").fetchall()
    return epoch, low or newest + 1, newest, seen


def _read(db: sqlite3.Connection, n: int, limit: int) -> list[Entry]:
    rows = db.execute(
        "SELECT n, edge, plugin, topic, owner, data FROM event WHERE n > ? ORDER BY n LIMIT ?", (n, limit)
    )
    return [Entry(*row) for row in rows]
