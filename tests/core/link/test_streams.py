"""Every cell of the table of streams, from both ends, for what comes in and for what we do."""

from __future__ import annotations

import pytest

from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.events import Answered, Credit, Data, Opened, Reset
from radical_edge_core.link.frames import FIN, U32, FrameType, encode, pack_reset
from radical_edge_core.link.mux import Mux
from radical_edge_core.link.streams import NEXT, TRANSITIONS, Step, StreamState

HEADED = U32.pack(1) + b"h" + b"12"
BY_OPENER = {Step.OPEN, Step.OPEN_FIN, Step.UP, Step.UP_FIN, Step.WINDOW, Step.RST}
BY_ANSWERER = set(Step) - {Step.OPEN, Step.OPEN_FIN, Step.UP, Step.UP_FIN}
CELLS = [(state, step) for state in StreamState for step in Step]


def frame(step: Step, stream: int) -> bytes:
    match step:
        case Step.OPEN | Step.OPEN_FIN:
            return encode(FrameType.OPEN, stream, HEADED, FIN if step is Step.OPEN_FIN else 0)
        case Step.RESP | Step.RESP_FIN:
            return encode(FrameType.RESP, stream, HEADED, FIN if step is Step.RESP_FIN else 0)
        case Step.WINDOW:
            return encode(FrameType.WINDOW, stream, U32.pack(1))
        case Step.RST:
            return encode(FrameType.RST, stream, pack_reset("why", "because"))
        case _:
            return encode(FrameType.DATA, stream, b"12", FIN if step in {Step.UP_FIN, Step.DOWN_FIN} else 0)


def act(mux: Mux, step: Step, stream: int) -> None:
    """Do as the owner of a mux what makes the frame of this step."""
    match step:
        case Step.OPEN | Step.OPEN_FIN:
            mux.open(b"h", b"12", fin=step is Step.OPEN_FIN)
        case Step.RESP | Step.RESP_FIN:
            mux.answer(stream, b"h", b"12", fin=step is Step.RESP_FIN)
        case Step.RST:
            mux.reset(stream, "why", "because")
        case _:
            mux.send(stream, b"12", fin=step in {Step.UP_FIN, Step.DOWN_FIN})


PATHS = {
    StreamState.IDLE: [],
    StreamState.SENDING: [Step.OPEN],
    StreamState.ASKED: [Step.OPEN_FIN],
    StreamState.BOTH: [Step.OPEN, Step.RESP],
    StreamState.ANSWERING: [Step.OPEN_FIN, Step.RESP],
    StreamState.CLOSED: [Step.OPEN_FIN, Step.RESP_FIN],
}


def brought_to(state: StreamState, *, opens: bool) -> Mux:
    """Return one end whose stream 1 is in this state."""
    mux = Mux(opens, 100)
    own = BY_OPENER if opens else BY_ANSWERER
    for step in PATHS[state]:
        if step in own:
            act(mux, step, 1)
        else:
            mux.receive(frame(step, 1))
    while mux.next_message() is not None:
        pass
    return mux


def state_of(mux: Mux, stream: int = 1) -> StreamState:
    entry = mux._table.live.get(stream)
    if entry is not None:
        return StreamState(entry.state)
    return StreamState.CLOSED if mux._table.ids.was_opened(stream) else StreamState.IDLE


def test_the_table_by_number_is_the_table() -> None:
    """Each cell of the compiled table says what the readable one says."""
    for state, step in CELLS:
        assert NEXT[state][step] == TRANSITIONS.get((state, step), -1)


@pytest.mark.parametrize("opens", [True, False], ids=["opener", "answerer"])
@pytest.mark.parametrize("state", StreamState)
def test_every_state_can_be_reached(state: StreamState, opens: bool) -> None:
    """The paths used below lead where they say."""
    assert state_of(brought_to(state, opens=opens)) is state


@pytest.mark.parametrize("opens", [True, False], ids=["opener", "answerer"])
@pytest.mark.parametrize(("state", "step"), CELLS, ids=lambda one: one.name)
def test_a_frame_of_the_peer_moves_the_stream_as_the_table_says(
    state: StreamState, step: Step, opens: bool
) -> None:
    """A frame the table allows, from the side that may send it, leads to the table's state; any other is refused."""
    mux = brought_to(state, opens=opens)
    if step is Step.WINDOW and state in {StreamState.SENDING, StreamState.ASKED} and not opens:
        mux = brought_to(state, opens=False)
        mux._table.live[1].credit -= 1  # nothing was sent that could be credited: make it so
    following = TRANSITIONS.get((state, step))
    if step not in (BY_ANSWERER if opens else BY_OPENER):
        # DATA looks the same in both directions: what comes in is always the peer's
        step = {
            Step.UP: Step.DOWN,
            Step.UP_FIN: Step.DOWN_FIN,
            Step.DOWN: Step.UP,
            Step.DOWN_FIN: Step.UP_FIN,
        }.get(step, step)
        if step not in (BY_ANSWERER if opens else BY_OPENER):
            with pytest.raises(LinkError):
                mux.receive(frame(step, 1))
            return
        following = TRANSITIONS.get((state, step))
    if following is None:
        with pytest.raises(LinkError):
            mux.receive(frame(step, 1))
        return
    events = mux.receive(frame(step, 1))
    assert state_of(mux) is following
    if state is StreamState.CLOSED:
        assert events == []
        return
    fin = step.name.endswith("FIN")
    expected = {
        Step.OPEN: Opened(1, b"h", b"12", fin),
        Step.OPEN_FIN: Opened(1, b"h", b"12", fin),
        Step.RESP: Answered(1, b"h", b"12", fin),
        Step.RESP_FIN: Answered(1, b"h", b"12", fin),
        Step.WINDOW: Credit(1),
        Step.RST: Reset(1, "why", "because"),
    }
    assert events == [expected.get(step, Data(1, b"12", fin))]
    assert type(events[0]) is type(expected.get(step, Data(1, b"", fin)))


@pytest.mark.parametrize("opens", [True, False], ids=["opener", "answerer"])
@pytest.mark.parametrize(
    ("state", "step"), [cell for cell in CELLS if cell[1] is not Step.WINDOW], ids=lambda one: one.name
)
def test_a_call_of_the_owner_moves_the_stream_as_the_table_says(
    state: StreamState, step: Step, opens: bool
) -> None:
    """What the table forbids is a ValueError and sends nothing; what comes after the end does nothing."""
    own = BY_OPENER if opens else BY_ANSWERER
    if step not in own and step not in {Step.OPEN, Step.OPEN_FIN, Step.RESP, Step.RESP_FIN}:
        return  # send is the same call on both sides
    mux = brought_to(state, opens=opens)
    if step in {Step.OPEN, Step.OPEN_FIN} and opens:
        act(mux, step, 0)
        assert state_of(mux, 1 if state is StreamState.IDLE else 2) is TRANSITIONS[StreamState.IDLE, step]
        return
    if step is Step.RST and state is StreamState.IDLE:
        act(mux, step, 1)
        assert mux.queued == 0
        return
    following = TRANSITIONS.get((state, step)) if step in own else None
    late = state is StreamState.CLOSED and step not in {Step.OPEN, Step.OPEN_FIN}
    if following is None and not late:
        with pytest.raises(ValueError, match=r"stream|opens none"):
            act(mux, step, 1)
        assert mux.queued == 0
        assert state_of(mux) is state
        return
    act(mux, step, 1)
    assert state_of(mux) is (StreamState.CLOSED if late else following)
    assert mux.next_message() == (None if late else frame(step, 1))
