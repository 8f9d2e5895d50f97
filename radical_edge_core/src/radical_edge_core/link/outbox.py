"""What a mux has to send: frames in order, joined to messages when they are taken out."""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import Final

from .frames import FIN, HEADER, U32, FrameType, pack_reset

Bytes = bytes | bytearray | memoryview

# A header and one number: the length of the head in OPEN and RESP, the credit in WINDOW.
_WITH_NUMBER: Final = Struct("!BBIII")
_DATA: Final = int(FrameType.DATA)
_WINDOW: Final = int(FrameType.WINDOW)
_RST: Final = int(FrameType.RST)


class Outbox:
    """
    Frames, each one ``bytes``.

    Attributes:
        chunk: Longer bodies are cut into frames of this many bytes.
        queued: Bytes waiting.
    """

    __slots__ = ("_frames", "chunk", "queued")

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk
        self.queued = 0
        self._frames: deque[bytes] = deque()

    def push(self, frame: bytes) -> None:
        """Queue one whole frame."""
        self._frames.append(frame)
        self.queued += len(frame)

    def plain(self, kind: FrameType, payload: bytes = b"") -> None:
        """Queue a frame that belongs to no stream."""
        self.push(HEADER.pack(kind, 0, 0, len(payload)) + payload)

    def begin(self, kind: int, stream: int, head: bytes, body: Bytes, fin: bool) -> None:
        """Queue OPEN or RESP with the first chunk of the body, and the rest of it as DATA."""
        size = len(body)
        if size <= self.chunk:
            frame = _WITH_NUMBER.pack(kind, fin, stream, 4 + len(head) + size, len(head)) + head + body
            self._frames.append(frame)
            self.queued += len(frame)
            return
        whole = memoryview(body)
        first = _WITH_NUMBER.pack(kind, 0, stream, 4 + len(head) + self.chunk, len(head))
        self.push(first + head + whole[: self.chunk])
        self.pour(stream, whole[self.chunk :], fin)

    def pour(self, stream: int, data: Bytes, fin: bool) -> None:
        """Queue bytes of a body as DATA; none, with ``fin``, as an empty frame."""
        size = len(data)
        if size > self.chunk:
            whole = memoryview(data)
            last = (size - 1) // self.chunk * self.chunk
            header = HEADER.pack(_DATA, 0, stream, self.chunk)
            for position in range(0, last, self.chunk):
                self.push(header + whole[position : position + self.chunk])
            data = whole[last:]
            size -= last
        self.push(HEADER.pack(_DATA, FIN if fin else 0, stream, size) + data)

    def window(self, stream: int, count: int) -> None:
        """Queue the return of credit."""
        self.push(_WITH_NUMBER.pack(_WINDOW, 0, stream, U32.size, count))

    def rst(self, stream: int, code: str, reason: str) -> None:
        """Queue the end of a stream."""
        payload = pack_reset(code, reason)
        self.push(HEADER.pack(_RST, 0, stream, len(payload)) + payload)

    def clear(self) -> None:
        """Drop everything."""
        self._frames.clear()
        self.queued = 0

    def next_message(self, limit: int) -> bytes | None:
        """Take out frames joined to one message of up to ``limit`` bytes; a longer frame goes alone."""
        frames = self._frames
        if not frames:
            return None
        message = frames.popleft()
        size = len(message)
        if frames and size + len(frames[0]) <= limit:
            joined = [message]
            while frames and size + len(frames[0]) <= limit:
                message = frames.popleft()
                size += len(message)
                joined.append(message)
            message = b"".join(joined)
        self.queued -= size
        return message
