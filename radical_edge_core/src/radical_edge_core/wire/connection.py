"""
A mux in an event loop.

Whoever moves the bytes calls ``feed`` with each message that came and takes ``next_message`` when ``wake`` is set.
``feed`` never waits: it hands every event to its exchange and returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from radical_edge_core.link.errors import StreamRefused
from radical_edge_core.link.events import Answered, Credit, Data, Goodbye, Note, Opened, Reset
from radical_edge_core.link.mux import Mux
from radical_edge_core.wire.exchange import Exchange, ExchangeLost

# Producers wait while more than this is queued for the link, so that one fast stream can't fill the memory.
QUEUE_HIGH = 256 * 1024

Handle = Callable[[Exchange], None]


class Connection:
    """
    The exchanges of one link.

    Args:
        mux: The protocol machine.
        note: Called with each notification's payload; must not block.

    Attributes:
        closed: Why it is over, ``None`` as long as it lives.
        peer_leaves: Whether the peer said goodbye.
        room_made: Called whenever an exchange has ended; must not block.
    """

    def __init__(self, mux: Mux, *, note: Callable[[bytes], None] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.wake = asyncio.Event()
        self.closed: str | None = None
        self.peer_leaves = False
        self.room_made: Callable[[], None] | None = None
        self._mux = mux
        self._serve: Handle | None = None
        self._cancelled: Handle | None = None
        self._note = note
        self._exchanges: dict[int, Exchange] = {}
        self._theirs: set[int] = set()
        self._crowded: set[int] = set()
        self._idle: asyncio.Future[None] | None = None

    @property
    def busy(self) -> int:
        """How many exchanges are under way."""
        return len(self._exchanges)

    @property
    def vacant(self) -> int:
        """How many more exchanges may begin."""
        return self._mux.vacant

    @property
    def queued(self) -> int:
        """How many bytes wait for whoever moves them."""
        return self._mux.queued

    def serve_with(self, serve: Handle, cancelled: Handle) -> None:
        """
        Say who answers the exchanges that the peer opens.

        Args:
            serve: Called for each; must not block.
            cancelled: Called for one that the peer ended or the link lost before it was answered.
        """
        self._serve, self._cancelled = serve, cancelled

    # Our side opens, answers, sends.

    def open(self, head: bytes, body: bytes = b"", *, fin: bool) -> Exchange:
        """
        Begin an exchange; ``body`` is its first piece, at most 64 KiB.

        Raises:
            ExchangeLost: The connection is closed, or the peer is leaving.
        """
        if self.closed is not None:
            raise ExchangeLost("lost", self.closed)
        try:
            exchange = Exchange(self, self._mux.open(head, body, fin=fin))
        except StreamRefused as exc:
            raise ExchangeLost(exc.code, exc.reason) from exc
        self._exchanges[exchange.stream] = exchange
        self.wake.set()
        return exchange

    def answer(self, stream: int, head: bytes, body: bytes, *, fin: bool) -> None:
        """Send our head and the first piece of our body in answer to the peer's exchange."""
        self._mux.answer(stream, head, body, fin=fin)
        self.wake.set()

    def send(self, stream: int, data: bytes | memoryview, *, fin: bool) -> None:
        """Send a piece of a body; the caller has asked ``room`` before."""
        self._mux.send(stream, data, fin=fin)
        self.wake.set()

    def room(self, stream: int) -> int:
        """Return how many body bytes may be sent now; 0 also while the link's queue is full."""
        if self._mux.queued > QUEUE_HIGH:
            self._crowded.add(stream)
            return 0
        return self._mux.credit(stream)

    def taken(self, stream: int, count: int) -> None:
        """Return credit for bytes that our consumer has dealt with."""
        if self.closed is None:
            self._mux.consumed(stream, count)
            if self._mux.queued:
                self.wake.set()

    def abort(self, stream: int, code: str, reason: str) -> None:
        """End a stream on both sides and forget it."""
        self.forget(stream)
        if self.closed is None:
            self._mux.reset(stream, code, reason)
            self.wake.set()

    def notify(self, payload: bytes) -> None:
        """Send a notification; dropped where the connection is closed."""
        if self.closed is None:
            self._mux.notify(payload)
            self.wake.set()

    def goodbye(self) -> None:
        """Tell the peer that we open nothing more and serve nothing new."""
        if self.closed is None:
            self._mux.goodbye()
            self.wake.set()

    async def drained(self) -> None:
        """Wait until no exchange is under way."""
        while self._exchanges:
            self._idle = self.loop.create_future()
            await self._idle

    # The mover of bytes.

    def next_message(self) -> bytes | None:
        """Return the next message for the peer, ``None`` where there is nothing to say."""
        message = self._mux.next_message()
        if self._crowded and self._mux.queued <= QUEUE_HIGH // 2:
            waiting, self._crowded = self._crowded, set()
            for stream in waiting:
                if (exchange := self._exchanges.get(stream)) is not None:
                    exchange.credited()
        return message

    def feed(self, message: bytes) -> None:
        """
        Take one message of the peer.

        Raises:
            LinkError: It breaks the protocol; the link must end.
        """
        for event in self._mux.receive(message):
            if isinstance(event, Answered):
                exchange = self._exchanges.get(event.stream)
                if exchange is not None:
                    exchange.answered(event.head, event.body, fin=event.fin)
            elif isinstance(event, Opened):
                exchange = Exchange(self, event.stream, event.head)
                exchange.deliver(event.body, fin=event.fin)
                self._exchanges[event.stream] = exchange
                self._theirs.add(event.stream)
                if self._serve is None:
                    self.abort(event.stream, "refused", "this side serves nothing")
                else:
                    self._serve(exchange)
            else:
                self._other(event)
        if self._mux.queued:
            self.wake.set()

    def close(self, reason: str) -> None:
        """End every exchange: the link is lost and won't come back; idempotent."""
        if self.closed is None:
            self.closed = reason
            self._mux.end(reason)
            for stream in list(self._exchanges):
                self._fail(stream, ExchangeLost("lost", reason))
            self.wake.set()

    def cut_off(self, reason: str) -> None:
        """End every exchange on both sides: we stop, and the peer need not wait for us to come back."""
        for stream in list(self._exchanges):
            self._mux.reset(stream, "lost", reason)
            self._fail(stream, ExchangeLost("lost", reason))
        self.wake.set()

    def _other(self, event: object) -> None:
        match event:
            case Data(stream, data, fin):
                if (exchange := self._exchanges.get(stream)) is not None:
                    exchange.deliver(data, fin=fin)
            case Credit(stream):
                if (exchange := self._exchanges.get(stream)) is not None:
                    exchange.credited()
            case Reset(stream, code, reason):
                self._fail(stream, ExchangeLost(code, reason))
            case Note(payload):
                if self._note is not None:
                    self._note(payload)
            case Goodbye():
                self.peer_leaves = True

    def _fail(self, stream: int, failure: ExchangeLost) -> None:
        theirs = stream in self._theirs
        exchange = self._exchanges.get(stream)
        self.forget(stream)
        if exchange is not None:
            exchange.fail(failure)
            if theirs and self._cancelled is not None:
                self._cancelled(exchange)

    def forget(self, stream: int) -> None:
        """Drop an exchange that both sides have finished."""
        self._exchanges.pop(stream, None)
        self._theirs.discard(stream)
        self._crowded.discard(stream)
        if self.room_made is not None:
            self.room_made()
        if not self._exchanges and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
