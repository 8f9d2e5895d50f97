"""Exchanges over a mux in an event loop: bodies bounded, ends told, nothing waited for by the reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from attrs import define, field

from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.frames import FrameType, encode
from radical_edge_core.link.mux import Mux
from radical_edge_core.testing.waiting import wait_until
from radical_edge_core.wire.connection import QUEUE_HIGH, Connection
from radical_edge_core.wire.exchange import Exchange, ExchangeLost
from radical_edge_core.wire.memory import join

WINDOW = 64 * 1024


@define(eq=False)
class Pair:
    """Two ends: the one opens, the other serves; what came in there."""

    near: Connection
    far: Connection
    served: list[Exchange] = field(factory=list)
    cancelled: list[Exchange] = field(factory=list)
    notes: list[bytes] = field(factory=list)

    async def ask(
        self, head: bytes = b"ask", body: bytes = b"", *, fin: bool = True
    ) -> tuple[Exchange, Exchange]:
        """Open an exchange, and return both ends of it."""
        before = len(self.served)
        mine = self.near.open(head, body, fin=fin)
        await wait_until(lambda: len(self.served) > before)
        return mine, self.served[-1]


def pair(window: int = WINDOW) -> Pair:
    notes: list[bytes] = []
    near = Connection(Mux(True, window))
    far = Connection(Mux(False, window), note=notes.append)
    made = Pair(near, far, notes=notes)
    far.serve_with(made.served.append, made.cancelled.append)
    return made


@asynccontextmanager
async def joined(window: int = WINDOW) -> AsyncIterator[Pair]:
    made = pair(window)
    joining = asyncio.create_task(join(made.near, made.far))
    try:
        yield made
    finally:
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
        assert made.near.closed
        assert made.far.closed


async def pour(exchange: Exchange, size: int, *, fin: bool = True) -> None:
    """Send a body in odd pieces."""
    sent = 0
    while sent < size:
        piece = min(10_007, size - sent)
        sent += piece
        await exchange.write(bytes(piece), fin=fin and sent == size)


async def drink(exchange: Exchange) -> int:
    """Take a body to its end, and return its length."""
    taken = 0
    while data := await exchange.read():
        taken += len(data)
        exchange.taken(len(data))
    return taken


# --- bodies -----------------------------------------------------------------------------------------


async def test_a_small_exchange_is_one_frame_each_way() -> None:
    """Head and body of a small request, and of its answer, travel in one message each."""
    ends = pair()
    mine = ends.near.open(b"head", b"body", fin=True)
    message = ends.near.next_message()
    assert message is not None
    assert ends.near.next_message() is None
    ends.far.feed(message)
    theirs = ends.served[0]
    assert (await theirs.head(), await theirs.read(), await theirs.read()) == (b"head", b"body", b"")
    theirs.answer(b"answer", b"done", fin=True)
    message = ends.far.next_message()
    assert message is not None
    assert ends.far.next_message() is None
    ends.near.feed(message)
    assert (await mine.head(), mine.read_ready(), mine.exhausted) == (b"answer", b"done", True)


@pytest.mark.parametrize("window", [16 * 1024, WINDOW, 1024 * 1024])
async def test_large_bodies_pass_both_ways_at_once(window: int) -> None:
    """Bodies far larger than a window pass, in both directions of one exchange at the same time."""
    async with joined(window) as ends, asyncio.timeout(20):
        mine, theirs = await ends.ask(fin=False)
        theirs.answer(b"answer", fin=False)
        size = 1_500_000
        down = asyncio.create_task(pour(theirs, size, fin=False))
        back = asyncio.create_task(drink(mine))
        assert (await asyncio.gather(pour(mine, size), drink(theirs)))[1] == size
        await down
        # The end of the answer is the end of the exchange, so it comes last.
        await theirs.write(b"", fin=True)
        assert await back == size


async def test_an_end_without_bytes_is_an_end() -> None:
    """A body that ends with an empty piece ends, and the link goes on."""
    async with joined() as ends, asyncio.timeout(5):
        mine, theirs = await ends.ask(fin=False)
        await mine.write(b"", fin=True)
        assert await theirs.read() == b""
        theirs.answer(b"a", b"x", fin=False)
        await theirs.write(b"", fin=True)
        assert (await mine.head(), await mine.read(), await mine.read()) == (b"a", b"x", b"")
        assert mine.exhausted
        await ends.ask()


async def test_a_writer_waits_for_the_peer_to_take() -> None:
    """Beyond a window nothing more goes out until the peer has dealt with what it has."""
    async with joined() as ends, asyncio.timeout(10):
        mine, theirs = await ends.ask(fin=False)
        writing = asyncio.create_task(pour(mine, 4 * WINDOW))
        await wait_until(lambda: sum(map(len, theirs._chunks)) == WINDOW)
        assert not writing.done()
        first = await theirs.read()
        theirs.taken(len(first))
        assert len(first) + await drink(theirs) == 4 * WINDOW
        await writing


async def test_what_is_read_but_not_taken_gives_no_credit() -> None:
    """Credit returns when the consumer got rid of the bytes, not when it looked at them."""
    async with joined() as ends:
        mine, theirs = await ends.ask(fin=False)
        writing = asyncio.create_task(pour(mine, 2 * WINDOW))
        read = 0
        while read < WINDOW:
            read += len(await theirs.read())
        assert not theirs._chunks
        for _ in range(20):
            await asyncio.sleep(0)
        assert not writing.done()
        assert not theirs._chunks
        theirs.taken(read)
        assert await drink(theirs) == WINDOW
        await writing


async def test_a_link_that_does_not_move_holds_producers_back() -> None:
    """While nobody carries the messages, many streams together fill a bounded queue; then they all go on."""
    ends = pair(1024 * 1024)
    mine = [ends.near.open(b"x", fin=False) for _ in range(20)]
    writing = [asyncio.create_task(pour(one, 500_000)) for one in mine]
    await wait_until(lambda: ends.near.queued > QUEUE_HIGH)
    for _ in range(50):
        await asyncio.sleep(0)
    assert ends.near.queued < QUEUE_HIGH + 20 * 64 * 1024
    joining = asyncio.create_task(join(ends.near, ends.far))
    await wait_until(lambda: len(ends.served) == 20)
    assert await asyncio.gather(*map(drink, ends.served)) == [500_000] * 20
    await asyncio.gather(*writing)
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)


async def test_one_stream_that_is_not_read_stops_no_other() -> None:
    """A window is a stream's own."""
    async with joined() as ends, asyncio.timeout(10):
        stuck, _ = await ends.ask(fin=False)
        writing = asyncio.create_task(pour(stuck, 10 * WINDOW))
        for _ in range(5):
            mine, theirs = await ends.ask(fin=False)
            sent, taken = await asyncio.gather(pour(mine, 5 * WINDOW), drink(theirs))
            assert (sent, taken) == (None, 5 * WINDOW)
        assert not writing.done()
        stuck.abort("canceled")
        with pytest.raises(ExchangeLost):
            await writing


# --- ends -------------------------------------------------------------------------------------------


async def test_an_aborted_exchange_ends_on_both_sides() -> None:
    """Whoever aborts, both ends learn of it, with code and reason; other exchanges go on."""
    async with joined() as ends:
        for mine_aborts in (True, False):
            mine, theirs = await ends.ask(fin=False)
            one, other = (mine, theirs) if mine_aborts else (theirs, mine)
            one.abort("canceled", "enough")
            one.abort("canceled", "again")
            waiting = other.head() if other is mine else other.read()
            with pytest.raises(ExchangeLost) as lost:
                await waiting
            assert (lost.value.code, lost.value.reason) == ("canceled", "enough")
        assert ends.cancelled == [ends.served[0]]
        await ends.ask()


async def test_what_came_before_the_end_can_still_be_read() -> None:
    """An exchange that fails keeps what was received, and fails after it."""
    async with joined() as ends:
        mine, theirs = await ends.ask()
        theirs.answer(b"head", b"beginning", fin=False)
        await mine.head()
        theirs.abort("failed", "no more")
        await wait_until(lambda: ends.near.busy == 0)
        assert await mine.read() == b"beginning"
        with pytest.raises(ExchangeLost, match="failed: no more"):
            await mine.read()


async def test_a_waiting_writer_is_woken_by_the_end() -> None:
    """Whoever waits for credit learns that none will come."""
    async with joined() as ends:
        mine, theirs = await ends.ask(fin=False)
        writing = asyncio.create_task(pour(mine, 10 * WINDOW))
        await wait_until(lambda: sum(map(len, theirs._chunks)) == WINDOW)
        theirs.abort("failed", "x")
        with pytest.raises(ExchangeLost):
            await writing


async def test_closing_ends_every_exchange() -> None:
    """When the link is lost each waiting end is told, serving ones are cancelled, and nothing new begins."""
    ends = pair()
    mine = [ends.near.open(b"x", fin=True) for _ in range(3)]
    message = ends.near.next_message()
    assert message is not None
    ends.far.feed(message)
    waiting = [asyncio.create_task(one.head()) for one in mine]
    await asyncio.sleep(0)
    for end in (ends.near, ends.far):
        end.close("the cable was pulled")
        end.close("again")
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, ExchangeLost)
        assert (result.code, result.reason) == ("lost", "the cable was pulled")
    assert ends.cancelled == ends.served
    with pytest.raises(ExchangeLost, match="the cable was pulled"):
        ends.near.open(b"x", fin=True)
    # What comes late does nothing.
    ends.served[0].answer(b"late", fin=True)
    ends.served[0].taken(0)
    ends.near.notify(b"late")
    ends.near.goodbye()
    assert (ends.near.busy, ends.far.busy) == (0, 0)
    assert ends.near.next_message() is None


async def test_cutting_off_ends_both_sides_of_what_runs() -> None:
    """A side that stops ends its exchanges, and the peer learns of it over the link that is still there."""
    async with joined() as ends:
        mine, _ = await ends.ask()
        ends.far.cut_off("the edge is stopping")
        with pytest.raises(ExchangeLost) as lost:
            await mine.head()
        assert (lost.value.code, lost.value.reason) == ("lost", "the edge is stopping")
        assert len(ends.cancelled) == 1


async def test_after_a_goodbye_nothing_new_begins_and_the_old_ends() -> None:
    """Both sides finish what is under way, and know when that is done."""
    async with joined() as ends:
        mine, theirs = await ends.ask()
        ends.far.goodbye()
        await wait_until(lambda: ends.near.peer_leaves)
        with pytest.raises(ExchangeLost) as refused:
            ends.near.open(b"x", fin=True)
        assert refused.value.code == "draining"
        draining = asyncio.create_task(ends.far.drained())
        await asyncio.sleep(0)
        assert not draining.done()
        theirs.answer(b"a", b"b", fin=True)
        theirs.done()
        await draining
        assert await mine.head() == b"a"


async def test_too_many_exchanges_are_refused() -> None:
    """More than the bound are not opened, and say so."""
    near = Connection(Mux(True, WINDOW, 2))
    for _ in range(2):
        near.open(b"x", fin=True)
    with pytest.raises(ExchangeLost) as refused:
        near.open(b"x", fin=True)
    assert refused.value.code == "overload"


async def test_a_side_that_serves_nothing_says_so() -> None:
    """An exchange that nobody answers is refused, not forgotten."""
    near, far = Connection(Mux(True)), Connection(Mux(False))
    joining = asyncio.create_task(join(near, far))
    mine = near.open(b"x", fin=True)
    with pytest.raises(ExchangeLost, match="serves nothing"):
        await mine.head()
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)


@pytest.mark.parametrize(
    "message",
    [b"", b"\xff" * 30, encode(FrameType.PING), encode(FrameType.RESP, stream=9, payload=bytes(4))],
    ids=["empty", "garbage", "control", "answer to nothing"],
)
async def test_a_broken_protocol_is_told_to_whoever_feeds(message: bytes) -> None:
    """What breaks the protocol is an error of the link, and no exchange's."""
    ends = pair()
    with pytest.raises(LinkError):
        ends.near.feed(message)


async def test_notes_keep_their_order() -> None:
    """Notes come as they were sent, in order, beside the exchanges."""
    async with joined() as ends:
        for n in range(100):
            ends.near.notify(b"%d" % n)
        await wait_until(lambda: len(ends.notes) == 100)
        assert ends.notes == [b"%d" % n for n in range(100)]
