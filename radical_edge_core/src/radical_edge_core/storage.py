"""
A SQLite file with one thread of its own: nothing else reads or writes it.

Work arrives as functions of the connection. The thread takes all that waits, runs each in a savepoint, commits once
and only then answers: many callers share one ``fsync`` and no event loop ever waits for a disk. Exclusive locking
is set before the write-ahead log, since a home on a network file system has no shared memory; where either fails,
the rollback journal is used. A damaged file is set aside and a new one begun.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from radical_edge_core.errors import Conflict, NoRoom, Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
log = logging.getLogger(__name__)
_BATCH = 512
# How long a process that is just ending may still hold the file.
_PATIENCE_S = 2.0
_LOCKED = "locked"
# What SQLite makes of EDQUOT and EFBIG; a network file system tells them as late as at the fsync.
_CAN_NOT_WRITE = frozenset({"SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC"})


class Database:
    """
    One SQLite file.

    Args:
        path: The file; its folder exists.
        migrations: Scripts that take the schema from version n to n+1; never changed once released.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self._migrations = migrations
        self._queue: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name=f"db-{path.name}", daemon=True)
        self._opened: Future[None] = Future()
        self._closed = False

    def start(self) -> None:
        """
        Open the file, migrate it, and return when it can be used.

        Raises:
            Conflict: Another process has it open.
            sqlite3.OperationalError: It can't be opened.
        """
        self._thread.start()
        try:
            self._opened.result()
        except sqlite3.OperationalError as exc:
            if _LOCKED in str(exc):
                raise Conflict(
                    f"another process uses {self.path}; stop it, or use another state folder"
                ) from exc
            raise

    def submit(
        self, work: Callable[[sqlite3.Connection], T], then: Callable[[Future[T]], None] | None = None
    ) -> Future[T]:
        """
        Queue ``work``; the future is done when its transaction is committed (or it raised).

        Args:
            work: A function of the connection.
            then: Called with the future when it is done, in the file's thread and in the order of the commits; what
                is added to the future later may be called anywhere.
        """
        future: Future[T] = Future()
        if then is not None:
            future.add_done_callback(then)
        if self._closed:
            future.set_exception(Unavailable(f"{self.path.name} is closed"))
        else:
            self._queue.put((work, future))
        return future

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run ``work`` in the file's thread and await its commit.

        Raises:
            NoRoom: The disk is full.
            sqlite3.Error: What the work itself met.
        """
        return await asyncio.wrap_future(self.submit(work))

    def close(self) -> None:
        """Finish what is queued, close the file and end the thread; idempotent."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            if self._thread.ident is not None:
                self._thread.join()

    def _main(self) -> None:
        try:
            connection = self._open()
        except BaseException as exc:  # noqa: BLE001 - handed to start(), which raises it
            self._opened.set_exception(exc)
            return
        self._opened.set_result(None)
        running = True
        while running:
            batch = [self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            running = batch[-1] is not None and None not in batch
            self._commit(connection, [item for item in batch if item is not None])
        connection.close()

    def _commit(self, connection: sqlite3.Connection, batch: list[tuple[Work, Future[Any]]]) -> None:
        answers: list[tuple[Future[Any], Any]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for work, future in batch:
                if not future.set_running_or_notify_cancel():
                    continue
                connection.execute("SAVEPOINT one")
                try:
                    answers.append((future, work(connection)))
                except Exception as exc:
                    # It belongs to the caller of this piece of work, unless it took the whole transaction along.
                    future.set_exception(_explain(exc, self.path))
                    if not connection.in_transaction:
                        raise
                    connection.execute("ROLLBACK TO one")
                connection.execute("RELEASE one")
            connection.execute("COMMIT")
        except sqlite3.Error as exc:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            log.warning("%s: commit failed: %s", self.path, exc)
            for _, future in batch:
                if not future.done():
                    future.set_exception(_explain(exc, self.path))
            return
        for future, answer in answers:
            future.set_result(answer)

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as exc:
            if isinstance(exc, sqlite3.OperationalError):
                raise
            aside = self.path.with_name(f"{self.path.name}.damaged-{int(time.time())}")
            self.path.replace(aside)
            self.set_aside = aside
            for extra in ("-wal", "-shm", "-journal"):
                self.path.with_name(self.path.name + extra).unlink(missing_ok=True)
            log.error("%s is damaged (%s); set aside as %s, beginning a new one", self.path, exc, aside.name)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            try:
                connection.execute("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError as exc:
                if _LOCKED in str(exc):
                    raise
                log.info("%s: no write-ahead log here (%s); using the rollback journal", self.path, exc)
                connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            connection.execute("PRAGMA synchronous=FULL")
            if (verdict := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(verdict)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            for number, script in enumerate(self._migrations[version:], version + 1):
                connection.executescript(f"BEGIN; {script}; PRAGMA user_version={number}; COMMIT;")
        except BaseException:
            connection.close()
            raise
        return connection


def _explain(exc: Exception, path: Path) -> Exception:
    if isinstance(exc, sqlite3.OperationalError):
        if "full" in str(exc):
            return NoRoom(f"{path.parent} has no room left")
        if getattr(exc, "sqlite_errorname", "") in _CAN_NOT_WRITE:
            return NoRoom(f"{path} can't be written ({exc}): is a quota or a limit on files reached?")
    return exc
