"""
``journal.db``: what an edge must still know after ``kill -9``.

Sessions, plugins' documents, events on their way, and the keys of calls with their answers. Each kind has a module that
reads and writes its own table; this one owns the file, its schema and its bounds.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar

from radical_edge_core.errors import Unavailable
from radical_edge_core.storage import Database

T = TypeVar("T")
log = logging.getLogger(__name__)
KEYS_S: Final = 7 * 24 * 3600.0
EVENTS_S: Final = 3600.0
_UNNAMED_S: Final = 3600.0
_MIGRATIONS: Final = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE session (
        plugin TEXT NOT NULL, sid TEXT NOT NULL, owner TEXT NOT NULL, name TEXT, options BLOB, data BLOB NOT NULL,
        PRIMARY KEY (plugin, sid)) WITHOUT ROWID;
    CREATE TABLE document (
        plugin TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (plugin, key)) WITHOUT ROWID;
    CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, plugin TEXT NOT NULL, topic TEXT NOT NULL, owner TEXT NOT NULL,
        data BLOB NOT NULL, once TEXT, acked REAL, UNIQUE (plugin, once));
    CREATE INDEX outbox_acked ON outbox (acked) WHERE acked IS NOT NULL;
    CREATE TABLE key (
        subject TEXT NOT NULL, plugin TEXT NOT NULL, operation TEXT NOT NULL, key TEXT NOT NULL,
        fingerprint BLOB NOT NULL, status INTEGER, answer BLOB, file TEXT, at REAL NOT NULL,
        PRIMARY KEY (subject, plugin, operation, key)) WITHOUT ROWID;
    CREATE INDEX key_at ON key (at)
    """,
)


class Journal:
    """
    The journal of one edge.

    Args:
        folder: The edge's state folder; answers too large for the file lie beside it.
        clock: Seconds since the epoch; ages are measured with it.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(folder / "journal.db", _MIGRATIONS)
        self.folder = folder
        self.clock = clock
        self.epoch = ""

    async def start(self) -> None:
        """Open the file; its epoch is as old as the file, and numbers of events count within it."""
        try:
            await asyncio.to_thread(self._database.start)
        except sqlite3.OperationalError as exc:
            raise Unavailable(f"the journal {self._database.path} can't be opened: {exc}") from exc
        self.epoch = await self._database.run(_epoch)
        if self._database.set_aside is not None:
            log.error(
                "the journal was damaged and is set aside as %s: sessions and keys of before are not known any more",
                self._database.set_aside,
            )

    def submit(
        self, work: Callable[[sqlite3.Connection], T], then: Callable[[Future[T]], None] | None = None
    ) -> Future[T]:
        """Queue work for the file's thread; see ``storage.Database.submit``."""
        return self._database.submit(work, then)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work in the file's thread and await its commit."""
        return await self._database.run(work)

    async def prune(self) -> None:
        """Drop what is too old: keys after a week, events an hour after the bridge has confirmed them."""
        now = self.clock()

        def work(db: sqlite3.Connection) -> set[str]:
            db.execute("DELETE FROM key WHERE at < ?", (now - KEYS_S,))
            db.execute("DELETE FROM outbox WHERE acked < ?", (now - EVENTS_S,))
            return {name for (name,) in db.execute("SELECT file FROM key WHERE file IS NOT NULL")}

        await asyncio.to_thread(self._sweep, await self.run(work), now)

    def _sweep(self, named: set[str], now: float) -> None:
        """Remove the files of answers that no key names; one that is being written gets time to be named."""
        for path in (self.folder / "answers").glob("*"):
            if path.name not in named and path.stat().st_mtime < now - _UNNAMED_S:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Write what is queued and close the file."""
        self._database.close()


def _epoch(db: sqlite3.Connection) -> str:
    db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (secrets.token_hex(6),))
    (epoch,) = db.execute("SELECT value FROM meta WHERE key='epoch'").fetchone()
    return str(epoch)
