"""One request and its answer as either side of a link sees them: a head, a body in, a body out."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radical_edge_core.wire.connection import Connection

PIECE = 64 * 1024


class ExchangeLost(ConnectionError):
    """
    The exchange ended before it was complete.

    Attributes:
        code: Why, as the peer or the link says: ``lost``, ``canceled``, ``flow``, ``overload``, ``draining``, …
        reason: The same in words.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}" if reason else code)
        self.code = code
        self.reason = reason


class Exchange:
    """
    One stream of a connection.

    The link's reader only appends here and never waits: what is not read yet is bounded by the credit that was given
    out, which returns by ``taken``, once the consumer has got rid of the bytes.
    """

    __slots__ = ("_chunks", "_connection", "_ended", "_failure", "_head", "_reader", "_writer", "stream")

    def __init__(self, connection: Connection, stream: int, head: bytes | None = None) -> None:
        self.stream = stream
        self._connection = connection
        self._head = head
        self._chunks: deque[bytes] = deque()
        self._ended = False
        self._failure: ExchangeLost | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    async def head(self) -> bytes:
        """
        Wait for the peer's head and return it, encoded.

        Raises:
            ExchangeLost: The exchange ended before it came.
        """
        while self._head is None:
            if self._failure is not None:
                raise self._failure
            await self._readable()
        return self._head

    @property
    def complete(self) -> bool:
        """Whether everything the peer will ever send is here."""
        return self._ended

    @property
    def exhausted(self) -> bool:
        """Whether the peer's body has ended and every byte of it was read."""
        return self._ended and not self._chunks

    async def read(self) -> bytes:
        """
        Return the next piece of the peer's body, empty at its end; ``taken`` must be told once it is dealt with.

        Raises:
            ExchangeLost: The exchange ended before the body did.
        """
        while True:
            if self._chunks:
                return self._chunks.popleft()
            if self._ended:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._readable()

    def read_ready(self) -> bytes:
        """Return what has come of the body and was not read yet, without waiting."""
        if len(self._chunks) == 1:
            return self._chunks.popleft()
        joined = b"".join(self._chunks)
        self._chunks.clear()
        return joined

    def taken(self, count: int) -> None:
        """Say that ``count`` body bytes were passed on: the peer may send as many more."""
        self._connection.taken(self.stream, count)

    async def write(self, data: bytes | memoryview, *, fin: bool = False) -> None:
        """
        Send a piece of our body, waiting for the peer's credit and for room in the link's queue.

        Raises:
            ExchangeLost: The peer wants no more, or the link is gone.
        """
        view = memoryview(data)
        if not view:
            if fin:
                self._check()
                self._connection.send(self.stream, b"", fin=True)
            return
        while view:
            self._check()
            room = self._connection.room(self.stream)
            if not room:
                self._writer = self._connection.loop.create_future()
                try:
                    await self._writer
                finally:
                    self._writer = None
                continue
            piece, view = view[: min(room, PIECE)], view[min(room, PIECE) :]
            self._connection.send(self.stream, piece, fin=fin and not view)

    def answer(self, head: bytes, body: bytes = b"", *, fin: bool) -> None:
        """Send our head and the first piece of our body (at most 64 KiB) in answer to the peer's request."""
        if self._failure is None:
            self._connection.answer(self.stream, head, body, fin=fin)

    def done(self) -> None:
        """Forget the exchange: both sides are finished with it."""
        self._connection.forget(self.stream)

    def abort(self, code: str, reason: str = "") -> None:
        """End the exchange on both sides; idempotent."""
        self._connection.abort(self.stream, code, reason)
        self.fail(ExchangeLost(code, reason))

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _readable(self) -> None:
        self._reader = self._connection.loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    # What the connection calls, from the link's reader.

    def answered(self, head: bytes, body: bytes, *, fin: bool) -> None:
        """Take the peer's head and the first piece of its body."""
        self._head = head
        self.deliver(body, fin=fin)

    def deliver(self, data: bytes, *, fin: bool) -> None:
        """Take a piece of the peer's body."""
        if data:
            self._chunks.append(data)
        if fin:
            self._ended = True
        _wake(self._reader)

    def credited(self) -> None:
        """Wake a writer that waits for room."""
        _wake(self._writer)

    def fail(self, failure: ExchangeLost) -> None:
        """End with ``failure``; what was received stays readable, unless the body is complete nothing follows."""
        if self._failure is None:
            self._failure = failure
            _wake(self._reader)
            _wake(self._writer)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
