"""
Channels: reliable, ordered messages over sockets that come and go.

Each side counts the messages it sends and those it receives; the number is not on the wire, since a socket
keeps order and a message comes whole or not at all. What was sent is kept until the peer's ACK covers it.
When a socket is lost the next one begins with a handshake in which each side says how many messages it has;
``attach`` drops those and queues the rest again. So every message arrives once and in order, or the channel
is lost as a whole.

Bounds: at ``cap`` bytes unacknowledged the channel is not ``writable``; what comes in is handed on at once
and never kept. An ACK goes out after ``ack_bytes`` or ``ack_after_s``. A channel without a socket for
``grace_s`` is lost.

An old socket may still be read when a new one is attached. Its messages must not count, since the new
handshake has promised them to be sent again: pass the generation that ``attach`` returned to ``receive`` and
``detach``, and what an older socket does is ignored.
"""

from __future__ import annotations

from math import inf
from typing import Final

from .backlog import Backlog
from .errors import LinkError
from .frames import (
    FIRST_CONTROL,
    MAX_MESSAGE,
    U64,
    Frame,
    FrameType,
    check_size,
    decode,
    encode,
    unpack_number,
)
from .lifetime import TRANSITIONS, ChannelState, Turn
from .timing import Liveness

IDLE_S: Final = 60.0
_PING: Final = encode(FrameType.PING)
_PONG: Final = encode(FrameType.PONG)


class Channel:
    """
    One end of a channel.

    Attributes:
        id: Names the channel in the handshake; both ends have the same.
        state: Changes along ``TRANSITIONS`` only.
        received: Number of the last message received; what the handshake tells the peer.
        generation: Of the current socket; grows with each ``attach``.
    """

    __slots__ = (
        "_ack_after_s",
        "_ack_at",
        "_ack_bytes",
        "_ack_now",
        "_backlog",
        "_cap",
        "_grace_s",
        "_liveness",
        "_lost_at",
        "_out",
        "_ping",
        "_pong",
        "_unreported",
        "generation",
        "id",
        "received",
        "state",
    )

    def __init__(
        self,
        id: str,  # noqa: A002 - the protocol's own word
        *,
        cap: int = 4 * 1024 * 1024,
        ack_bytes: int = 256 * 1024,
        ack_after_s: float = 0.5,
        grace_s: float = 30.0,
        liveness: Liveness | None = None,
    ) -> None:
        self.id = id
        self.state = ChannelState.NEW
        self.received = 0
        self.generation = 0
        self._cap = cap
        self._ack_bytes = ack_bytes
        self._ack_after_s = ack_after_s
        self._grace_s = grace_s
        self._liveness = liveness or Liveness()
        self._backlog = Backlog(id)
        self._lost_at = inf
        self._clear()

    def _clear(self) -> None:
        """Forget what belongs to one socket."""
        self._out: list[bytes] = []
        self._unreported = 0
        self._ack_at = inf
        self._ack_now = False
        self._ping = False
        self._pong = False

    @property
    def unacked(self) -> int:
        """Bytes sent and not acknowledged."""
        return self._backlog.size

    @property
    def writable(self) -> bool:
        """Whether ``send`` takes a message, with a socket or without."""
        return self._backlog.size < self._cap and self.state is not ChannelState.LOST

    @property
    def suspect(self) -> bool:
        """Whether the peer has been silent for long; changes in ``tick`` and ``receive``."""
        return self.state is ChannelState.ATTACHED and self._liveness.suspect

    @property
    def dead(self) -> bool:
        """Whether the socket is to be dropped now; changes in ``tick`` and ``receive``."""
        return self.state is ChannelState.ATTACHED and self._liveness.dead

    @property
    def pending(self) -> bool:
        """Whether ``outgoing`` has something to write."""
        return bool(self._out) or self._ack_now or self._ping or self._pong

    def send(self, message: bytes) -> None:
        """
        Number a message and keep it until it is acknowledged.

        Raises:
            ValueError: The channel is not ``writable``, or this is no message of mux frames of at most 1 MiB.
        """
        if not self.writable:
            raise ValueError(
                f"channel {self.id} takes no message: {self.state.value}, {self.unacked} bytes unacknowledged"
            )
        if not 0 < len(message) <= MAX_MESSAGE or message[0] >= FIRST_CONTROL:
            raise ValueError("a channel takes messages of mux frames, not empty and at most 1 MiB long")
        self._backlog.append(message)
        if self.state is ChannelState.ATTACHED:
            self._out.append(message)

    def outgoing(self) -> list[bytes]:
        """Take what is to be written to the current socket, in this order; empty without one."""
        out = self._out
        if self._ack_now or self._ping or self._pong:
            control = []
            if self._ack_now:
                control.append(encode(FrameType.ACK, payload=U64.pack(self.received)))
                self._unreported, self._ack_at, self._ack_now = 0, inf, False
            if self._pong:
                control.append(_PONG)
            if self._ping:
                control.append(_PING)
            self._ping = self._pong = False
            out = control + out
        elif not out:
            return []
        self._out = []
        return out

    def receive(self, data: bytes, now: float, generation: int | None = None) -> bytes | None:
        """
        Take one message from a socket.

        Args:
            data: The whole message.
            now: The time.
            generation: What ``attach`` returned for that socket; ``None`` stands for the current one.

        Returns:
            The message if it is for the mux; ``None`` for control, and for whatever an older socket brings.

        Raises:
            LinkError: The peer broke the protocol; the channel is lost.
        """
        if self.state is not ChannelState.ATTACHED or generation not in {None, self.generation}:
            return None
        self._liveness.heard(now)
        size = len(data)
        if 0 < size <= MAX_MESSAGE and data[0] < FIRST_CONTROL:
            self.received += 1
            self._unreported += size
            if self._unreported >= self._ack_bytes:
                self._ack_now = True
            elif self._ack_at == inf:
                self._ack_at = now + self._ack_after_s
            return data
        try:
            check_size(size)
            for frame in decode(data):
                self._control(frame)
        except LinkError:
            self._turn(Turn.BREAK)
            raise
        return None

    def _control(self, frame: Frame) -> None:
        if frame.type is FrameType.ACK:
            self._backlog.acknowledge(unpack_number(frame.payload, U64, "ACK"))
        elif frame.type is FrameType.PING:
            self._pong = True
        elif frame.type is not FrameType.PONG:
            raise LinkError(f"a frame {frame.type.name} belongs before the first message of a socket")

    def attach(self, peer_received: int, now: float) -> int:
        """
        Go on over a new socket, after its handshake; one that was attached is replaced.

        Args:
            peer_received: Number of the last message the peer has, from its HELLO or WELCOME.
            now: The time.

        Returns:
            The generation of this socket.

        Raises:
            LinkError: The channel is lost, or is now because the peer's number is not possible.
        """
        if self.lost(now):
            raise LinkError(f"channel {self.id} is lost")
        try:
            self._backlog.acknowledge(peer_received)
        except LinkError:
            self._turn(Turn.BREAK)
            raise
        self._turn(Turn.ATTACH)
        self._clear()
        self._out = self._backlog.rest()
        self._lost_at = inf
        self._liveness.start(now)
        self.generation += 1
        return self.generation

    def detach(self, now: float, generation: int | None = None) -> None:
        """Note that the socket of this generation, or the current one, is gone; the grace period begins."""
        if self.state is ChannelState.ATTACHED and generation in {None, self.generation}:
            self._clear()
            self._lost_at = now + self._grace_s
            self._turn(Turn.DETACH)

    def acknowledge(self) -> None:
        """Send an ACK at once for what was received since the last: the peer waits for it."""
        self._ack_now = self._ack_now or self._unreported > 0

    def abandon(self) -> None:
        """Give the channel up: the mux found a broken protocol, the peer is gone for good, or we go."""
        self._turn(Turn.BREAK)

    def tick(self, now: float) -> None:
        """Do what is due: ACK, PING, ``suspect`` and ``dead``, the end of the grace period."""
        if self.state is ChannelState.ATTACHED:
            self._liveness.check(now)
            if now >= self._ack_at:
                self._ack_now = True
            if self._liveness.due(now):
                self._ping = True
                self._liveness.sent_ping(now)
        else:
            self.lost(now)

    def deadline(self, now: float) -> float:
        """Return the seconds until the next ``tick``, at most ``IDLE_S``; ask again after ``receive``."""
        if self.state is ChannelState.ATTACHED:
            at = self._ack_at if not self._ack_now else inf
            after = min(at - now, self._liveness.deadline(now), IDLE_S)
        else:
            after = min(self._lost_at - now, IDLE_S)
        after = max(after, 0.0)
        self._liveness.expect(now + after)
        return after

    def lost(self, now: float) -> bool:
        """Whether the channel is lost, be it by having no socket for the grace period."""
        if now >= self._lost_at:
            self._turn(Turn.EXPIRE)
        return self.state is ChannelState.LOST

    def _turn(self, turn: Turn) -> None:
        self.state = TRANSITIONS[self.state, turn]
        if self.state is ChannelState.LOST:
            self._clear()
            self._backlog.clear()
            self._lost_at = inf
