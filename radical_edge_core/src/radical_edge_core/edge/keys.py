"""
Exactly-once calls: the table of idempotency keys.

A key belongs to subject, plugin and operation. It is written down before the operation acts, and the final answer with
it afterwards: a repeat gets that answer, one that comes while the first is running waits for it. A key whose outcome
was left open, by a crash or a failure in the middle, is dealt with as the operation declares: ``safe`` runs again,
``adopt`` first asks the plugin what became of it, ``never`` is answered 409. A call with a key is carried through when
its caller leaves, since that caller will ask again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from radical_edge_core.codec import dumps
from radical_edge_core.crash_points import crash_point
from radical_edge_core.edge.journal import Journal
from radical_edge_core.errors import EdgeError, EdgeLost, InvalidRequest, OutcomeUnknown
from radical_edge_core.jobs.files import write_new
from radical_edge_core.plugin.call import Act, Adopt, Answer, OperationCall
from radical_edge_core.state import private_folder

log = logging.getLogger(__name__)
BY_REFERENCE: Final = 256 * 1024
Identity = tuple[str, str, str, str]


class _Row(NamedTuple):
    fingerprint: bytes
    status: int | None
    answer: bytes | None
    file: str | None


class KeyTable:
    """The keys of one edge."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._running: dict[Identity, tuple[bytes, asyncio.Task[Answer]]] = {}
        self._cut_off: set[asyncio.Task[Answer]] = set()

    async def answer(self, call: OperationCall, act: Act, adopt: Adopt) -> Answer:
        """
        Answer a call that carries a key: run it, or tell what came of it before.

        Args:
            call: What is called, with its key.
            act: Runs the operation; its errors are raised.
            adopt: Asks the plugin for the answer of an earlier attempt; ``None``: it never began.

        Raises:
            InvalidRequest: The key was used for another request.
            OutcomeUnknown: An earlier attempt began, and nobody knows how it ended.
            EdgeLost: The edge stops and could not wait for the end of the call.
            NoRoom: The key can't be written down; nothing was done.
            EdgeError: What the operation raised.
        """
        if call.key is None:
            raise ValueError("the call has no key")
        identity = (call.caller.subject, call.plugin, call.operation.name, call.key)
        fingerprint = fingerprint_of(call)
        running = self._running.get(identity)
        if running is None:
            task = asyncio.get_running_loop().create_task(
                self._carry(call, identity, fingerprint, act, adopt)
            )
            self._running[identity] = (fingerprint, task)
            task.add_done_callback(lambda done: self._finished(identity, done))
        else:
            first, task = running
            if first != fingerprint:
                raise _another(call.key)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task in self._cut_off:
                raise EdgeLost("the edge is stopping; ask again with the same Idempotency-Key") from None
            raise

    async def finish(self, deadline_s: float) -> None:
        """Wait for the calls under way; what takes longer is cut off, and its key stays open."""
        tasks = [task for _, task in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=deadline_s)
            self._cut_off |= late
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)

    async def _carry(
        self, call: OperationCall, identity: Identity, fingerprint: bytes, act: Act, adopt: Adopt
    ) -> Answer:
        row = await self._journal.run(_beginner(identity, fingerprint, self._journal.clock()))
        crash_point("key.begun")
        if row is not None:
            if row.fingerprint != fingerprint:
                raise _another(identity[3])
            if row.status is not None:
                return await self._stored(row)
            if call.operation.retry == "never":
                raise OutcomeUnknown(
                    f"an earlier attempt at {call.operation.name} with this Idempotency-Key began and nobody knows how "
                    "it ended; look, and use another key to do it again"
                )
            if call.operation.retry == "adopt" and (adopted := await adopt()) is not None:
                await self._keep(identity, adopted)
                return adopted
        try:
            answer = await act()
        except EdgeError as error:
            if error.untouched:
                await self._journal.run(_deleter(identity))
            elif not error.transient and 400 <= error.status_code < 500:
                await self._keep(identity, Answer(error.status_code, dumps(error.problem())))
            raise
        crash_point("key.acted")
        await self._keep(identity, answer)
        crash_point("key.kept")
        return answer

    async def _keep(self, identity: Identity, answer: Answer) -> None:
        """Write the final answer down; where that fails the key stays open, and the caller has its answer anyway."""
        file: str | None = None
        try:
            if len(answer.body) > BY_REFERENCE:
                file = secrets.token_hex(12)
                await asyncio.to_thread(self._write_file, file, answer.body)
            body = None if file else answer.body
            await self._journal.run(_keeper(identity, answer.status, body, file))
        except Exception:
            log.exception("the answer of %s with key %s could not be kept", identity[2], identity[3])

    async def _stored(self, row: _Row) -> Answer:
        body = row.answer
        if row.file is not None:
            path = self._journal.folder / "answers" / row.file
            try:
                body = await asyncio.to_thread(path.read_bytes)
            except FileNotFoundError:
                raise OutcomeUnknown(
                    f"this was carried out, and its answer is lost: {path} was removed; look what came of it"
                ) from None
        return Answer(row.status or 200, body or b"")

    def _write_file(self, name: str, body: bytes) -> None:
        folder = private_folder(self._journal.folder / "answers")
        partial = folder / f".{name}"
        write_new(partial, body, durable=True)
        crash_point("answer.partial")
        partial.replace(folder / name)

    def _finished(self, identity: Identity, task: asyncio.Task[Answer]) -> None:
        self._running.pop(identity, None)
        if not task.cancelled():
            task.exception()  # told to whoever waits; nobody may wait any more


def fingerprint_of(call: OperationCall) -> bytes:
    """Return what must be equal when a key is used again: path, query and body, in canonical form."""
    return hashlib.sha256(
        dumps([call.operation.path, call.sid, dict(sorted(call.arguments.items()))])
    ).digest()


def _another(key: str) -> InvalidRequest:
    return InvalidRequest(
        f"the Idempotency-Key {key!r} was used for another request; a new request needs a new key"
    )


_WHERE: Final = "WHERE subject=? AND plugin=? AND operation=? AND key=?"


def _reader(identity: Identity) -> Callable[[sqlite3.Connection], _Row | None]:
    def work(db: sqlite3.Connection) -> _Row | None:
        row = db.execute(f"SELECT fingerprint, status, answer, file FROM key {_WHERE}", identity).fetchone()  # noqa: S608
        return None if row is None else _Row(*row)

    return work


def _beginner(
    identity: Identity, fingerprint: bytes, now: float
) -> Callable[[sqlite3.Connection], _Row | None]:
    """Return the row that is there; where there is none, make it, open."""

    def work(db: sqlite3.Connection) -> _Row | None:
        row = _reader(identity)(db)
        if row is None:
            db.execute(
                "INSERT INTO key (subject, plugin, operation, key, fingerprint, at) VALUES (?,?,?,?,?,?)",
                (*identity, fingerprint, now),
            )
        return row

    return work


def _keeper(
    identity: Identity, status: int, body: bytes | None, file: str | None
) -> Callable[[sqlite3.Connection], None]:
    def work(db: sqlite3.Connection) -> None:
        db.execute(f"UPDATE key SET status=?, answer=?, file=? {_WHERE}", (status, body, file, *identity))  # noqa: S608

    return work


def _deleter(identity: Identity) -> Callable[[sqlite3.Connection], None]:
    def work(db: sqlite3.Connection) -> None:
        db.execute(f"DELETE FROM key {_WHERE}", identity)  # noqa: S608

    return work
