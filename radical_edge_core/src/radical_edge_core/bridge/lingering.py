"""
The end of an exchange whose caller is still sending.

The server hands over what comes in through a short queue, the end of the connection as well, and waits while the queue
is full. If nobody emptied it after an answer, connection and tasks would stay for ever. So what still comes is taken
and dropped until the end; and an answer's last piece is held back for a moment, since the server closes the connection
right after it, and a caller that is cut off while sending may never see the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from radical_edge_core.bridge.headers import Header
from radical_edge_core.wire.asgi import Message, Receive, Send

LINGER_S: Final = 1.0
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_ENDS: Final = frozenset({"http.disconnect", "websocket.disconnect"})
_FINAL: Final = {"type": "http.response.body", "body": b"", "more_body": False}


class Leftovers:
    """Takes what peers still send after nobody wants it any more; one for a bridge."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def drop(self, receive: Receive) -> asyncio.Task[None]:
        """Take and forget everything until the end of the connection."""
        task = asyncio.get_running_loop().create_task(_drop(receive))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def stop(self) -> None:
        """Take nothing more; the server is about to close every connection."""
        for task in self._tasks:
            task.cancel()


class Upload:
    """
    The two callables of a request with a body, which know whether the body has ended.

    Args:
        receive: The server's.
        send: The server's.
        leftovers: Takes what nobody reads.
    """

    __slots__ = ("_dropping", "_gone", "_leftovers", "_over", "_receive", "_send")

    def __init__(self, receive: Receive, send: Send, leftovers: Leftovers) -> None:
        self._receive = receive
        self._send = send
        self._leftovers = leftovers
        self._over = asyncio.Event()
        self._gone = False
        self._dropping: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """Return the next message of the caller."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone = True
            self._over.set()
            if self._dropping is not None:
                self._dropping.cancel()
        elif not message.get("more_body", False):
            self._over.set()
        return message

    async def send(self, message: Message) -> None:
        """Send a piece of the answer; where the body has not ended, its last one only after a moment."""
        if self._over.is_set() or message["type"] != "http.response.body" or message.get("more_body", False):
            await self._send(message)
            return
        if message.get("body"):
            await self._send({**message, "more_body": True})
        self.leave()
        try:
            async with asyncio.timeout(LINGER_S):
                await self._over.wait()
        except TimeoutError:
            pass
        await self._send(_FINAL)

    def leave(self) -> None:
        """Nobody reads the body from now on; idempotent."""
        if not self._over.is_set() and self._dropping is None and not self._gone:
            self._dropping = self._leftovers.drop(self.receive)


def has_body(headers: Iterable[Header]) -> bool:
    """Say whether a request with these headers announces a body."""
    return any(name in _FRAMING for name, _ in headers)


async def _drop(receive: Receive) -> None:
    while (await receive())["type"] not in _ENDS:
        pass
