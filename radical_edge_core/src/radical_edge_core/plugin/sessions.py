"""
The sessions of one plugin: who owns which, and when they end.

A session is seen by its owner alone; for anybody else its id does not exist. It ends when its owner says so,
or when it was idle for too long: no call, and no work of its own in progress. An expired id is remembered for
a while, so that its owner is told ``410`` and not ``404``.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define, field

from radical_edge_core.codec import dumps, loads
from radical_edge_core.crash_points import crash_point
from radical_edge_core.errors import Expired, NotFound, TooManyRequests
from radical_edge_core.plugin.bounded import bounded
from radical_edge_core.plugin.keeping import KeepsSessions, KeptSession
from radical_edge_core.plugin.session import PluginSession, SessionRequest

Create = Callable[[SessionRequest], PluginSession]

log = logging.getLogger(__name__)


@define
class _Entry:
    session: PluginSession
    request: SessionRequest
    used_at: float
    calls: int = 0
    saved: bytes | None = None


@define
class _Opening:
    owner: str
    task: asyncio.Task[_Entry]
    waiting: int = field(default=0)


class SessionTable:
    """
    Opens, finds, closes and expires the sessions of one plugin.

    Args:
        create: Makes the object of a new session; a host may replace it.
        monotonic: The clock of idle times.
        idle_timeout_s: After how long an idle session expires.
        max_per_subject: How many sessions one subject may have open.
        remember: How many expired ids are remembered.
        close_deadline_s: How long one ``close`` may take.
    """

    def __init__(
        self,
        *,
        create: Create,
        monotonic: Callable[[], float],
        idle_timeout_s: float,
        max_per_subject: int = 256,
        remember: int = 10_000,
        close_deadline_s: float = 30.0,
    ) -> None:
        self.create = create
        self.keeper: KeepsSessions | None = None
        self._monotonic = monotonic
        self._idle_timeout_s = idle_timeout_s
        self._max_per_subject = max_per_subject
        self._remember = remember
        self._close_deadline_s = close_deadline_s
        self._entries: dict[str, _Entry] = {}
        self._named: dict[tuple[str, str], str] = {}
        self._opening: dict[str, _Opening] = {}
        self._opening_named: dict[tuple[str, str], _Opening] = {}
        self._expired: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    async def register(
        self, owner: str, name: str | None = None, options: object | None = None
    ) -> PluginSession:
        """
        Open a session, or return the owner's session of that name where there is one.

        A session whose ``open`` raises is not kept. Callers that ask for one name at once share one opening.

        Raises:
            TooManyRequests: The owner has as many sessions as one subject may have.
        """
        key = (owner, name) if name is not None else None
        if key is not None and (entry := self._entries.get(self._named.get(key, ""))) is not None:
            entry.used_at = self._monotonic()
            return entry.session
        opening = self._opening_named.get(key) if key is not None else None
        if opening is None:
            opening = self._begin(owner, name, options)
        opening.waiting += 1
        try:
            return (await asyncio.shield(opening.task)).session
        finally:
            opening.waiting -= 1
            if not opening.waiting and not opening.task.done():
                # Whoever asked has left and nobody else knows the id.
                opening.task.cancel()

    def get(self, sid: str, owner: str) -> PluginSession:
        """
        Return a session of ``owner``.

        Raises:
            NotFound: There is none, or it is another subject's.
            Expired: It was idle for too long.
        """
        return self._find(sid, owner).session

    @contextmanager
    def use(self, sid: str, owner: str) -> Iterator[PluginSession]:
        """Hold a session for one call: it does not expire meanwhile. Raises as ``get`` does."""
        entry = self._find(sid, owner)
        entry.calls += 1
        entry.used_at = self._monotonic()
        try:
            yield entry.session
        finally:
            entry.calls -= 1
            entry.used_at = self._monotonic()

    def of(self, owner: str) -> list[str]:
        """Return the ids of a subject's sessions, oldest first."""
        return [sid for sid, entry in self._entries.items() if entry.request.owner == owner]

    async def unregister(self, sid: str, owner: str) -> None:
        """End a session; it is gone at once, whatever its ``close`` does. Raises as ``get`` does."""
        entry = self._find(sid, owner)
        self._forget(entry)
        await self._drop(entry)
        await self._close(entry)

    async def persist(self, sid: str) -> None:
        """Keep what a session has become, where it changed; it is on disk when this returns."""
        entry = self._entries.get(sid)
        if entry is not None:
            await self._save(entry)

    async def sweep(self, now: float | None = None) -> list[str]:
        """End every session that was idle for too long by ``now``; return their ids."""
        moment = self._monotonic() if now is None else now
        idle = [entry for entry in self._entries.values() if self._is_idle(entry, moment)]
        for entry in idle:
            self._forget(entry)
            self._expired[entry.request.sid] = entry.request.owner
        while len(self._expired) > self._remember:
            self._expired.popitem(last=False)
        if idle:
            await asyncio.gather(*(self._drop(entry) for entry in idle))
            await asyncio.gather(*(self._close(entry) for entry in idle))
        return [entry.request.sid for entry in idle]

    async def close_all(self) -> None:
        """End every session, also those that are being opened: their plugin stops."""
        opening = [item.task for item in self._opening.values()]
        for task in opening:
            task.cancel()
        if opening:
            await asyncio.wait(opening, timeout=self._close_deadline_s)
        entries = list(self._entries.values())
        for entry in entries:
            self._forget(entry)
        await asyncio.gather(*(self._close(entry) for entry in entries))

    async def restore_all(self, structure: Callable[[bytes | None], object | None]) -> int:
        """
        Bring back the sessions of earlier processes, under the same ids; one that can't be is logged and left out.

        Args:
            structure: Makes the options object from its JSON.

        Returns:
            How many are back.
        """
        if self.keeper is None:
            return 0
        back = 0
        for kept in await self.keeper.load():
            try:
                request = SessionRequest(
                    sid=kept.sid, owner=kept.owner, name=kept.name, options=structure(kept.options)
                )
                await self.restore(request, loads(kept.data))
                self._entries[kept.sid].saved = kept.data
                back += 1
            except Exception:  # isolation point: one session that is broken must not take the others along
                log.exception("session %s can't be brought back", kept.sid)
        return back

    def snapshots(self) -> list[tuple[SessionRequest, object]]:
        """Return what outlives the process: the request and the snapshot of each session that has one."""
        found = []
        for entry in self._entries.values():
            try:
                data = entry.session.snapshot()
            except Exception:
                log.exception("session %s can't be kept: its snapshot failed", entry.request.sid)
            else:
                if data is not None:
                    found.append((entry.request, data))
        return found

    async def restore(self, request: SessionRequest, data: object) -> PluginSession:
        """Bring back a session that ``snapshots`` told of in an earlier process, under the same id."""
        session = self.create(request)
        session.restore(data)
        await session.open()
        return self._keep(session, request).session

    def _begin(self, owner: str, name: str | None, options: object | None) -> _Opening:
        held = len(self.of(owner)) + sum(
            item.owner == owner and not item.task.done() for item in self._opening.values()
        )
        if held >= self._max_per_subject:
            raise TooManyRequests(
                f"you have {held} sessions open here; close some, or ask for a named one", retry_after_s=60
            ).before_acting()
        request = SessionRequest(sid=secrets.token_hex(12), owner=owner, name=name, options=options)
        task = asyncio.get_running_loop().create_task(self._open(request), name=f"open session {request.sid}")
        opening = _Opening(owner, task)
        self._opening[request.sid] = opening
        if name is not None:
            self._opening_named[owner, name] = opening
        task.add_done_callback(lambda done: self._opened(request, done))
        return opening

    async def _open(self, request: SessionRequest) -> _Entry:
        try:
            session = self.create(request)
            await session.open()
        except (Exception, asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a SystemExit that leaves a task would end the process
            raise RuntimeError(f"the session raised {type(error).__name__}") from error
        entry = self._keep(session, request)
        try:
            await self._save(entry)
        except BaseException:
            self._forget(entry)
            raise
        return entry

    async def _save(self, entry: _Entry) -> None:
        if self.keeper is None:
            return
        data = entry.session.snapshot()
        if data is None:
            if entry.saved is not None:
                await self.keeper.forget(entry.request.sid)
                entry.saved = None
            return
        encoded = dumps(data)
        if encoded != entry.saved:
            request = entry.request
            options = None if request.options is None else dumps(request.options)
            await self.keeper.save(KeptSession(request.sid, request.owner, request.name, options, encoded))
            entry.saved = encoded
            crash_point("session.saved")

    async def _drop(self, entry: _Entry) -> None:
        """Forget a session that has ended for good; where that fails it is back after a restart, and expires again."""
        if self.keeper is not None and entry.saved is not None:
            try:
                await self.keeper.forget(entry.request.sid)
            except Exception:
                log.exception("the end of session %s can't be kept", entry.request.sid)

    def _opened(self, request: SessionRequest, task: asyncio.Task[_Entry]) -> None:
        self._opening.pop(request.sid, None)
        if request.name is not None:
            self._opening_named.pop((request.owner, request.name), None)
        if not task.cancelled():
            task.exception()  # told to whoever waits; nobody may wait any more

    def _keep(self, session: PluginSession, request: SessionRequest) -> _Entry:
        entry = _Entry(session, request, self._monotonic())
        self._entries[request.sid] = entry
        if request.name is not None:
            self._named[request.owner, request.name] = request.sid
        return entry

    def _find(self, sid: str, owner: str) -> _Entry:
        entry = self._entries.get(sid)
        if entry is not None and entry.request.owner == owner:
            return entry
        if self._expired.get(sid) == owner:
            raise Expired(f"session {sid} was idle for too long and has ended; register a new one")
        raise NotFound(f"there is no session {sid[:64]!r}; register one")

    def _forget(self, entry: _Entry) -> None:
        self._entries.pop(entry.request.sid, None)
        if entry.request.name is not None:
            self._named.pop((entry.request.owner, entry.request.name), None)

    def _is_idle(self, entry: _Entry, now: float) -> bool:
        if entry.calls or now - entry.used_at < self._idle_timeout_s:
            return False
        try:
            return not entry.session.busy()
        except Exception:
            log.exception("session %s is kept: its busy() failed", entry.request.sid)
            return False

    async def _close(self, entry: _Entry) -> None:
        error = await bounded(
            entry.session.close, self._close_deadline_s, f"close session {entry.request.sid}"
        )
        if error is not None:
            log.error("session %s failed to close: %r", entry.request.sid, error, exc_info=error)
