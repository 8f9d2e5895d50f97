"""
The half of the mux that reads frames.

Frames are read in place, by plain numbers. Type and flags together select the method that takes a frame, so
that one look-up finds an unknown type and a flag out of place as well.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from .errors import LinkError
from .events import Answered, Credit, Data, Goodbye, MuxEvent, Note, Opened, Reset
from .frames import FIN, MAX_MESSAGE, U32, FrameType, check_size, read_header, unpack_number, unpack_reset
from .streams import FORBIDDEN, IDLE, NEXT, Step, Stream, StreamState
from .table import Table

_MARKED: Final = Struct("!HII")  # a frame's header with type and flags as one number
_HEADER_SIZE: Final = _MARKED.size
_OPEN: Final = int(Step.OPEN)
_RESP: Final = int(Step.RESP)
_FLOW: Final = "the body went beyond the window"

_Handler = Callable[[list[MuxEvent], bytes, int, int, int, int], None]


class Receiver:
    """Turns the peer's messages into events and changes of the table."""

    __slots__ = ("_data", "_handlers", "_table")

    def __init__(self, table: Table) -> None:
        self._table = table
        self._data = int(Step.DOWN if table.opens else Step.UP)
        self._handlers: dict[int, _Handler] = {
            FrameType.OPEN << 8: self._open,
            FrameType.OPEN << 8 | FIN: self._open,
            FrameType.RESP << 8: self._resp,
            FrameType.RESP << 8 | FIN: self._resp,
            FrameType.DATA << 8: self._more,
            FrameType.DATA << 8 | FIN: self._more,
            FrameType.WINDOW << 8: self._window,
            FrameType.RST << 8: self._rst,
            FrameType.NOTIFY << 8: self._notify,
            FrameType.GOODBYE << 8: self._goodbye,
        }

    def receive(self, message: bytes) -> list[MuxEvent]:
        """Take one message; raise ``LinkError`` if it breaks the protocol."""
        events: list[MuxEvent] = []
        size = len(message)
        if not 0 < size <= MAX_MESSAGE:
            check_size(size)
        handlers = self._handlers
        position = 0
        while position < size:
            start = position + _HEADER_SIZE
            if start > size:
                read_header(message, position)
            mark, stream, length = _MARKED.unpack_from(message, position)
            end = start + length
            handler = handlers.get(mark)
            if handler is None or end > size:
                kind = read_header(message, position)[0]
                raise LinkError(f"a frame {kind.name} has no place among those of streams")
            handler(events, message, stream, mark & FIN, start, end)
            position = end
        return events

    def _open(
        self, events: list[MuxEvent], message: bytes, stream: int, fin: int, start: int, end: int
    ) -> None:
        table = self._table
        last = table.ids.last
        if table.opens or stream in table.live or not table.ids.accept(stream):
            raise LinkError(f"the peer cannot open stream {stream} after stream {last}")
        split = _split(message, start, end)
        refusal = table.refusal()
        if refusal is None and end - split > table.window:
            refusal = "flow", _FLOW
        if refusal is not None:
            table.outbox.rst(stream, *refusal)
            return
        table.live[stream] = Stream(NEXT[IDLE][_OPEN + fin], table.peer_window, table.window - end + split)
        events.append(Opened(stream, message[start + 4 : split], message[split:end], fin == FIN))

    def _resp(
        self, events: list[MuxEvent], message: bytes, stream: int, fin: int, start: int, end: int
    ) -> None:
        if not self._table.opens:
            raise LinkError(f"the peer answered stream {stream}, which is its own to open")
        entry = self._find(stream)
        if entry is None:
            return
        state = _next(stream, entry, _RESP + fin)
        split = _split(message, start, end)
        if self._fits(events, stream, entry, end - split):
            self._table.move(stream, entry, state)
            events.append(Answered(stream, message[start + 4 : split], message[split:end], fin == FIN))

    def _more(
        self, events: list[MuxEvent], message: bytes, stream: int, fin: int, start: int, end: int
    ) -> None:
        entry = self._find(stream)
        if entry is None:
            return
        state = _next(stream, entry, self._data + fin)
        if self._fits(events, stream, entry, end - start):
            self._table.move(stream, entry, state)
            if end > start or fin:
                events.append(Data(stream, message[start:end], fin == FIN))

    def _window(
        self, events: list[MuxEvent], message: bytes, stream: int, _: int, start: int, end: int
    ) -> None:
        count = unpack_number(message[start:end], U32, "WINDOW")
        entry = self._find(stream)
        if entry is None:
            return
        if entry.credit + count > self._table.peer_window:
            self._overflow(events, stream, "the peer returned more credit than was used")
        else:
            entry.credit += count
            events.append(Credit(stream))

    def _rst(self, events: list[MuxEvent], message: bytes, stream: int, _: int, start: int, end: int) -> None:
        code, reason = unpack_reset(message[start:end])
        if self._find(stream) is not None:
            del self._table.live[stream]
            events.append(Reset(stream, code, reason))

    def _notify(
        self, events: list[MuxEvent], message: bytes, stream: int, _: int, start: int, end: int
    ) -> None:
        if stream:
            raise LinkError("a frame NOTIFY belongs to no stream")
        events.append(Note(message[start:end]))

    def _goodbye(self, events: list[MuxEvent], _m: bytes, stream: int, _: int, start: int, end: int) -> None:
        if stream or end > start:
            raise LinkError("a frame GOODBYE holds nothing and belongs to no stream")
        if not self._table.goodbye_received:
            self._table.hear_goodbye()
            events.append(Goodbye())

    def _find(self, stream: int) -> Stream | None:
        """Return a live stream; none if it has ended while this frame was on its way."""
        entry = self._table.live.get(stream)
        if entry is None and not self._table.ids.was_opened(stream):
            raise LinkError(f"stream {stream} was never opened")
        return entry

    def _fits(self, events: list[MuxEvent], stream: int, entry: Stream, count: int) -> bool:
        if count > entry.room:
            self._overflow(events, stream, _FLOW)
            return False
        entry.room -= count
        return True

    def _overflow(self, events: list[MuxEvent], stream: int, reason: str) -> None:
        del self._table.live[stream]
        self._table.outbox.rst(stream, "flow", reason)
        events.append(Reset(stream, "flow", reason))


def _next(stream: int, entry: Stream, step: int) -> int:
    state = NEXT[entry.state][step]
    if state == FORBIDDEN:
        was = StreamState(entry.state).name
        raise LinkError(f"{Step(step).name} is not possible on stream {stream} in {was}")
    return state


def _split(message: bytes, start: int, end: int) -> int:
    """Return where the body begins in the payload of OPEN or RESP."""
    if end - start < U32.size:
        raise LinkError("a frame is cut short inside the length of its head")
    split: int = start + U32.size + U32.unpack_from(message, start)[0]
    if split > end:
        raise LinkError(f"a head is cut short: its frame ends {split - end} bytes early")
    return split
