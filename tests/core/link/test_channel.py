"""A channel: numbered messages, acknowledgements, resumption, and the states it goes through."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given

from radical_edge_core.link.channel import IDLE_S, Channel
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.frames import MAX_MESSAGE, U64, FrameType, decode, encode
from radical_edge_core.link.lifetime import TRANSITIONS, ChannelState, Turn

PING, PONG = encode(FrameType.PING), encode(FrameType.PONG)


def message(index: int, size: int = 0) -> bytes:
    return encode(FrameType.NOTIFY, payload=b"%d" % index + bytes(size))


def ack(number: int) -> bytes:
    return encode(FrameType.ACK, payload=U64.pack(number))


def attached(**settings: float) -> Channel:
    channel = Channel("c", **settings)  # type: ignore[arg-type]
    channel.attach(0, 0.0)
    return channel


def brought_to(state: ChannelState) -> Channel:
    channel = Channel("c")
    if state is ChannelState.LOST:
        channel.abandon()
    elif state is not ChannelState.NEW:
        channel.attach(0, 0.0)
        if state is ChannelState.DETACHED:
            channel.detach(0.0)
    assert channel.state is state
    return channel


def broken(channel: Channel) -> None:
    """Let the two sides disagree: by garbage on a socket, else by an impossible number for the next one."""
    attached_now = channel.state is ChannelState.ATTACHED
    with pytest.raises(LinkError):
        channel.receive(ack(99), 0.0) if attached_now else channel.attach(99, 0.0)


TURNS: dict[Turn, Callable[[Channel], object]] = {
    Turn.ATTACH: lambda channel: channel.attach(0, 1.0),
    Turn.DETACH: lambda channel: channel.detach(1.0),
    Turn.EXPIRE: lambda channel: channel.lost(1000.0),
    Turn.BREAK: broken,
}


@pytest.mark.parametrize("turn", Turn, ids=lambda turn: turn.name)
@pytest.mark.parametrize("state", ChannelState, ids=lambda state: state.name)
def test_every_turn_leads_where_the_table_says(state: ChannelState, turn: Turn) -> None:
    """Each cell: the state that follows, or a LinkError where the table has none."""
    channel = brought_to(state)
    following = TRANSITIONS.get((state, turn))
    if following is None:
        with pytest.raises(LinkError, match="lost"):
            TURNS[turn](channel)
        assert channel.state is state
    else:
        TURNS[turn](channel)
        assert channel.state is following
        brought_to(state).abandon()


@pytest.mark.parametrize("state", ChannelState, ids=lambda state: state.name)
def test_a_channel_is_abandoned_from_any_state(state: ChannelState) -> None:
    """Afterwards it keeps, takes, gives and needs nothing."""
    channel = brought_to(state)
    if state is not ChannelState.LOST:
        channel.send(message(1))
    channel.abandon()
    assert channel.state is ChannelState.LOST
    assert channel.lost(0.0)
    assert not channel.writable
    assert not channel.pending
    assert channel.unacked == 0
    assert channel.outgoing() == []
    assert channel.receive(message(1), 1.0) is None
    channel.tick(50.0)
    assert channel.deadline(50.0) == IDLE_S
    with pytest.raises(ValueError, match="lost"):
        channel.send(message(1))


def test_messages_pass_as_they_are_and_are_counted() -> None:
    """Numbers are implicit: what comes out is what went in."""
    one, other = attached(), attached()
    for index in range(3):
        one.send(message(index))
    assert [other.receive(data, 0.0) for data in one.outgoing()] == [message(0), message(1), message(2)]
    assert one.outgoing() == []
    assert (other.received, one.received) == (3, 0)


def test_an_acknowledgement_is_due_after_bytes_or_time() -> None:
    """256 KiB by default, or half a second after the first message that was not acknowledged."""
    channel = attached(ack_bytes=100, ack_after_s=0.5)
    channel.receive(message(1), 10.0)
    assert channel.deadline(10.0) == pytest.approx(0.5)
    channel.tick(10.4)
    assert not channel.pending
    channel.receive(message(2), 10.45)
    assert channel.deadline(10.45) == pytest.approx(0.05)
    channel.tick(10.5)
    assert channel.pending
    assert channel.outgoing() == [ack(2)]
    assert not channel.pending
    channel.tick(12.0)
    assert channel.outgoing() == []
    channel.receive(message(3, 100), 12.0)
    assert channel.outgoing() == [ack(3)]


def test_acknowledged_messages_are_forgotten() -> None:
    """Bytes unacknowledged fall with each ACK, by the messages it covers."""
    channel = attached()
    for index in range(3):
        channel.send(message(index, 10))
    each = len(message(0, 10))
    assert channel.unacked == 3 * each
    channel.receive(ack(2), 0.0)
    assert channel.unacked == each
    channel.receive(ack(2), 0.0)
    channel.receive(ack(3), 0.0)
    assert channel.unacked == 0


def test_at_the_cap_nothing_more_is_taken() -> None:
    """The last message may go beyond; then the writer waits, with a socket or without."""
    channel = Channel("c", cap=50)
    assert channel.writable
    channel.send(message(1, 48))
    assert channel.unacked > 50
    assert not channel.writable
    with pytest.raises(ValueError, match="takes no message"):
        channel.send(message(2))
    channel.attach(0, 0.0)
    assert not channel.writable
    channel.receive(ack(1), 0.0)
    assert channel.writable


@pytest.mark.parametrize("data", [b"", PING, bytes(MAX_MESSAGE + 1)])
def test_only_messages_of_mux_frames_are_taken(data: bytes) -> None:
    """Control frames are the channel's own, and nothing is too long for the peer."""
    channel = attached()
    with pytest.raises(ValueError, match="takes messages of mux frames"):
        channel.send(data)
    assert channel.unacked == 0


def test_the_largest_message_is_taken_on_both_sides() -> None:
    """1 MiB passes."""
    one, other = attached(), attached()
    data = message(0, MAX_MESSAGE - len(message(0)))
    one.send(data)
    assert len(data) == MAX_MESSAGE
    assert other.receive(one.outgoing()[0], 0.0) == data


def test_a_new_socket_gets_what_the_peer_lacks() -> None:
    """From the peer's number on all is sent again, in order, with what was sent without a socket."""
    channel = attached()
    for index in range(4):
        channel.send(message(index))
    assert len(channel.outgoing()) == 4
    channel.detach(1.0)
    channel.send(message(4))
    assert channel.outgoing() == []
    channel.attach(2, 2.0)
    assert channel.outgoing() == [message(2), message(3), message(4)]
    channel.send(message(5))
    assert channel.outgoing() == [message(5)]


def test_what_is_sent_before_the_first_socket_waits() -> None:
    """A new channel keeps messages for it."""
    channel = Channel("c")
    channel.send(message(0))
    assert channel.outgoing() == []
    channel.attach(0, 0.0)
    assert channel.outgoing() == [message(0)]


def test_a_second_attach_replaces_the_socket_at_once() -> None:
    """A half-open socket needs no detach; what waited for it goes to the new one, once."""
    channel = attached()
    channel.send(message(0))
    channel.receive(PING, 0.0)
    assert channel.attach(0, 1.0) == 2
    assert channel.outgoing() == [message(0)]


def test_an_older_socket_has_no_say() -> None:
    """Its messages do not count, since they come again, and its end does not end the new one."""
    channel = Channel("c")
    old = channel.attach(0, 0.0)
    assert channel.receive(message(1), 0.0, old) == message(1)
    new = channel.attach(0, 1.0)
    assert channel.receive(message(2), 1.0, old) is None
    assert channel.receive(b"noise", 1.0, old) is None
    channel.detach(1.0, old)
    assert channel.state is ChannelState.ATTACHED
    assert channel.received == 1
    assert channel.receive(message(2), 1.0, new) == message(2)
    channel.detach(2.0, new)
    assert channel.state is ChannelState.DETACHED
    assert channel.receive(message(3), 2.0, new) is None
    assert channel.received == 2


def test_a_socket_dies_with_its_control_frames() -> None:
    """ACK, PING and PONG that were due on one socket are not written to the next."""
    channel = attached(ack_bytes=1)
    channel.receive(message(1), 0.0)
    channel.receive(PING, 0.0)
    assert channel.pending
    channel.detach(0.0)
    assert not channel.pending
    channel.attach(0, 1.0)
    assert channel.outgoing() == []


@pytest.mark.parametrize("number", [1, 2**64 - 1])
@pytest.mark.parametrize("by_ack", [True, False], ids=["ack", "attach"])
def test_nobody_has_what_was_not_sent(number: int, by_ack: bool) -> None:
    """A number beyond ours loses the channel, in an ACK as in a handshake."""
    channel = attached()
    if not by_ack:
        channel.detach(0.0)
    with pytest.raises(LinkError, match=f"has message {number} of channel c, of 0 sent"):
        channel.receive(ack(number), 0.0) if by_ack else channel.attach(number, 0.0)
    assert channel.state is ChannelState.LOST


@pytest.mark.parametrize("by_ack", [True, False], ids=["ack", "attach"])
def test_nobody_forgets_what_was_acknowledged(by_ack: bool) -> None:
    """A peer that lost messages it had cannot be served: they are gone here as well."""
    channel = attached()
    for index in range(2):
        channel.send(message(index))
    channel.receive(ack(2), 0.0)
    if not by_ack:
        channel.detach(0.0)
    with pytest.raises(LinkError, match="has 1 messages of channel c, and had 2"):
        channel.receive(ack(1), 0.0) if by_ack else channel.attach(1, 0.0)
    assert channel.state is ChannelState.LOST


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (bytes(MAX_MESSAGE + 1), "above"),
        (encode(FrameType.HELLO), "HELLO belongs before"),
        (encode(FrameType.WELCOME), "WELCOME belongs before"),
        (encode(FrameType.REFUSED), "REFUSED belongs before"),
        (encode(FrameType.ACK, payload=b"123"), "ACK holds 3 bytes instead of 8"),
        (PING + message(1), "mixes"),
        (PING[:-1], "inside a frame's header"),
        (b"\x40" + bytes(9), "type 64 is unknown"),
    ],
)
def test_garbage_loses_the_channel_and_says_why(data: bytes, why: str) -> None:
    """What no honest peer sends would come again after a resume, so there is none."""
    channel = attached()
    with pytest.raises(LinkError, match=why):
        channel.receive(data, 0.0)
    assert channel.state is ChannelState.LOST


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_are_a_message_control_or_a_link_error(noise: list[bytes]) -> None:
    """No bytes crash a channel; what begins as mux frames is the mux's to judge."""
    channel = attached()
    for data in noise:
        try:
            got = channel.receive(data, 0.0)
        except LinkError:
            assert channel.state is ChannelState.LOST
        else:
            assert got is None or got is data


def test_a_ping_is_answered_once_however_often_it_comes() -> None:
    """A flood of PING makes no flood of PONG while the socket is not written."""
    channel = attached()
    for _ in range(1000):
        channel.receive(PING * 20, 0.0)
    assert channel.outgoing() == [PONG]
    channel.receive(PONG, 0.0)
    assert channel.outgoing() == []


def test_silence_is_pinged_then_suspect_then_dead() -> None:
    """5, 7.5 and 10 seconds after the peer was last heard; one PING a silence."""
    channel = attached()
    assert channel.deadline(0.0) == 5.0
    channel.tick(4.9)
    assert not channel.pending
    channel.tick(5.0)
    assert channel.outgoing() == [PING]
    assert channel.deadline(5.0) == 2.5
    channel.tick(7.4)
    assert not channel.suspect
    channel.tick(7.5)
    assert channel.suspect
    assert not channel.dead
    assert channel.outgoing() == []
    assert channel.deadline(7.5) == 2.5
    channel.tick(10.0)
    assert channel.dead
    assert channel.deadline(10.0) == IDLE_S
    channel.detach(10.0)
    assert not channel.dead
    assert not channel.suspect


@pytest.mark.parametrize("data", [PONG, PING, message(1), ack(0)])
def test_whatever_is_heard_ends_a_silence(data: bytes) -> None:
    """Any message counts, at once, and the next silence is pinged again."""
    channel = attached()
    channel.tick(5.0)
    channel.tick(8.0)
    assert channel.suspect
    channel.outgoing()
    channel.receive(data, 8.0)
    assert not channel.suspect
    channel.outgoing()
    channel.tick(12.9)
    assert PING not in channel.outgoing()
    channel.tick(13.0)
    assert PING in channel.outgoing()


def test_who_was_suspended_gives_the_peer_a_fresh_chance() -> None:
    """A tick that comes long after it was due pings, and the peer is dead only 5 s later."""
    channel = attached()
    due = channel.deadline(0.0)
    channel.tick(due + 3600.0)
    assert not channel.dead
    assert not channel.suspect
    assert channel.outgoing() == [PING]
    now = due + 3600.0
    for step in (channel.deadline(now), channel.deadline(now)):
        assert step == 2.5
    channel.tick(now + 2.5)
    assert channel.suspect
    assert channel.deadline(now + 2.5) == 2.5
    channel.tick(now + 5.0)
    assert channel.dead


def test_a_tick_that_is_a_little_late_is_no_suspension() -> None:
    """Within two seconds the silence counts as it is."""
    channel = attached()
    channel.tick(channel.deadline(0.0))
    channel.tick(5.0 + channel.deadline(5.0))
    now = 7.5 + channel.deadline(7.5) + 1.9
    channel.tick(now)
    assert channel.dead


def test_the_grace_period_begins_with_the_detach() -> None:
    """30 seconds later the channel is lost; a socket within them saves it, and the next cut has its own."""
    channel = attached()
    channel.detach(10.0)
    assert channel.deadline(10.0) == 30.0
    channel.detach(20.0)
    assert channel.deadline(20.0) == 20.0
    assert not channel.lost(39.9)
    channel.attach(0, 39.9)
    assert not channel.lost(100.0)
    channel.detach(100.0)
    channel.tick(129.9)
    assert channel.state is ChannelState.DETACHED
    channel.tick(130.0)
    assert channel.state is ChannelState.LOST


def test_a_socket_that_comes_after_the_grace_period_is_too_late() -> None:
    """Also where nobody ticked in between."""
    channel = attached()
    channel.detach(0.0)
    with pytest.raises(LinkError, match="lost"):
        channel.attach(0, 30.0)


def test_a_new_channel_waits_for_its_first_socket_forever() -> None:
    """Only a channel that had a socket misses it."""
    channel = Channel("c")
    channel.tick(1e6)
    assert channel.deadline(1e6) == IDLE_S
    assert channel.state is ChannelState.NEW


@given(st.data())
def test_numbers_agree_after_any_cut(data: st.DataObject) -> None:
    """For any number of messages and any place of the cut, the receiver gets each one once and in order."""
    one, other = attached(), attached(ack_bytes=data.draw(st.integers(1, 200)))
    got: list[bytes | None] = []
    sent: list[bytes] = []
    now = 0.0
    for _ in range(data.draw(st.integers(1, 6))):
        for _ in range(data.draw(st.integers(0, 5))):
            sent.append(message(len(sent), data.draw(st.integers(0, 50))))
            one.send(sent[-1])
        out = one.outgoing()
        arrived = data.draw(st.integers(0, len(out)))
        got += [
            other.receive(item, now) for item in out[:arrived] if decode(item)[0].type is FrameType.NOTIFY
        ]
        back = other.outgoing()
        for item in back[: data.draw(st.integers(0, len(back)))]:
            one.receive(item, now)
        now += 1.0
        one.detach(now)
        other.detach(now)
        one.attach(other.received, now)
        other.attach(one.received, now)
    got += [other.receive(item, now) for item in one.outgoing()]
    assert got == sent
    assert one.unacked == sum(map(len, sent[one._backlog._acked :]))
