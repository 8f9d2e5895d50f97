"""
The mux: many streams over one ordered sequence of messages.

A stream is one HTTP exchange. One side opens streams and mints their ids, ascending; the other answers. Either
direction of a stream has a window: so many bytes may be on their way or waiting in the receiver's hands. Every byte
of a body counts, those in OPEN and RESP too. The receiver returns credit with ``consumed``, in frames of half a
window at least, so a slow consumer stops its own stream and nothing else. What goes beyond credit is not buffered:
the stream is reset with code ``flow``.

The mux never waits and never calls back: methods queue frames, ``next_message`` takes them out joined to messages,
``receive`` returns what a message means. It knows neither sockets nor time, and is not told of a cut that the channel
below it repairs.

A call that comes late (to answer, feed, credit or reset a stream that has ended meanwhile) does nothing, since its
caller could not have known; so does any after ``end``. A call the stream's state forbids raises ``ValueError``.

This is the hot path of bridge and edge: frames are read in place, by plain numbers, and written as one ``bytes``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import Final

from .errors import LinkError, StreamRefused
from .events import Answered, Credit, Data, Goodbye, MuxEvent, Note, Opened, Reset
from .frames import (
    FIN,
    HEADER,
    MAX_PAYLOAD,
    U32,
    FrameType,
    check_size,
    pack_reset,
    read_header,
    unpack_number,
    unpack_reset,
)
from .streams import FORBIDDEN, NEXT, Step, Stream, StreamState

Bytes = bytes | bytearray | memoryview

MAX_HEAD: Final = 512 * 1024
MAX_CHUNK: Final = 256 * 1024
MAX_WINDOW: Final = 4 * 1024 * 1024
_IDS: Final = 1 << 32

_HEADED: Final = Struct("!BBIII")  # a header, and the length of the head that follows it in OPEN and RESP
_MARKED: Final = Struct("!HII")  # the same header with type and flags as one number
_OPEN: Final = int(FrameType.OPEN)
_RESP: Final = int(FrameType.RESP)
_DATA: Final = int(FrameType.DATA)
_STEP_OPEN: Final = int(Step.OPEN)
_STEP_RESP: Final = int(Step.RESP)
_IDLE: Final = int(StreamState.IDLE)
_SENDING: Final = int(StreamState.SENDING)
_BOTH: Final = int(StreamState.BOTH)
_CLOSED: Final = int(StreamState.CLOSED)


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

    __slots__ = (
        "_chunk",
        "_ended",
        "_half",
        "_last",
        "_max_streams",
        "_opens",
        "_outbox",
        "_own_step",
        "_peer_step",
        "_peer_window",
        "_streams",
        "_window",
        "_wrapped",
        "goodbye_received",
        "goodbye_sent",
        "queued",
    )

    def __init__(
        self,
        opens: bool,
        window: int = 256 * 1024,
        max_streams: int = 4096,
        chunk: int = 64 * 1024,
        *,
        peer_window: int | None = None,
    ) -> None:
        if not (
            0 < window <= MAX_WINDOW and 0 < (peer_window or window) <= MAX_WINDOW and 0 < chunk <= MAX_CHUNK
        ):
            raise ValueError(f"a window is 1 to {MAX_WINDOW} bytes, a chunk 1 to {MAX_CHUNK}")
        self.goodbye_sent = False
        self.goodbye_received = False
        self.queued = 0
        self._opens = opens
        self._window = window
        self._half = (window + 1) // 2
        self._peer_window = peer_window or window
        self._max_streams = max_streams
        self._chunk = chunk
        self._own_step = int(Step.UP if opens else Step.DOWN)
        self._peer_step = int(Step.DOWN if opens else Step.UP)
        self._streams: dict[int, Stream] = {}
        self._outbox: deque[bytes] = deque()
        self._last = 0
        self._wrapped = False
        self._ended = False

    @property
    def streams(self) -> int:
        """How many streams live."""
        return len(self._streams)

    @property
    def draining(self) -> bool:
        """Whether either side said goodbye: no new stream begins."""
        return self.goodbye_sent or self.goodbye_received

    @property
    def drained(self) -> bool:
        """Whether, after a goodbye, the last stream has ended and everything was taken out."""
        return self.draining and not self._streams and not self._outbox

    # -- what the owner does ------------------------------------------------------------------------------------

    def open(self, head: bytes, body: Bytes = b"", *, fin: bool) -> int:
        """
        Open a stream with the head of a request and the first bytes of its body, at most ``peer_window``.

        Returns:
            The id of the stream.

        Raises:
            StreamRefused: We drain, have too many streams, or have ended.
            ValueError: This side does not open, or head or body are too long.
        """
        if not self._opens:
            raise ValueError("this side of the link answers streams, and opens none")
        if self._ended:
            raise StreamRefused("lost", "the link has ended")
        if self.draining:
            raise StreamRefused("draining", "the link takes no more requests")
        if len(self._streams) >= self._max_streams:
            raise StreamRefused("overload", f"{self._max_streams} requests are under way on this link")
        entry = Stream(NEXT[_IDLE][_STEP_OPEN + fin], self._peer_window, self._window)
        self._check(entry, head, body)
        stream = self._mint()
        self._streams[stream] = entry
        self._begin(_OPEN, stream, entry, head, body, fin)
        return stream

    def answer(self, stream: int, head: bytes, body: Bytes = b"", *, fin: bool) -> None:
        """Begin the answer, at any time after the stream was opened; with ``fin`` it is complete."""
        entry = self._find(stream)
        if entry is None:
            return
        state = FORBIDDEN if self._opens else NEXT[entry.state][_STEP_RESP + fin]
        if state == FORBIDDEN:
            raise ValueError(f"stream {stream} is not waiting for an answer from this side")
        self._check(entry, head, body)
        self._begin(_RESP, stream, entry, head, body, fin)
        self._move(stream, entry, state)

    def credit(self, stream: int) -> int:
        """Return how many bytes may be sent now; 0 for a stream that has ended or whose body we have finished."""
        entry = self._streams.get(stream)
        if entry is None or (self._opens and entry.state not in {_SENDING, _BOTH}):
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
        state = NEXT[entry.state][self._own_step + fin]
        if state == FORBIDDEN:
            raise ValueError(f"the body of stream {stream} has not begun, or is finished")
        if len(data) > entry.credit:
            raise ValueError(f"{len(data)} bytes are beyond the credit of {entry.credit} on stream {stream}")
        entry.credit -= len(data)
        self._pour(stream, data, fin)
        self._move(stream, entry, state)

    def consumed(self, stream: int, count: int) -> None:
        """Note that our consumer took ``count`` bytes of the peer's body, so that the peer may send as many more."""
        entry = self._streams.get(stream)
        if entry is None:
            return
        owed = entry.owed + count
        if count < 0 or owed > self._window - entry.room:
            raise ValueError(f"stream {stream} has not brought the {count} bytes that were consumed")
        if owed >= self._half and (self._opens or entry.state in {_SENDING, _BOTH}):
            self._push(HEADER.pack(FrameType.WINDOW, 0, stream, U32.size) + U32.pack(owed))
            entry.room += owed
            owed = 0
        entry.owed = owed

    def reset(self, stream: int, code: str, reason: str = "") -> None:
        """Give a stream up; nothing more is heard of it."""
        if self._streams.pop(stream, None) is not None:
            self._refuse(stream, code, reason)

    def notify(self, payload: bytes) -> None:
        """Send a note; it keeps its order among all frames."""
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(
                f"a note of {len(payload)} bytes is above the {MAX_PAYLOAD} that a message may hold"
            )
        if not self._ended:
            self._push(HEADER.pack(FrameType.NOTIFY, 0, 0, len(payload)) + payload)

    def goodbye(self) -> None:
        """Tell the peer that no new stream begins from now on; those there are go on."""
        if not (self.goodbye_sent or self._ended):
            self.goodbye_sent = True
            self._push(HEADER.pack(FrameType.GOODBYE, 0, 0, 0))

    def end(self, reason: str) -> list[MuxEvent]:
        """Note that the link is lost: each live stream is a ``Reset`` with code ``lost``, and nothing goes out any more."""
        events: list[MuxEvent] = [Reset(stream, "lost", reason) for stream in self._streams]
        self._streams.clear()
        self._outbox.clear()
        self.queued = 0
        self._ended = True
        return events

    # -- what the transport does --------------------------------------------------------------------------------

    def next_message(self, limit: int = 64 * 1024) -> bytes | None:
        """Take out what is queued, joined to one message up to ``limit`` bytes; a longer frame goes alone."""
        outbox = self._outbox
        if not outbox:
            return None
        message = outbox.popleft()
        size = len(message)
        if outbox and size + len(outbox[0]) <= limit:
            frames = [message]
            while outbox and size + len(outbox[0]) <= limit:
                message = outbox.popleft()
                size += len(message)
                frames.append(message)
            message = b"".join(frames)
        self.queued -= size
        return message

    def receive(self, message: bytes) -> list[MuxEvent]:
        """
        Take one message of the peer's mux.

        Raises:
            LinkError: The peer broke the protocol; call ``end``.
        """
        events: list[MuxEvent] = []
        if self._ended:
            return events
        size = len(message)
        check_size(size)
        position = 0
        while position < size:
            if size - position < 10:
                read_header(message, position)
            mark, stream, length = _MARKED.unpack_from(message, position)
            start = position + 10
            end = start + length
            handler = _HANDLERS.get(mark)
            if handler is None or end > size:
                kind = read_header(message, position)[0]
                raise LinkError(f"a frame {kind.name} has no place among those of streams")
            handler(self, events, message, stream, mark & FIN, start, end)
            position = end
        return events

    # -- frames in ----------------------------------------------------------------------------------------------

    def _on_open(
        self, events: list[MuxEvent], message: bytes, stream: int, fin: int, start: int, end: int
    ) -> None:
        distance = (stream - self._last) % _IDS
        if self._opens or not stream or not 0 < distance < _IDS // 2 or stream in self._streams:
            raise LinkError(f"the peer cannot open stream {stream} after {self._last}")
        self._wrapped = self._wrapped or stream < self._last
        self._last = stream
        split = _split(message, start, end)
        if self.draining:
            self._refuse(stream, "draining", "the link takes no more requests")
        elif len(self._streams) >= self._max_streams:
            self._refuse(stream, "overload", f"{self._max_streams} requests are under way on this link")
        elif end - split > self._window:
            self._refuse(stream, "flow", "the body went beyond the window")
        else:
            self._streams[stream] = Stream(
                NEXT[_IDLE][_STEP_OPEN + fin], self._peer_window, self._window - (end - split)
            )
            events.append(Opened(stream, message[start + 4 : split], message[split:end], fin == 1))

    def _on_resp(
        self, events: list[MuxEvent], message: bytes, stream: int, fin: int, start: int, end: int
    ) -> None:
        if not self._opens:
            raise LinkError(f"the peer answered stream {stream}, which it opened itself")
        entry = self._streams.get(stream)
        if entry is None:
            self._late(stream)
            return
        state = self._next(stream, entry, _STEP_RESP + fin)
        split = _split(message, start, end)
        if self._fits(events, stream, entry, end - split):
            self._move(stream, entry, state)
            events.append(Answered(stream, message[start + 4 : split], message[split:end], fin == 1))

    def _on_data(
        self, events: list[MuxEvent], message: bytes, stream: int, fin: int, start: int, end: int
    ) -> None:
        entry = self._streams.get(stream)
        if entry is None:
            self._late(stream)
            return
        state = self._next(stream, entry, self._peer_step + fin)
        if self._fits(events, stream, entry, end - start):
            self._move(stream, entry, state)
            if end > start or fin:
                events.append(Data(stream, message[start:end], fin == 1))

    def _on_window(
        self, events: list[MuxEvent], message: bytes, stream: int, _: int, start: int, end: int
    ) -> None:
        count = unpack_number(message[start:end], U32, "WINDOW")
        entry = self._streams.get(stream)
        if entry is None:
            self._late(stream)
        elif entry.credit + count > self._peer_window:
            self._overflow(events, stream, "the peer returned more credit than it had given")
        else:
            entry.credit += count
            events.append(Credit(stream))

    def _on_rst(
        self, events: list[MuxEvent], message: bytes, stream: int, _: int, start: int, end: int
    ) -> None:
        code, reason = unpack_reset(message[start:end])
        if self._streams.pop(stream, None) is None:
            self._late(stream)
        else:
            events.append(Reset(stream, code, reason))

    def _on_notify(
        self, events: list[MuxEvent], message: bytes, stream: int, _: int, start: int, end: int
    ) -> None:
        if stream:
            raise LinkError(f"stream {stream} is not possible on a frame NOTIFY")
        events.append(Note(message[start:end]))

    def _on_goodbye(
        self, events: list[MuxEvent], _message: bytes, stream: int, _: int, start: int, end: int
    ) -> None:
        if stream or end > start:
            raise LinkError("a frame GOODBYE holds nothing and belongs to no stream")
        if not self.goodbye_received:
            self.goodbye_received = True
            events.append(Goodbye())

    # -- streams ------------------------------------------------------------------------------------------------

    def _mint(self) -> int:
        """Return the next id that no live stream has; after 2^32 they begin again at 1."""
        stream = self._last
        while True:
            stream += 1
            if stream == _IDS:
                stream = 1
                self._wrapped = True
            if stream not in self._streams:
                self._last = stream
                return stream

    def _was_opened(self, stream: int) -> bool:
        if self._wrapped:
            return stream != 0 and (self._last - stream) % _IDS < _IDS // 2
        return 0 < stream <= self._last

    def _late(self, stream: int) -> None:
        """Accept a frame of no live stream if it was on its way when the stream closed."""
        if not self._was_opened(stream):
            raise LinkError(f"stream {stream} was never opened")

    def _find(self, stream: int) -> Stream | None:
        entry = self._streams.get(stream)
        if entry is None and not self._was_opened(stream):
            raise ValueError(f"stream {stream} was never opened")
        return entry

    def _next(self, stream: int, entry: Stream, step: int) -> int:
        state = NEXT[entry.state][step]
        if state == FORBIDDEN:
            raise LinkError(
                f"{Step(step).name} is not possible on stream {stream} in {StreamState(entry.state).name}"
            )
        return state

    def _move(self, stream: int, entry: Stream, state: int) -> None:
        if state == _CLOSED:
            del self._streams[stream]
        entry.state = state

    def _fits(self, events: list[MuxEvent], stream: int, entry: Stream, count: int) -> bool:
        if count > entry.room:
            self._overflow(events, stream, "the body went beyond the window")
            return False
        entry.room -= count
        return True

    def _overflow(self, events: list[MuxEvent], stream: int, reason: str) -> None:
        self.reset(stream, "flow", reason)
        events.append(Reset(stream, "flow", reason))

    # -- frames out ---------------------------------------------------------------------------------------------

    @staticmethod
    def _check(entry: Stream, head: bytes, body: Bytes) -> None:
        if len(head) > MAX_HEAD:
            raise ValueError(f"a head of {len(head)} bytes is above the {MAX_HEAD} that a frame may hold")
        if len(body) > entry.credit:
            raise ValueError(f"{len(body)} bytes are beyond the credit of {entry.credit}")

    def _begin(self, kind: int, stream: int, entry: Stream, head: bytes, body: Bytes, fin: bool) -> None:
        entry.credit -= len(body)
        if len(body) <= self._chunk:
            self._push(_HEADED.pack(kind, fin, stream, 4 + len(head) + len(body), len(head)) + head + body)
            return
        first = memoryview(body)[: self._chunk]
        self._push(_HEADED.pack(kind, 0, stream, 4 + len(head) + len(first), len(head)) + head + first)
        self._pour(stream, memoryview(body)[self._chunk :], fin)

    def _pour(self, stream: int, data: Bytes, fin: bool) -> None:
        size = len(data)
        if size > self._chunk:
            whole = memoryview(data)
            last = (size - 1) // self._chunk * self._chunk
            for position in range(0, last, self._chunk):
                self._push(
                    HEADER.pack(_DATA, 0, stream, self._chunk) + whole[position : position + self._chunk]
                )
            data = whole[last:]
            size -= last
        self._push(HEADER.pack(_DATA, fin, stream, size) + data)

    def _refuse(self, stream: int, code: str, reason: str) -> None:
        payload = pack_reset(code, reason)
        self._push(HEADER.pack(FrameType.RST, 0, stream, len(payload)) + payload)

    def _push(self, frame: bytes) -> None:
        self._outbox.append(frame)
        self.queued += len(frame)


def _split(message: bytes, start: int, end: int) -> int:
    """Return where the body begins in an OPEN or RESP payload."""
    if end - start < 4:
        raise LinkError("a frame is cut short inside the length of its head")
    split: int = start + 4 + U32.unpack_from(message, start)[0]
    if split > end:
        raise LinkError(f"a head is cut short: its frame ends {split - end} early")
    return split


_Handler = Callable[[Mux, list[MuxEvent], bytes, int, int, int, int], None]
# By type and flags as one number, so that one look-up finds an unknown type and a flag out of place.
_HANDLERS: Final[dict[int, _Handler]] = {
    FrameType.OPEN << 8: Mux._on_open,
    FrameType.OPEN << 8 | FIN: Mux._on_open,
    FrameType.RESP << 8: Mux._on_resp,
    FrameType.RESP << 8 | FIN: Mux._on_resp,
    FrameType.DATA << 8: Mux._on_data,
    FrameType.DATA << 8 | FIN: Mux._on_data,
    FrameType.WINDOW << 8: Mux._on_window,
    FrameType.RST << 8: Mux._on_rst,
    FrameType.NOTIFY << 8: Mux._on_notify,
    FrameType.GOODBYE << 8: Mux._on_goodbye,
}
