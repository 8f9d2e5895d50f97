"""A connection over one socket after another: nothing lost, nothing twice, silence noticed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import define, field

from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.frames import FrameType, encode
from radical_edge_core.link.lifetime import ChannelState
from radical_edge_core.link.mux import Mux
from radical_edge_core.testing.tally import Tally
from radical_edge_core.testing.waiting import wait_until
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.exchange import Exchange
from radical_edge_core.wire.patience import Patience
from radical_edge_core.wire.tunnel import SocketClosed, Tunnel


class Pipe:
    """One end of a socket in memory; what is on its way when it breaks is lost."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(8)
        self.other: Pipe = self
        self.broken = asyncio.Event()
        self.sent = 0
        self.muted = False

    async def send(self, data: bytes) -> None:
        if self.broken.is_set():
            raise SocketClosed(1006, "broken")
        self.sent += 1
        if not self.muted:
            await self.other.queue.put(data)

    async def receive(self) -> bytes:
        getting = asyncio.ensure_future(self.queue.get())
        breaking = asyncio.ensure_future(self.broken.wait())
        try:
            await asyncio.wait({getting, breaking}, return_when=asyncio.FIRST_COMPLETED)
            if breaking.done():
                raise SocketClosed(1006, "broken")
            data = getting.result()
            assert data is not None
            return data
        finally:
            getting.cancel()
            breaking.cancel()


def pipes() -> tuple[Pipe, Pipe]:
    one, other = Pipe(), Pipe()
    one.other, other.other = other, one
    return one, other


@define(eq=False)
class Link:
    """Two tunnels, and the sockets between them."""

    near: Tunnel
    far: Tunnel
    served: list[Exchange] = field(factory=list)
    ends: tuple[Pipe, Pipe] | None = None
    running: tuple[Any, ...] = ()

    def plug(self) -> None:
        """Join them by a new socket, as a handshake would."""
        self.ends = pipes()
        at_far, at_near = self.far.channel.received, self.near.channel.received
        self.running = (
            asyncio.create_task(self.near.run(self.ends[0], at_far)),
            asyncio.create_task(self.far.run(self.ends[1], at_near)),
        )

    async def unplug(self) -> None:
        """Break the socket, and wait until both sides know."""
        assert self.ends is not None
        for end in self.ends:
            end.broken.set()
        for closed in await asyncio.gather(*self.running):
            assert isinstance(closed, SocketClosed)
            assert closed.code == 1006

    async def finish(self) -> None:
        """End it for good."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        self.near.give_up("over")
        self.far.give_up("over")


def link(patience: Patience | None = None, health: Any = None) -> Link:
    times = patience or Patience()
    near = Tunnel(Connection(Mux(True)), times.channel("c"), health=health)
    far = Tunnel(Connection(Mux(False)), times.channel("c"))
    made = Link(near, far)
    far.connection.serve_with(made.served.append, lambda _: None)
    return made


async def test_bodies_survive_many_sockets(tally: Tally) -> None:
    """However often the socket breaks, both bodies of an exchange pass whole and in order."""
    ends = link()
    ends.plug()
    mine = ends.near.connection.open(b"head", fin=False)
    await wait_until(lambda: ends.served)
    theirs = ends.served[0]
    theirs.answer(b"answer", fin=False)
    size = 3_000_000

    async def pour(exchange: Exchange, step: int, *, fin: bool) -> None:
        for at in range(0, size, step):
            piece = b"".join(n.to_bytes(4, "big") for n in range(at // 4, min(at + step, size) // 4))
            await exchange.write(piece, fin=fin and at + step >= size)

    async def drink(exchange: Exchange) -> bytes:
        whole = bytearray()
        while data := await exchange.read():
            whole += data
            exchange.taken(len(data))
        return bytes(whole)

    async def trouble() -> None:
        while True:
            for _ in range(tally.rng.randrange(3, 60)):
                await asyncio.sleep(0)
            await ends.unplug()
            tally.count("unplugged")
            for _ in range(tally.rng.randrange(3)):
                await asyncio.sleep(0)
            ends.plug()

    breaking = asyncio.create_task(trouble())
    async with asyncio.timeout(30):
        back = asyncio.create_task(drink(mine))
        up = asyncio.create_task(drink(theirs))
        await asyncio.gather(pour(mine, 40_000, fin=True), pour(theirs, 24_000, fin=False))
        expected = b"".join(n.to_bytes(4, "big") for n in range(size // 4))
        assert await up == expected
        await theirs.write(b"", fin=True)
        assert await back == expected
    breaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await breaking
    assert tally.faults["unplugged"] > 3
    await ends.finish()


async def test_notes_of_a_time_without_a_socket_follow() -> None:
    """What was said while no socket was there is sent over the next one."""
    notes: list[bytes] = []
    ends = link()
    ends.far.connection._note = notes.append
    ends.plug()
    ends.near.connection.notify(b"1")
    await wait_until(lambda: notes == [b"1"])
    await ends.unplug()
    ends.near.connection.notify(b"2")
    ends.plug()
    ends.near.connection.notify(b"3")
    await wait_until(lambda: notes == [b"1", b"2", b"3"])
    await ends.finish()


async def test_settled_waits_until_the_peer_has_everything() -> None:
    """After a goodbye the peer confirms at once, so that whoever leaves need not wait long."""
    ends = link()
    ends.plug()
    ends.near.connection.goodbye()
    for n in range(50):
        ends.near.connection.notify(b"%d" % n)
    async with asyncio.timeout(0.4):
        await ends.near.settled()
    assert ends.near.channel.unacked == 0
    await ends.unplug()
    ends.near.connection.notify(b"late")
    async with asyncio.timeout(0.4):
        await ends.near.settled()
    await ends.finish()


async def test_a_silent_peer_is_doubted_and_then_dropped() -> None:
    """Silence makes a peer suspect, and later ends its socket; the channel waits for the next one."""
    health: list[bool] = []
    ends = link(Patience(ping_after_s=0.05, suspect_after_s=0.1, dead_after_s=0.2, late_s=1), health.append)
    ends.plug()
    assert ends.ends is not None
    await wait_until(lambda: ends.near.channel.state is ChannelState.ATTACHED)
    ends.ends[1].muted = True
    closed = await asyncio.wait_for(ends.running[0], 5)
    assert "nothing was heard" in closed.reason
    assert health == [True]
    assert ends.near.channel.state is ChannelState.DETACHED
    await ends.finish()


async def test_a_peer_that_is_heard_again_is_not_doubted() -> None:
    """A peer that was suspect and speaks is as good as before."""
    health: list[bool] = []
    ends = link(Patience(ping_after_s=0.05, suspect_after_s=0.1, dead_after_s=5, late_s=1), health.append)
    ends.plug()
    assert ends.ends is not None
    ends.ends[1].muted = True
    await wait_until(lambda: health == [True])
    ends.ends[1].muted = False
    ends.far.connection.notify(b"here")
    await wait_until(lambda: health == [True, False])
    await ends.finish()


async def test_a_broken_protocol_ends_the_run_with_its_error() -> None:
    """What the peer breaks is raised to whoever carries the link, and both tasks end."""
    ends = link()
    one, other = pipes()
    running = asyncio.create_task(ends.near.run(one, 0))
    await other.send(encode(FrameType.RESP, stream=5, payload=bytes(4)))
    with pytest.raises(LinkError, match="never opened"):
        await running
    await ends.finish()


async def test_an_impossible_place_to_go_on_from_is_an_error() -> None:
    """A peer that claims messages which were never sent can't be served."""
    ends = link()
    with pytest.raises(LinkError):
        await ends.near.run(pipes()[0], 7)
    await ends.finish()


async def test_cancelling_a_run_leaves_the_channel_for_the_next() -> None:
    """A socket that is taken away from outside counts as lost, also where a writer waits on it."""
    ends = link()
    one, _other = pipes()
    running = asyncio.create_task(ends.near.run(one, 0))
    for n in range(200):
        ends.near.connection.notify(b"x" * 40_000 + b"%d" % n)
    await wait_until(one.other.queue.full)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ends.near.channel.state is ChannelState.DETACHED
    ends.plug()
    await wait_until(lambda: ends.far.channel.received > 100)
    await ends.finish()
