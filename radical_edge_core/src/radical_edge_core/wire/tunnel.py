"""
A connection over a channel over one socket after another.

``Tunnel.run`` carries one socket until it ends; the channel and the connection's exchanges outlive it. When the
channel itself is given up, ``Tunnel.give_up`` closes the connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from radical_edge_core.link.channel import Channel
from radical_edge_core.link.lifetime import ChannelState
from radical_edge_core.wire.connection import Connection


class SocketClosed(Exception):
    """
    The socket ended.

    Attributes:
        code: The WebSocket's close code, 1006 where there was none.
        reason: What the peer, or the transport, said.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class MessageSocket(Protocol):
    """What a tunnel needs of a WebSocket: whole binary messages."""

    async def send(self, data: bytes) -> None:
        """Send one message, waiting while the transport is full."""

    async def receive(self) -> bytes:
        """Return the next message; raise ``SocketClosed`` at the end."""


class Tunnel:
    """
    One channel and its connection.

    Args:
        connection: The exchanges.
        channel: Numbers, keeps and repeats their messages.
        clock: Monotonic seconds.
        health: Called when the peer falls silent or is heard again; ``suspect`` says which.
    """

    def __init__(
        self,
        connection: Connection,
        channel: Channel,
        *,
        clock: Callable[[], float] = time.monotonic,
        health: Callable[[bool], None] | None = None,
    ) -> None:
        self.connection = connection
        self.channel = channel
        self._clock = clock
        self._health = health
        self._suspect = False
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._dead: asyncio.Future[None] | None = None

    async def run(self, socket: MessageSocket, peer_received: int) -> SocketClosed:
        """
        Carry messages over ``socket`` until it ends, and return how it ended.

        Args:
            socket: Handshaken; nothing of it was read past the handshake.
            peer_received: The last message number that the peer has, as its hello or welcome said.

        Raises:
            LinkError: The peer broke the protocol; the channel is lost.
        """
        now = self._clock()
        generation = self.channel.attach(peer_received, now)
        self.connection.wake.set()
        self._dead = self.connection.loop.create_future()
        self._arm(now)
        tasks = [
            asyncio.create_task(self._read(socket, generation)),
            asyncio.create_task(self._write(socket)),
            asyncio.create_task(self._fall_silent()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            failures = sorted(
                (task.exception() for task in done), key=lambda exc: isinstance(exc, SocketClosed)
            )
            if isinstance(failures[0], SocketClosed):
                return failures[0]
            raise failures[0] or RuntimeError("a task of the tunnel ended by itself")
        finally:
            for task in tasks:
                task.cancel()
            # A writer stuck in a dead transport ends by its cancellation; nobody waits for the transport itself.
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.channel.generation == generation:
                if self._timer is not None:
                    self._timer.cancel()
                self.channel.detach(self._clock(), generation)

    async def settled(self) -> None:
        """Wait until the peer has everything that was said; at once where there is no socket to say it over."""
        channel = self.channel
        while channel.state is ChannelState.ATTACHED and (  # noqa: ASYNC110 - a channel tells nobody
            self.connection.queued or channel.unacked
        ):
            await asyncio.sleep(_LOOK_S)

    def give_up(self, reason: str) -> None:
        """The channel is lost: end every exchange; idempotent."""
        self.connection.close(reason)

    async def _read(self, socket: MessageSocket, generation: int) -> None:
        channel, connection, clock = self.channel, self.connection, self._clock
        while True:
            data = await socket.receive()
            now = clock()
            message = channel.receive(data, now, generation)
            if message is not None:
                connection.feed(message)
                if connection.peer_leaves:
                    channel.acknowledge()
            if message is None or channel.pending:
                connection.wake.set()
            if self._due > now + _SOON_S:
                self._arm(now)

    async def _write(self, socket: MessageSocket) -> None:
        channel, connection = self.channel, self.connection
        wake = connection.wake
        while True:
            await wake.wait()
            wake.clear()
            while True:
                if channel.writable and (message := connection.next_message()) is not None:
                    channel.send(message)
                ready = channel.outgoing()
                if not ready:
                    break
                for data in ready:
                    await socket.send(data)

    def _arm(self, now: float) -> None:
        """Set the timer for the channel's next deadline."""
        if self._timer is not None:
            self._timer.cancel()
        after = self.channel.deadline(now)
        self._due = now + after
        self._timer = self.connection.loop.call_later(after, self._tick)

    def _tick(self) -> None:
        now = self._clock()
        self.channel.tick(now)
        if self.channel.dead and self._dead is not None and not self._dead.done():
            self._dead.set_result(None)
            return
        if self._health is not None and self.channel.suspect is not self._suspect:
            self._suspect = self.channel.suspect
            self._health(self._suspect)
        if self.channel.pending:
            self.connection.wake.set()
        self._arm(now)

    async def _fall_silent(self) -> None:
        if self._dead is not None:
            await self._dead
        raise SocketClosed(1006, "nothing was heard for too long")


# An acknowledgement that is due may be this late; a timer that comes sooner is left as it is.
_SOON_S = 0.6
# How often the end of a link is looked for while it drains.
_LOOK_S = 0.01
