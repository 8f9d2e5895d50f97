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
from typing import Any

from radical_edge_core.wire.asgi import Message

log = logging.getLogger(__name__)


class Mailbox:
    """
    A bounded queue of messages.

    Args:
        limit: With as many messages in it, ``put`` waits.
    """

    __slots__ = ("_limit", "_messages", "_readers", "_writers")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Short and mostly empty, as are the rows: an empty tuple takes no memory.
        self._messages: tuple[Message, ...] = ()
        self._readers = _Row()
        self._writers = _Row()

    async def get(self) -> Message:
        """Return the next message, waiting for it."""
        while not self._messages:
            await self._readers.turn()
        message, self._messages = self._messages[0], self._messages[1:]
        self._writers.wake()
        return message

    async def put(self, message: Message) -> None:
        """Add a message, waiting for room."""
        while len(self._messages) >= self._limit:
            await self._writers.turn()
        self._messages += (message,)
        self._readers.wake()


class _Row:
    """Those who wait, in the order in which they came."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: tuple[asyncio.Future[None], ...] = ()

    async def turn(self) -> None:
        """Wait to be woken; whoever is woken and goes away leaves its turn to the next."""
        place = asyncio.get_running_loop().create_future()
        self._places += (place,)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._places = tuple(other for other in self._places if other is not place)
            else:
                self.wake()
            raise

    def wake(self) -> None:
        """Wake the first."""
        while self._places:
            place, self._places = self._places[0], self._places[1:]
            if not place.done():
                place.set_result(None)
                return


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
            # The last two are for applications without asyncio, and there is none here.
            self.spawn(handle, app, config, scope, mailbox.get, send, None, None)
            return mailbox.put

    Group.__module__ = __name__
    return Group
