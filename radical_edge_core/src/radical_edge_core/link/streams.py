"""
The life of a stream.

A stream has one state, which both ends reach in the order of its frames. The request's body flows up, from
the opener; the answer's body flows down, from the answerer, which may begin before the request is complete::

    IDLE --OPEN--> SENDING --UP_FIN--> ASKED
                      |                  |
                     RESP               RESP
                      v                  v
                    BOTH ---UP_FIN--> ANSWERING --DOWN_FIN--> CLOSED

The end of the answer is the end of the stream, also where the request is not complete (RESP_FIN closes from
SENDING and ASKED too): what more of the request was on its way, the answerer ignores, and the opener stops
sending when it sees the answer's end. So an early answer needs no reset, and none can overtake it. A RST from
either side closes the stream at any time.

A stream in IDLE was never opened and one in CLOSED is forgotten; ids tell the two apart, since they ascend.
Frames for an IDLE stream break the protocol; those for a CLOSED one were on their way when it closed.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class StreamState(IntEnum):
    """Where a stream is in its life."""

    IDLE = 0
    SENDING = 1
    ASKED = 2
    BOTH = 3
    ANSWERING = 4
    CLOSED = 5


class Step(IntEnum):
    """What a frame does to its stream; the value of each ``_FIN`` is one more, as the flag FIN is 1."""

    OPEN = 0
    OPEN_FIN = 1
    UP = 2
    UP_FIN = 3
    RESP = 4
    RESP_FIN = 5
    DOWN = 6
    DOWN_FIN = 7
    WINDOW = 8
    RST = 9


_S = StreamState
TRANSITIONS: Final[dict[tuple[StreamState, Step], StreamState]] = {
    (_S.IDLE, Step.OPEN): _S.SENDING,
    (_S.IDLE, Step.OPEN_FIN): _S.ASKED,
    (_S.SENDING, Step.UP): _S.SENDING,
    (_S.SENDING, Step.UP_FIN): _S.ASKED,
    (_S.SENDING, Step.RESP): _S.BOTH,
    (_S.SENDING, Step.RESP_FIN): _S.CLOSED,
    (_S.SENDING, Step.WINDOW): _S.SENDING,
    (_S.SENDING, Step.RST): _S.CLOSED,
    (_S.ASKED, Step.RESP): _S.ANSWERING,
    (_S.ASKED, Step.RESP_FIN): _S.CLOSED,
    (_S.ASKED, Step.WINDOW): _S.ASKED,
    (_S.ASKED, Step.RST): _S.CLOSED,
    (_S.BOTH, Step.UP): _S.BOTH,
    (_S.BOTH, Step.UP_FIN): _S.ANSWERING,
    (_S.BOTH, Step.DOWN): _S.BOTH,
    (_S.BOTH, Step.DOWN_FIN): _S.CLOSED,
    (_S.BOTH, Step.WINDOW): _S.BOTH,
    (_S.BOTH, Step.RST): _S.CLOSED,
    (_S.ANSWERING, Step.DOWN): _S.ANSWERING,
    (_S.ANSWERING, Step.DOWN_FIN): _S.CLOSED,
    (_S.ANSWERING, Step.WINDOW): _S.ANSWERING,
    (_S.ANSWERING, Step.RST): _S.CLOSED,
    (_S.CLOSED, Step.UP): _S.CLOSED,
    (_S.CLOSED, Step.UP_FIN): _S.CLOSED,
    (_S.CLOSED, Step.RESP): _S.CLOSED,
    (_S.CLOSED, Step.RESP_FIN): _S.CLOSED,
    (_S.CLOSED, Step.DOWN): _S.CLOSED,
    (_S.CLOSED, Step.DOWN_FIN): _S.CLOSED,
    (_S.CLOSED, Step.WINDOW): _S.CLOSED,
    (_S.CLOSED, Step.RST): _S.CLOSED,
}

FORBIDDEN: Final = -1
# The table by index, with states and steps as plain numbers: every frame looks up here, and makes no tuple.
NEXT: Final[tuple[tuple[int, ...], ...]] = tuple(
    tuple(int(TRANSITIONS.get((state, step), FORBIDDEN)) for step in Step) for state in StreamState
)
IDLE: Final = int(StreamState.IDLE)
CLOSED: Final = int(StreamState.CLOSED)
REQUEST_UNFINISHED: Final = frozenset({int(StreamState.SENDING), int(StreamState.BOTH)})


class Stream:
    """
    What a mux knows of a live stream.

    Attributes:
        state: A ``StreamState``, as a plain number.
        credit: Bytes we may send.
        room: Bytes the peer may send.
        owed: Bytes our consumer took, and the peer has not been told of.
    """

    __slots__ = ("credit", "owed", "room", "state")

    def __init__(self, state: int, credit: int, room: int) -> None:
        self.state = state
        self.credit = credit
        self.room = room
        self.owed = 0
