"""Credit: what a window allows, how it comes back, and what happens beyond it."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from radical_edge_core.link.events import Answered, Data, MuxEvent, Opened, Reset
from radical_edge_core.link.frames import U32, FrameType, decode, encode
from radical_edge_core.link.mux import Mux


def pass_on(sender: Mux, receiver: Mux) -> list[MuxEvent]:
    events: list[MuxEvent] = []
    while (message := sender.next_message()) is not None:
        events += receiver.receive(message)
    return events


@pytest.mark.parametrize("window", [1, 2, 3, 64, 100])
@pytest.mark.parametrize("down", [False, True], ids=["request", "answer"])
def test_a_window_of_one_chunk_does_not_stop_a_body(window: int, down: bool) -> None:
    """The body that came with the head is credited as well, so a window that it fills is no deadlock."""
    opener, answerer = Mux(True, window, chunk=window), Mux(False, window, chunk=window)
    sender, receiver = (answerer, opener) if down else (opener, answerer)
    stream = opener.open(b"", b"" if down else bytes(window), fin=down)
    pass_on(opener, answerer)
    if down:
        answerer.answer(stream, b"", bytes(window), fin=False)
        pass_on(answerer, opener)
    left, rounds = 10 * window, 0
    receiver.consumed(stream, window)
    while left:
        pass_on(receiver, sender)
        count = min(sender.credit(stream), left)
        assert count > 0, "the sender waits for credit that never comes"
        sender.send(stream, bytes(count), fin=count == left)
        left -= count
        rounds += 1
        received = sum(len(event.data) for event in pass_on(sender, receiver) if isinstance(event, Data))
        assert received == count
        receiver.consumed(stream, received)
    assert rounds <= 20


@given(st.integers(1, 500), st.lists(st.integers(1, 200), max_size=50), st.data())
def test_a_consumer_in_small_bites_never_starves_the_sender(
    window: int, bites: list[int], data: st.DataObject
) -> None:
    """However the bytes are taken, sent minus taken stays within the window, and nothing gets stuck."""
    opener, answerer = Mux(True, window), Mux(False, window)
    stream = opener.open(b"", fin=False)
    sent = taken = 0
    for bite in bites:
        count = data.draw(st.integers(0, opener.credit(stream)))
        opener.send(stream, bytes(count))
        sent += count
        pass_on(opener, answerer)
        bite = min(bite, sent - taken)  # noqa: PLW2901 - no more than there is
        answerer.consumed(stream, bite)
        taken += bite
        pass_on(answerer, opener)
        assert sent - taken <= window
        assert opener.credit(stream) + sent - taken <= window
        # at most just less than half a window of taken bytes has not been told
        assert opener.credit(stream) + sent - taken > window - (window + 1) // 2
    answerer.consumed(stream, sent - taken)
    pass_on(answerer, opener)
    assert opener.credit(stream) > 0


def test_credit_comes_back_at_half_a_window() -> None:
    """Fewer bytes wait, so that a stream of small reads is not a stream of small frames."""
    opener, answerer = Mux(True, 100), Mux(False, 100)
    stream = opener.open(b"", bytes(100), fin=False)
    pass_on(opener, answerer)
    answerer.consumed(stream, 49)
    assert answerer.queued == 0
    answerer.consumed(stream, 1)
    message = answerer.next_message()
    assert message == encode(FrameType.WINDOW, stream, U32.pack(50))
    opener.receive(message)
    assert opener.credit(stream) == 50


def test_no_credit_for_a_body_that_is_complete() -> None:
    """Once FIN has come nobody needs it; the request of a running answer included."""
    opener, answerer = Mux(True, 100), Mux(False, 100)
    stream = opener.open(b"", bytes(100), fin=True)
    pass_on(opener, answerer)
    answerer.consumed(stream, 100)
    assert answerer.queued == 0
    answerer.answer(stream, b"", bytes(100), fin=True)
    pass_on(answerer, opener)
    opener.consumed(stream, 100)
    assert opener.queued == 0


def test_credit_is_nothing_once_our_body_is_complete() -> None:
    """A stream that takes no more of us has no credit, nor has one that ended or never was."""
    opener, answerer = Mux(True, 100), Mux(False, 100)
    stream = opener.open(b"", b"1", fin=False)
    assert opener.credit(stream) == 99
    opener.send(stream, b"2", fin=True)
    assert opener.credit(stream) == 0
    pass_on(opener, answerer)
    assert answerer.credit(stream) == 100
    answerer.answer(stream, b"", b"1", fin=False)
    assert answerer.credit(stream) == 99
    answerer.send(stream, b"2", fin=True)
    assert answerer.credit(stream) == 0
    assert answerer.credit(77) == 0


@pytest.mark.parametrize("count", [-1, 11, 100])
def test_nobody_consumes_what_has_not_come(count: int) -> None:
    """A wrong count is the owner's mistake, and changes nothing."""
    opener, answerer = Mux(True, 100), Mux(False, 100)
    stream = opener.open(b"", bytes(10), fin=False)
    pass_on(opener, answerer)
    with pytest.raises(ValueError, match="has not brought"):
        answerer.consumed(stream, count)
    answerer.consumed(stream, 10)
    with pytest.raises(ValueError, match="has not brought"):
        answerer.consumed(stream, 1)


def test_sending_beyond_credit_is_a_value_error() -> None:
    """The owner asks before; the peer would reset the stream."""
    opener, answerer = Mux(True, 100), Mux(False, 100)
    stream = opener.open(b"", bytes(60), fin=False)
    with pytest.raises(ValueError, match="41 bytes are beyond the credit of 40"):
        opener.send(stream, bytes(41))
    opener.send(stream, bytes(40))
    pass_on(opener, answerer)
    with pytest.raises(ValueError, match="101 bytes are beyond the credit of 100"):
        answerer.answer(stream, b"", bytes(101), fin=True)
    answerer.answer(stream, b"", bytes(100), fin=True)
    assert isinstance(pass_on(answerer, opener)[0], Answered)


def greedy(kind: FrameType, count: int) -> bytes:
    head = b"" if kind is FrameType.DATA else U32.pack(0)
    return encode(kind, 1, head + bytes(count))


@pytest.mark.parametrize("kind", [FrameType.DATA, FrameType.RESP])
def test_a_peer_beyond_its_credit_loses_that_stream_only(kind: FrameType) -> None:
    """The stream ends on both sides with code ``flow``, without its bytes; others go on undisturbed."""
    opener = Mux(True, 100)
    stream, other = opener.open(b"", fin=True), opener.open(b"", fin=True)
    while opener.next_message() is not None:
        pass
    if kind is FrameType.DATA:
        opener.receive(encode(FrameType.RESP, stream, U32.pack(0) + bytes(100)))
    events = opener.receive(greedy(kind, 1 if kind is FrameType.DATA else 101))
    assert [(type(event), event.stream, event.code) for event in events if isinstance(event, Reset)] == [
        (Reset, stream, "flow")
    ]
    assert len(events) == 1
    message = opener.next_message()
    assert message is not None
    assert [(frame.type, frame.stream) for frame in decode(message)] == [(FrameType.RST, stream)]
    assert opener.receive(greedy(FrameType.DATA, 5)) == []
    assert opener.receive(encode(FrameType.RESP, other, U32.pack(0) + b"fine")) == [
        Answered(other, b"", b"fine", False)
    ]


def test_a_request_beyond_the_window_never_begins() -> None:
    """An OPEN with too much body is refused with code ``flow``; the answerer's owner never hears of it."""
    answerer = Mux(False, 100)
    assert answerer.receive(greedy(FrameType.OPEN, 101)) == []
    assert answerer.streams == 0
    message = answerer.next_message()
    assert message is not None
    assert decode(message)[0].payload.startswith(b"\x04flow")
    assert answerer.receive(greedy(FrameType.DATA, 5)) == []


def test_more_credit_than_was_used_ends_the_stream() -> None:
    """A peer cannot talk us into sending more than its window."""
    opener, answerer = Mux(True, 100), Mux(False, 100)
    stream = opener.open(b"", bytes(10), fin=False)
    pass_on(opener, answerer)
    opener.receive(encode(FrameType.WINDOW, stream, U32.pack(10)))
    assert opener.credit(stream) == 100
    events = opener.receive(encode(FrameType.WINDOW, stream, U32.pack(1)))
    assert [event.code for event in events if isinstance(event, Reset)] == ["flow"]
    assert [event.code for event in pass_on(opener, answerer) if isinstance(event, Reset)] == ["flow"]


def test_each_direction_has_its_own_window() -> None:
    """A receiver with a large window gets it used, whatever its own sending allows."""
    opener, answerer = Mux(True, 50, peer_window=200), Mux(False, 200, peer_window=50)
    stream = opener.open(b"", bytes(200), fin=True)
    assert isinstance(pass_on(opener, answerer)[0], Opened)
    assert answerer.credit(stream) == 50
    answerer.answer(stream, b"", bytes(50), fin=False)
    assert isinstance(pass_on(answerer, opener)[0], Answered)
    opener.consumed(stream, 25)
    pass_on(opener, answerer)
    assert answerer.credit(stream) == 25


def test_a_stream_that_nobody_reads_stops_alone() -> None:
    """One stuck download holds a window of bytes and leaves the others all of theirs."""
    opener, answerer = Mux(True, 1000, chunk=100), Mux(False, 1000, chunk=100)
    stuck, free = opener.open(b"", fin=True), opener.open(b"", fin=True)
    pass_on(opener, answerer)
    for stream in (stuck, free):
        answerer.answer(stream, b"", fin=False)
    held = passed = 0
    for _ in range(100):
        for stream in (stuck, free):
            answerer.send(stream, bytes(answerer.credit(stream)))
        for event in pass_on(answerer, opener):
            if isinstance(event, Data) and event.stream == stuck:
                held += len(event.data)
            elif isinstance(event, Data):
                passed += len(event.data)
                opener.consumed(free, len(event.data))
        pass_on(opener, answerer)
    assert held == 1000
    assert passed >= 50 * 1000
