"""Plugins' documents and sessions in the journal."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from radical_edge_core.codec import dumps
from radical_edge_core.edge.journal import Journal
from radical_edge_core.plugin.keeping import KeptSession


class Documents:
    """The documents of one plugin: JSON values by key, kept before ``put`` returns."""

    def __init__(self, journal: Journal, plugin: str) -> None:
        self._journal = journal
        self._plugin = plugin

    async def put(self, key: str, value: object) -> None:
        """Keep a value under a key, in place of what was there."""
        row = (self._plugin, key, dumps(value))

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO document VALUES (?,?,?)", row)

        await self._journal.run(work)

    async def delete(self, key: str) -> None:
        """Forget a key; nothing happens where it is not there."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM document WHERE plugin=? AND key=?", (self._plugin, key))

        await self._journal.run(work)

    async def all(self) -> dict[str, Any]:
        """Return every value by key."""

        def work(db: sqlite3.Connection) -> list[tuple[str, bytes]]:
            return db.execute("SELECT key, value FROM document WHERE plugin=?", (self._plugin,)).fetchall()

        return {key: msgspec.json.decode(value) for key, value in await self._journal.run(work)}


class SessionKeeper:
    """The sessions of one plugin, as they are brought back after a restart."""

    def __init__(self, journal: Journal, plugin: str) -> None:
        self._journal = journal
        self._plugin = plugin

    async def save(self, session: KeptSession) -> None:
        """Keep a session; it is on disk when this returns."""
        row = (self._plugin, session.sid, session.owner, session.name, session.options, session.data)

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO session VALUES (?,?,?,?,?,?)", row)

        await self._journal.run(work)

    async def forget(self, sid: str) -> None:
        """Drop a session that has ended."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM session WHERE plugin=? AND sid=?", (self._plugin, sid))

        await self._journal.run(work)

    async def load(self) -> list[KeptSession]:
        """Return the sessions of earlier processes."""

        def work(db: sqlite3.Connection) -> list[KeptSession]:
            rows = db.execute(
                "SELECT sid, owner, name, options, data FROM session WHERE plugin=?", (self._plugin,)
            )
            return [KeptSession(*row) for row in rows]

        return await self._journal.run(work)
