"""
What a request has received and its handler has not taken yet, in a fraction of the memory of ``asyncio.Queue``.

Hypercorn makes a queue for every request. Most of a waiting call was that: three deques and an event, each of them for
what may happen to a queue with many readers and writers, and never to this one. The names of hypercorn's that are used
here are not meant for it: where one has moved, hypercorn stays as it is.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from radical_edge_core.wire.asgi import Message

log = logging.getLogger(__name__)
_Row = tuple[asyncio.Future[None], ...]


class Mailbox:
    """
    A bounded queue of messages.

    Args:
        limit: With as many messages in it, ``put`` waits.
    """

    __slots__ = ("_limit", "_messages", "_readers", "_writers")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # All three are short and mostly empty, and an empty tuple takes no memory.
        self._messages: tuple[Message, ...] = ()
        self._readers: _Row = ()
        self._writers: _Row = ()

    async def get(self) -> Message:
        """Return the next message, waiting for it."""
        while not self._messages:
            place = asyncio.get_running_loop().create_future()
            self._readers += (place,)
            try:
                await place
            except asyncio.CancelledError:
                self._readers = _without(place, self._readers)
                if self._messages:  # it was woken for one that it does not take
                    self._readers = _woken(self._readers)
                raise
        message, self._messages = self._messages[0], self._messages[1:]
        self._writers = _woken(self._writers)
        return message

    async def put(self, message: Message) -> None:
        """Add a message, waiting for room."""
        while len(self._messages) >= self._limit:
            place = asyncio.get_running_loop().create_future()
            self._writers += (place,)
            try:
                await place
            except asyncio.CancelledError:
                self._writers = _without(place, self._writers)
                if len(self._messages) < self._limit:  # it was woken for room that it does not take
                    self._writers = _woken(self._writers)
                raise
        self._messages += (message,)
        self._readers = _woken(self._readers)


def _without(place: asyncio.Future[None], row: _Row) -> _Row:
    return tuple(other for other in row if other is not place)


def _woken(row: _Row) -> _Row:
    """Wake the first who waits; return those who go on waiting."""
    while row:
        place, row = row[0], row[1:]
        if not place.done():
            place.set_result(None)
            break
    return row


def lean_requests() -> bool:
    """Let hypercorn hand requests over in mailboxes; returns whether it does."""
    try:
        server: Any = importlib.import_module("hypercorn.asyncio.tcp_server")
        groups: Any = importlib.import_module("hypercorn.asyncio.task_group")
        if server.TaskGroup.__module__ != __name__:
            if server.TaskGroup is not groups.TaskGroup:
                raise TypeError("another task group is in use")
            server.TaskGroup = _group(groups.TaskGroup, groups._handle)  # noqa: SLF001
    except Exception as exc:  # noqa: BLE001 - whatever is wrong with a private name, hypercorn's own way works
        log.info("hypercorn hands requests over by itself: %r", exc)
        return False
    return True


def _group(base: type[Any], handle: Callable[..., Awaitable[None]]) -> type[Any]:
    class Group(base):  # type: ignore[misc]  # a class that is only known at run time
        """The tasks of a connection."""

        async def spawn_app(
            self, app: Any, config: Any, scope: Any, send: Any
        ) -> Callable[[Message], Awaitable[None]]:
            mailbox = Mailbox(config.max_app_queue_size)
            in_thread = partial(self._loop.run_in_executor, None)
            self.spawn(handle, app, config, scope, mailbox.get, send, in_thread, _no_wsgi)
            return mailbox.put

    Group.__module__ = __name__
    return Group


def _no_wsgi(*_: object) -> None:
    raise NotImplementedError("only ASGI applications are served")
