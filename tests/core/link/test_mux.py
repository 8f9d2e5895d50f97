"""What a mux does beyond the table of streams: order, joining, draining, limits, and the end."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from radical_edge_core.link.errors import LinkError, StreamRefused
from radical_edge_core.link.events import Answered, Credit, Data, Goodbye, MuxEvent, Note, Opened, Reset
from radical_edge_core.link.frames import FIN, MAX_MESSAGE, MAX_PAYLOAD, U32, Frame, FrameType, decode, encode
from radical_edge_core.link.mux import MAX_HEAD, Mux


def pass_on(sender: Mux, receiver: Mux, limit: int = 64 * 1024) -> list[MuxEvent]:
    events: list[MuxEvent] = []
    while (message := sender.next_message(limit)) is not None:
        events += receiver.receive(message)
    assert sender.queued == 0
    return events


def pair(**settings: int) -> tuple[Mux, Mux]:
    return Mux(True, **settings), Mux(False, **settings)


def frames_of(mux: Mux) -> list[Frame]:
    frames = []
    while (message := mux.next_message()) is not None:
        frames += decode(message)
    return frames


def test_a_small_exchange_is_one_frame_each_way() -> None:
    """A request and its answer with their bodies are an OPEN and a RESP, and nothing stays behind."""
    opener, answerer = pair()
    stream = opener.open(b"head", b"body", fin=True)
    assert pass_on(opener, answerer) == [Opened(stream, b"head", b"body", True)]
    answerer.answer(stream, b"200", b"ok", fin=True)
    message = answerer.next_message()
    assert message is not None
    assert len(decode(message)) == 1
    assert opener.receive(message) == [Answered(stream, b"200", b"ok", True)]
    assert opener.streams == answerer.streams == 0


def test_messages_join_frames_in_order_up_to_the_limit() -> None:
    """Frames are joined while they fit, a longer one goes alone, and none changes its place."""
    opener, answerer = pair(window=1000, chunk=1000)
    sizes = [10, 10, 500, 10, 10, 10]
    for size in sizes:
        opener.open(b"", bytes(size), fin=True)
    queued = opener.queued
    messages = []
    while (message := opener.next_message(100)) is not None:
        messages.append(message)
        queued -= len(message)
        assert opener.queued == queued
    assert [len(decode(message)) for message in messages] == [2, 1, 3]
    opened = [event for message in messages for event in answerer.receive(message)]
    assert [(event.stream, len(event.body)) for event in opened] == list(enumerate(sizes, 1))


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(0, 400))
def test_joining_loses_nothing(sizes: list[int], limit: int) -> None:
    """For any frames and any limit the messages are within it, or one frame alone, and bring all of them."""
    opener, answerer = pair()
    for size in sizes:
        opener.notify(bytes(size))
    events: list[MuxEvent] = []
    while (message := opener.next_message(limit)) is not None:
        assert len(message) <= limit or len(decode(message)) == 1
        events += answerer.receive(message)
    assert events == [Note(bytes(size)) for size in sizes]
    assert opener.queued == 0


@given(st.integers(0, 1000), st.integers(1, 300), st.booleans(), st.booleans())
def test_a_body_longer_than_a_chunk_is_cut(count: int, chunk: int, fin: bool, answer: bool) -> None:
    """No frame holds more of a body than a chunk, only the last one ends it, and no byte moves."""
    opener, answerer = pair(window=1000, chunk=chunk)
    body = bytes(index % 251 for index in range(count))
    if answer:
        stream = opener.open(b"", fin=True)
        pass_on(opener, answerer)
        answerer.answer(stream, b"head", body, fin=fin)
        frames, events = peek(answerer, opener)
    else:
        opener.open(b"head", body, fin=fin)
        frames, events = peek(opener, answerer)
    first, *rest = events
    assert isinstance(first, Answered if answer else Opened)
    assert b"".join([first.body, *(event.data for event in rest)]) == body
    assert all(len(event.data) <= chunk for event in rest)
    assert len(first.body) <= chunk
    assert [event.fin for event in events] == [False] * (len(events) - 1) + [fin]
    assert len(frames) == max(1, -(-count // chunk))


def peek(sender: Mux, receiver: Mux) -> tuple[list[Frame], list[MuxEvent]]:
    frames: list[Frame] = []
    events: list[MuxEvent] = []
    while (message := sender.next_message()) is not None:
        frames += decode(message)
        events += receiver.receive(message)
    return frames, events


@given(
    st.integers(1, 1000), st.integers(1, 300), st.booleans(), st.sampled_from([bytes, bytearray, memoryview])
)
def test_any_buffer_can_be_sent(count: int, chunk: int, fin: bool, kind: type) -> None:
    """Bodies need not be copied into bytes before."""
    opener, answerer = pair(window=2000, chunk=chunk)
    data = bytes(index % 251 for index in range(count))
    stream = opener.open(b"", kind(data), fin=False)
    opener.send(stream, kind(data), fin=fin)
    first, *rest = pass_on(opener, answerer)
    assert isinstance(first, Opened)
    assert b"".join([first.body, *(event.data for event in rest if isinstance(event, Data))]) == data * 2


def test_an_early_answer_is_complete_though_the_request_is_not() -> None:
    """The caller gets the whole answer, stops uploading, and what was on its way disturbs nobody."""
    opener, answerer = pair()
    stream = opener.open(b"upload", b"part", fin=False)
    pass_on(opener, answerer)
    answerer.answer(stream, b"413", b"too large", fin=True)
    opener.send(stream, b"more on its way")
    opener.send(stream, b"", fin=True)
    assert pass_on(answerer, opener) == [Answered(stream, b"413", b"too large", True)]
    assert opener.credit(stream) == 0
    assert pass_on(opener, answerer) == []
    assert frames_of(answerer) == []
    opener.send(stream, b"late")
    assert opener.queued == 0


def test_an_answer_may_flow_while_the_request_does() -> None:
    """Both bodies go on at once, and the end of the answer is the end of the stream."""
    opener, answerer = pair()
    stream = opener.open(b"echo", fin=False)
    pass_on(opener, answerer)
    answerer.answer(stream, b"200", fin=False)
    opener.send(stream, b"ping")
    assert pass_on(answerer, opener) == [Answered(stream, b"200", b"", False)]
    assert pass_on(opener, answerer) == [Data(stream, b"ping", False)]
    answerer.send(stream, b"ping")
    opener.send(stream, b"", fin=True)
    assert pass_on(answerer, opener) == [Data(stream, b"ping", False)]
    assert pass_on(opener, answerer) == [Data(stream, b"", True)]
    answerer.send(stream, b"", fin=True)
    assert pass_on(answerer, opener) == [Data(stream, b"", True)]
    assert opener.streams == answerer.streams == 0


def test_an_empty_frame_with_fin_ends_a_body() -> None:
    """FIN alone is a legal frame; nothing at all, without it, is none."""
    opener, answerer = pair()
    stream = opener.open(b"", fin=False)
    pass_on(opener, answerer)
    opener.send(stream, b"")
    assert opener.queued == 0
    opener.send(stream, b"", fin=True)
    message = opener.next_message()
    assert message == encode(FrameType.DATA, stream, b"", FIN)
    assert answerer.receive(message) == [Data(stream, b"", True)]


def test_an_empty_frame_without_fin_is_no_event() -> None:
    """A peer may send it; the owner is not woken for nothing."""
    answerer = Mux(False)
    answerer.receive(encode(FrameType.OPEN, 1, U32.pack(0)))
    assert answerer.receive(encode(FrameType.DATA, 1)) == []


def test_a_reset_ends_a_stream_on_both_sides_and_repeats_do_nothing() -> None:
    """Whoever gives up says why once; what the other has on its way is ignored."""
    opener, answerer = pair()
    stream = opener.open(b"", fin=True)
    other = opener.open(b"", fin=True)
    pass_on(opener, answerer)
    answerer.answer(stream, b"200", b"part", fin=False)
    opener.reset(stream, "cancel", "the caller left")
    opener.reset(stream, "cancel", "again")
    assert pass_on(opener, answerer) == [Reset(stream, "cancel", "the caller left")]
    assert pass_on(answerer, opener) == []
    answerer.send(stream, b"late", fin=True)
    answerer.answer(stream, b"late", fin=True)
    answerer.consumed(stream, 5)
    answerer.reset(stream, "late")
    assert answerer.queued == 0
    answerer.answer(other, b"200", fin=True)
    assert pass_on(answerer, opener) == [Answered(other, b"200", b"", True)]


def test_resets_that_cross_are_both_ignored() -> None:
    """Each side hears of its own reset only."""
    opener, answerer = pair()
    stream = opener.open(b"", fin=True)
    pass_on(opener, answerer)
    opener.reset(stream, "one")
    answerer.reset(stream, "other")
    assert pass_on(opener, answerer) == []
    assert pass_on(answerer, opener) == []


def test_notes_keep_their_place_among_frames() -> None:
    """A note sent before a request arrives before it."""
    opener, answerer = pair()
    opener.notify(b"one")
    stream = opener.open(b"", fin=True)
    opener.notify(b"two")
    assert pass_on(opener, answerer) == [Note(b"one"), Opened(stream, b"", b"", True), Note(b"two")]


def test_after_our_goodbye_nothing_new_begins_and_the_rest_goes_on() -> None:
    """The answering side refuses what was on its way, finishes what it has, and is drained then."""
    opener, answerer = pair()
    first = opener.open(b"first", fin=True)
    pass_on(opener, answerer)
    answerer.goodbye()
    answerer.goodbye()
    late = opener.open(b"crossed", fin=True)
    assert pass_on(opener, answerer) == []
    assert not answerer.drained
    events = pass_on(answerer, opener)
    assert events == [Goodbye(), Reset(late, "draining", "the link takes no more requests")]
    assert opener.draining
    with pytest.raises(StreamRefused) as refused:
        opener.open(b"", fin=True)
    assert refused.value.code == "draining"
    answerer.answer(first, b"200", fin=True)
    assert not answerer.drained
    assert pass_on(answerer, opener) == [Answered(first, b"200", b"", True)]
    assert answerer.drained
    assert opener.drained


def test_after_the_openers_goodbye_an_open_is_refused() -> None:
    """A peer that opens in spite of its own goodbye gets a reset, not a stream."""
    answerer = Mux(False)
    assert answerer.receive(encode(FrameType.GOODBYE)) == [Goodbye()]
    assert answerer.receive(encode(FrameType.GOODBYE)) == []
    assert answerer.receive(encode(FrameType.OPEN, 1, U32.pack(0))) == []
    assert [frame.type for frame in frames_of(answerer)] == [FrameType.RST]
    assert answerer.receive(encode(FrameType.DATA, 1, b"late", FIN)) == []
    opener = Mux(True)
    opener.goodbye()
    with pytest.raises(StreamRefused):
        opener.open(b"", fin=True)


def test_no_more_streams_than_agreed() -> None:
    """The opener refuses the caller; an answerer with a smaller limit refuses the opener; places come back."""
    opener = Mux(True, max_streams=3)
    answerer = Mux(False, max_streams=2)
    streams = [opener.open(b"", fin=True) for _ in range(3)]
    with pytest.raises(StreamRefused) as refused:
        opener.open(b"", fin=True)
    assert refused.value.code == "overload"
    assert [type(event) for event in pass_on(opener, answerer)] == [Opened, Opened]
    assert [(e.stream, e.code) for e in pass_on(answerer, opener) if isinstance(e, Reset)] == [
        (3, "overload")
    ]
    answerer.answer(streams[0], b"200", fin=True)
    pass_on(answerer, opener)
    assert pass_on(opener, answerer) == []
    fourth = opener.open(b"", fin=True)
    assert pass_on(opener, answerer) == [Opened(fourth, b"", b"", True)]


def test_the_end_resets_every_stream_and_silences_the_mux() -> None:
    """A lost link ends each live stream once; nothing goes out or comes in afterwards."""
    opener, answerer = pair()
    done = opener.open(b"", fin=True)
    pass_on(opener, answerer)
    answerer.answer(done, b"200", fin=True)
    pass_on(answerer, opener)
    streams = [opener.open(b"", fin=fin) for fin in (True, False)]
    message = encode(FrameType.NOTIFY, payload=b"note")
    assert opener.end("the node went away") == [Reset(one, "lost", "the node went away") for one in streams]
    assert opener.end("again") == []
    assert opener.streams == opener.queued == 0
    for one in (done, *streams):
        opener.send(one, b"x")
        opener.consumed(one, 1)
        opener.reset(one, "late")
    opener.notify(b"note")
    opener.goodbye()
    assert opener.receive(message) == []
    assert opener.next_message() is None
    with pytest.raises(StreamRefused) as refused:
        opener.open(b"", fin=True)
    assert refused.value.code == "lost"


def test_ids_of_live_streams_are_passed_over_when_they_begin_again() -> None:
    """A stream as old as all ids keeps its own, on both sides."""
    opener, answerer = pair()
    old = opener.open(b"old", fin=True)
    pass_on(opener, answerer)
    for mux in (opener, answerer):
        mux._table.ids.last = 2**32 - 2
    top = opener.open(b"top", fin=True)
    new = opener.open(b"new", fin=True)
    assert (old, top, new) == (1, 2**32 - 1, 2)
    assert [event.stream for event in pass_on(opener, answerer) if isinstance(event, Opened)] == [top, new]
    for one in (new, top, old):
        answerer.answer(one, b"%d" % one, fin=True)
    assert [event.stream for event in pass_on(answerer, opener) if isinstance(event, Answered)] == [
        new,
        top,
        old,
    ]
    assert opener.streams == answerer.streams == 0


def test_a_live_stream_is_not_opened_again() -> None:
    """Also where ids began again and this one would be the next."""
    answerer = Mux(False)
    answerer.receive(encode(FrameType.OPEN, 1, U32.pack(0)))
    answerer._table.ids.last = 2**32 - 1
    with pytest.raises(LinkError, match="cannot open stream 1"):
        answerer.receive(encode(FrameType.OPEN, 1, U32.pack(0)))


@pytest.mark.parametrize(
    ("opens", "message", "why"),
    [
        (True, encode(FrameType.OPEN, 1, U32.pack(0)), "cannot open"),
        (False, encode(FrameType.RESP, 1, U32.pack(0)), "its own to open"),
        (False, encode(FrameType.OPEN, 1, b"\0\0\0"), "inside the length of its head"),
        (
            False,
            encode(FrameType.OPEN, 1, U32.pack(3) + b"ab"),
            "head is cut short: its frame ends 1 bytes early",
        ),
        (False, encode(FrameType.OPEN, 1, U32.pack(2**32 - 1) + b"ab"), "head is cut short"),
        (False, encode(FrameType.OPEN, 1, U32.pack(0)) * 2, "cannot open stream 1 after stream 1"),
        (False, encode(FrameType.OPEN, 2**31 + 1, U32.pack(0)), "cannot open"),
        (False, encode(FrameType.DATA, 1, b"x"), "stream 1 was never opened"),
        (True, encode(FrameType.RESP, 1, U32.pack(0)), "stream 1 was never opened"),
        (True, encode(FrameType.WINDOW, 9, U32.pack(1)), "stream 9 was never opened"),
        (True, encode(FrameType.RST, 9, b"\1x"), "stream 9 was never opened"),
        (True, encode(FrameType.RST, 9, b""), "inside its code"),
        (True, encode(FrameType.RST, 9, b"\1\xff"), "is not text"),
        (True, encode(FrameType.WINDOW, 9, b"\1"), "WINDOW holds 1 bytes"),
        (True, encode(FrameType.NOTIFY, 3), "belongs to no stream"),
        (True, encode(FrameType.GOODBYE, 3), "belongs to no stream"),
        (True, encode(FrameType.GOODBYE, 0, b"x"), "holds nothing"),
        (True, encode(FrameType.DATA, 0, b"x"), "stream 0 was never opened"),
        (True, encode(FrameType.RST, 1, b"\1x", FIN), "flags 0x1"),
        (True, encode(FrameType.PING), "PING has no place"),
        (True, encode(FrameType.NOTIFY) + encode(FrameType.ACK), "ACK has no place"),
        (True, b"\x63" + bytes(9), "type 99 is unknown"),
        (True, b"\x06\x00", "inside a frame's header"),
        (True, encode(FrameType.NOTIFY, 0, b"12345")[:-2], "cut short: the message ends 2 early"),
        (True, b"", "empty"),
        (True, bytes(MAX_MESSAGE + 1), "above"),
    ],
)
def test_a_broken_protocol_is_a_link_error_that_says_why(opens: bool, message: bytes, why: str) -> None:
    """Whatever no honest peer sends is refused with a sentence, by the side it came to."""
    with pytest.raises(LinkError, match=why):
        Mux(opens).receive(message)


def test_a_message_cut_at_any_byte_is_refused() -> None:
    """A truncated message never passes for a whole one, unless it was cut between frames."""
    whole = encode(FrameType.OPEN, 1, U32.pack(4) + b"headbody") + encode(FrameType.DATA, 1, b"more", FIN)
    first = 10 + 12
    for end in range(len(whole)):
        if end == first:
            assert len(Mux(False).receive(whole[:end])) == 1
        else:
            with pytest.raises(LinkError, match=r"empty|ends"):
                Mux(False).receive(whole[:end])


@settings(max_examples=300)
@given(st.booleans(), st.lists(st.binary(max_size=60), max_size=4), st.data())
def test_any_bytes_are_events_or_a_link_error(opens: bool, tails: list[bytes], data: st.DataObject) -> None:
    """No message crashes a mux, neither noise nor frames with noise in them."""
    mux = Mux(opens, 100)
    if opens:
        mux.open(b"", fin=False)
    for tail in tails:
        header = data.draw(
            st.sampled_from(
                [
                    b"",
                    *(
                        bytes((kind, flag, 0, 0, 0, 1, 0, 0, 0, len(tail)))
                        for kind in range(9)
                        for flag in (0, 1)
                    ),
                ]
            )
        )
        try:
            mux.receive(header + tail)
        except LinkError:
            mux.end("the protocol was broken")


def test_misuse_is_a_value_error_and_sends_nothing() -> None:
    """What the owner may never do is told at once, and leaves no trace."""
    opener, answerer = pair(window=10)
    with pytest.raises(ValueError, match="opens none"):
        answerer.open(b"", fin=True)
    with pytest.raises(ValueError, match="beyond the credit of 10"):
        opener.open(b"", bytes(11), fin=True)
    with pytest.raises(ValueError, match="head of"):
        opener.open(bytes(MAX_HEAD + 1), fin=True)
    with pytest.raises(ValueError, match="note of"):
        opener.notify(bytes(MAX_PAYLOAD + 1))
    for stream in (0, 1, 5, -1, 2**32):
        with pytest.raises(ValueError, match="never opened"):
            opener.send(stream, b"x")
        with pytest.raises(ValueError, match="never opened"):
            answerer.answer(stream, b"", fin=True)
    assert opener.streams == opener.queued == answerer.queued == 0
    assert opener.open(b"", fin=True) == 1


@pytest.mark.parametrize(
    "settings", [{"window": 0}, {"window": 2**23}, {"peer_window": 0}, {"chunk": 0}, {"chunk": 2**20}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, int]) -> None:
    """A frame of a whole chunk and a head always fits a message; a window is within the channel's cap."""
    with pytest.raises(ValueError, match="a window is"):
        Mux(True, **settings)


def test_the_largest_frames_fit_a_message() -> None:
    """Head and chunk at their limits make a message the peer takes, and so does the longest note."""
    opener, answerer = pair(window=MAX_HEAD, chunk=256 * 1024)
    opener.open(bytes(MAX_HEAD), bytes(256 * 1024), fin=True)
    opener.notify(bytes(MAX_PAYLOAD))
    assert [type(event) for event in pass_on(opener, answerer)] == [Opened, Note]


def test_credit_events_name_the_stream() -> None:
    """A sender that waits learns which stream it may go on with."""
    opener, answerer = pair(window=10)
    streams = [opener.open(b"", bytes(10), fin=False) for _ in range(2)]
    pass_on(opener, answerer)
    answerer.consumed(streams[1], 10)
    assert pass_on(answerer, opener) == [Credit(streams[1])]
    assert [opener.credit(one) for one in streams] == [0, 10]
