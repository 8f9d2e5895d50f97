"""The caller's end of a request: its body, piece by piece, and whether it is still there."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from radical_edge_core.wire.asgi import Message, Receive

LOOK_AHEAD: Final = 64 * 1024
LOOK_AHEAD_PARKED: Final = 16 * 1024


class CallerLeft(Exception):
    """The caller closed its connection."""


class Intake:
    """
    Reads one request's body.

    Bytes are taken from the server one message at a time and only when wanted, so that the caller's own socket is
    what holds back an upload that the edge can't take yet.

    Args:
        receive: The server's.
        empty: Whether the request has no body.

    Attributes:
        ended: Whether nothing of the body is left to be read.
    """

    __slots__ = ("_kept", "_receive", "ended")

    def __init__(self, receive: Receive, *, empty: bool = False) -> None:
        self._receive = receive
        self._kept: deque[Message] | None = None  # few callers need one
        self.ended = empty

    async def next(self) -> bytes:
        """
        Return the next piece, which may be empty; ``ended`` says whether it was the last.

        Raises:
            CallerLeft: The caller went away before the body ended.
        """
        message = self._kept.popleft() if self._kept else await self._receive()
        if message["type"] == "http.disconnect":
            raise CallerLeft
        self.ended = not message.get("more_body", False)
        body = message.get("body", b"")
        return body if isinstance(body, bytes) else bytes(body)

    async def collect(self) -> bytes:
        """Return the whole of a body that is known to be small."""
        pieces = [await self.next()]
        while not self.ended:
            pieces.append(await self.next())
        return b"".join(pieces)

    async def left(self, look_ahead: int = LOOK_AHEAD) -> None:
        """
        Return when the caller has gone.

        What of the body is taken from the server meanwhile is kept for ``next``, and little of it: beyond
        ``look_ahead`` bytes nothing can be known of the caller until the body moves on.
        """
        while True:
            if self._kept and sum(len(message.get("body", b"")) for message in self._kept) >= look_ahead:
                await asyncio.get_running_loop().create_future()
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return
            if not self.ended:
                if self._kept is None:
                    self._kept = deque()
                self._kept.append(message)

    async def no_longer_wanted(self) -> None:
        """
        Wait for as long as the caller does, while its call waits for an edge.

        Raises:
            CallerLeft: It went away.
        """
        await self.left(LOOK_AHEAD_PARKED)
        raise CallerLeft
