"""
The mux: many streams over one ordered sequence of messages.

A stream is one HTTP exchange. One side opens streams and mints their ids, ascending; the other answers.
Either direction of a stream has a window: so many bytes may be on their way or waiting in the receiver's
hands. Every byte of a body counts, those in OPEN and RESP too. The receiver returns credit with ``consumed``,
in frames of half a window at least, so a slow consumer stops its own stream and nothing else. What goes
beyond credit is not buffered: the stream is reset with code ``flow``.

The mux never waits and never calls back: methods queue frames, ``next_message`` takes them out joined to
messages, ``receive`` returns what a message means. It knows neither sockets nor time, and is not told of a
cut that the channel below it repairs.

A call that comes late (to answer, feed, credit or reset a stream that has ended meanwhile) does nothing,
since its caller could not have known; so does any after ``end``. A call the stream's state forbids raises
``ValueError``.
"""

from __future__ import annotations

from typing import Final

from .errors import StreamRefused
from .events import Answered, Credit, Data, Goodbye, MuxEvent, Note, Opened, Reset
from .frames import DEFAULT_WINDOW, MAX_PAYLOAD, MAX_WINDOW, FrameType
from .outbox import Bytes
from .receiver import Receiver
from .streams import FORBIDDEN, IDLE, NEXT, REQUEST_UNFINISHED, Step, Stream
from .table import Table

MAX_HEAD: Final = 512 * 1024
MAX_CHUNK: Final = 256 * 1024
_OPEN: Final = int(Step.OPEN)
_RESP: Final = int(Step.RESP)
_OPEN_FRAME: Final = int(FrameType.OPEN)
_RESP_FRAME: Final = int(FrameType.RESP)

__all__ = ["Answered", "Credit", "Data", "Goodbye", "Mux", "MuxEvent", "Note", "Opened", "Reset"]


class Mux:
    """
    One end.

    Args:
        opens: Whether this side opens streams; exactly one does.
        window: Bytes that the peer may send on a stream ahead of credit.
        max_streams: As many may live at once.
        chunk: Longer bodies are cut into frames of this many bytes, between which others get their turn.
        peer_window: The peer's ``window``, from its handshake; the same as ours if not given.
    """

    __slots__ = ("_half", "_opens", "_outbox", "_own_data", "_receiver", "_table")

    def __init__(
        self,
        opens: bool,
        window: int = DEFAULT_WINDOW,
        max_streams: int = 4096,
        chunk: int = 64 * 1024,
        *,
        peer_window: int | None = None,
    ) -> None:
        peer_window = window if peer_window is None else peer_window
        if not (0 < window <= MAX_WINDOW and 0 < peer_window <= MAX_WINDOW and 0 < chunk <= MAX_CHUNK):
            raise ValueError(f"a window is 1 to {MAX_WINDOW} bytes, a chunk 1 to {MAX_CHUNK}")
        self._table = Table(
            opens=opens, window=window, peer_window=peer_window, max_streams=max_streams, chunk=chunk
        )
        self._receiver = Receiver(self._table)
        self._outbox = self._table.outbox
        self._opens = opens
        self._own_data = int(Step.UP if opens else Step.DOWN)
        self._half = (window + 1) // 2

    @property
    def streams(self) -> int:
        """How many streams live."""
        return len(self._table.live)

    @property
    def vacant(self) -> int:
        """How many more streams may live at once."""
        return max(0, self._table.max_streams - len(self._table.live))

    @property
    def queued(self) -> int:
        """Bytes waiting for ``next_message``."""
        return self._outbox.queued

    @property
    def draining(self) -> bool:
        """Whether either side said goodbye: no new stream begins."""
        return self._table.draining

    @property
    def drained(self) -> bool:
        """Whether, after a goodbye, the last stream has ended and everything was taken out."""
        return self._table.draining and not self._table.live and not self._outbox.queued

    def open(self, head: bytes, body: Bytes = b"", *, fin: bool) -> int:
        """
        Open a stream with the head of a request and the first bytes of its body, at most ``peer_window``.

        Returns:
            The id of the stream.

        Raises:
            StreamRefused: We drain, have too many streams, or have ended.
            ValueError: This side does not open, or head or body are too long.
        """
        table = self._table
        if not self._opens:
            raise ValueError("this side of the link answers streams, and opens none")
        refusal = table.refusal()
        if refusal is not None:
            raise StreamRefused(*refusal)
        entry = Stream(NEXT[IDLE][_OPEN + fin], table.peer_window, table.window)
        _spend(entry, head, body)
        stream = table.ids.mint(table.live)
        table.live[stream] = entry
        self._outbox.begin(_OPEN_FRAME, stream, head, body, fin)
        return stream

    def answer(self, stream: int, head: bytes, body: Bytes = b"", *, fin: bool) -> None:
        """
        Begin the answer, at any time after the stream was opened; with ``fin`` it is complete.

        Raises:
            ValueError: It was answered before, this side does not answer, or head or body are too long.
        """
        entry = self._find(stream)
        if entry is None:
            return
        state = FORBIDDEN if self._opens else NEXT[entry.state][_RESP + fin]
        if state == FORBIDDEN:
            raise ValueError(f"stream {stream} is not waiting for an answer from this side")
        _spend(entry, head, body)
        self._outbox.begin(_RESP_FRAME, stream, head, body, fin)
        self._table.move(stream, entry, state)

    def credit(self, stream: int) -> int:
        """Return how many bytes may be sent now; 0 if the stream has ended or our body is finished."""
        entry = self._table.live.get(stream)
        if entry is None or (self._opens and entry.state not in REQUEST_UNFINISHED):
            return 0
        return entry.credit

    def send(self, stream: int, data: Bytes, *, fin: bool = False) -> None:
        """
        Send more of our body; ``fin`` ends it, and an answer's end is the end of the stream.

        Raises:
            ValueError: This is more than ``credit``, or our body has not begun or is finished.
        """
        entry = self._find(stream)
        if entry is None or not (data or fin):
            return
        state = NEXT[entry.state][self._own_data + fin]
        if state == FORBIDDEN:
            raise ValueError(f"the body of stream {stream} has not begun, or is finished")
        _spend(entry, b"", data)
        self._outbox.pour(stream, data, fin)
        self._table.move(stream, entry, state)

    def consumed(self, stream: int, count: int) -> None:
        """
        Note that our consumer took ``count`` bytes of the peer's body; the peer may send as many more.

        Raises:
            ValueError: So many bytes have not come.
        """
        entry = self._table.live.get(stream)
        if entry is None:
            return
        owed = entry.owed + count
        if count < 0 or owed > self._table.window - entry.room:
            raise ValueError(f"stream {stream} has not brought the {count} bytes that were consumed")
        if owed >= self._half and (self._opens or entry.state in REQUEST_UNFINISHED):
            self._outbox.window(stream, owed)
            entry.room += owed
            owed = 0
        entry.owed = owed

    def reset(self, stream: int, code: str, reason: str = "") -> None:
        """Give a stream up; nothing more is heard of it."""
        if self._table.live.pop(stream, None) is not None:
            self._outbox.rst(stream, code, reason)

    def notify(self, payload: bytes) -> None:
        """Send a note, of up to 1 MiB less a header; it keeps its order among all frames."""
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(f"a note of {len(payload)} bytes is above the {MAX_PAYLOAD} of a message")
        if not self._table.ended:
            self._outbox.plain(FrameType.NOTIFY, payload)

    def goodbye(self) -> None:
        """Tell the peer that no new stream begins from now on; those there are go on."""
        if not (self._table.goodbye_sent or self._table.ended):
            self._table.say_goodbye()
            self._outbox.plain(FrameType.GOODBYE)

    def end(self, reason: str) -> list[MuxEvent]:
        """Note that the link is lost: each live stream becomes a ``Reset`` ``lost``; nothing goes out."""
        events: list[MuxEvent] = [Reset(stream, "lost", reason) for stream in self._table.live]
        self._table.end()
        return events

    def next_message(self, limit: int = 64 * 1024) -> bytes | None:
        """Take out what is queued, joined to one message up to ``limit`` bytes; a longer frame goes alone."""
        return self._outbox.next_message(limit)

    def receive(self, message: bytes) -> list[MuxEvent]:
        """
        Take one message of the peer's mux.

        Raises:
            LinkError: The peer broke the protocol; call ``end``, and give the channel up.
        """
        return [] if self._table.ended else self._receiver.receive(message)

    def _find(self, stream: int) -> Stream | None:
        entry = self._table.live.get(stream)
        if entry is None and not self._table.ids.was_opened(stream):
            raise ValueError(f"stream {stream} was never opened")
        return entry


def _spend(entry: Stream, head: bytes, body: Bytes) -> None:
    if len(head) > MAX_HEAD:
        raise ValueError(f"a head of {len(head)} bytes is above the {MAX_HEAD} that a frame may hold")
    if len(body) > entry.credit:
        raise ValueError(f"{len(body)} bytes are beyond the credit of {entry.credit}")
    entry.credit -= len(body)
