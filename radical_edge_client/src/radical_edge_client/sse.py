"""
Server-sent events, without I/O: bytes in, events out.

Source: the HTML standard, section "Server-sent events". Lines end with CR, LF or CR LF, and a chunk may end
anywhere, also between CR and LF or inside a character.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from radical_edge_client.errors import NotABridge

LARGEST: Final = 16 << 20
_BOM: Final = b"\xef\xbb\xbf"


@frozen(kw_only=True)
class ServerEvent:
    """
    One dispatched event.

    Attributes:
        data: Its ``data`` lines, joined by newlines.
        event: Its type; ``message`` where none was named.
        id: The id that this event itself carries; ``None`` where it has none.
    """

    data: str
    event: str = "message"
    id: str | None = None


class SseParser:
    """
    Collects bytes into events; one for each connection.

    Attributes:
        last_id: The last id that the stream named, also by an event without data; where to continue from.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._begun = False
        self._after_cr = False
        self._data: list[str] = []
        self._size = 0
        self._event = ""
        self._id: str | None = None
        self.last_id: str | None = None

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """
        Take the next bytes of the stream and return the events that they complete.

        Raises:
            NotABridge: An event has no end in sight.
        """
        self._rest += chunk
        found = [event for line in self._lines() if (event := self._take(line)) is not None]
        if len(self._rest) + self._size > LARGEST:
            raise NotABridge(f"an event of more than {LARGEST} bytes: this is no event stream of a bridge")
        return found

    def _lines(self) -> list[bytes]:
        """Cut the complete lines off the buffer."""
        if not self._begun:
            if _BOM.startswith(self._rest) and len(self._rest) < len(_BOM):
                return []  # not yet clear whether it begins with a byte order mark
            if self._rest.startswith(_BOM):
                del self._rest[: len(_BOM)]
            self._begun = True
        if self._after_cr and self._rest:
            if self._rest[0] == 0x0A:
                del self._rest[0]
            self._after_cr = False
        if not self._rest:
            return []
        self._after_cr = self._rest[-1] == 0x0D  # the LF that may follow belongs to this line's end
        *lines, rest = self._rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = bytearray(rest)
        return [bytes(line) for line in lines]

    def _take(self, line: bytes) -> ServerEvent | None:
        """Apply one line; the empty one ends an event."""
        if not line:
            return self._dispatch()
        name, _, raw = line.partition(b":")
        value = raw.removeprefix(b" ").decode("utf-8", errors="replace")
        match name:
            case b"data":
                self._data.append(value)
                self._size += len(raw)
            case b"event":
                self._event = value
            case b"id" if "\0" not in value:
                self._id = value
            case _:
                pass  # a comment, ``retry``, or a field of a later version
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, event, own_id = self._data, self._event, self._id
        self._data, self._event, self._id, self._size = [], "", None, 0
        self.last_id = self.last_id if own_id is None else own_id
        if not data:
            return None
        return ServerEvent(data="\n".join(data), event=event or "message", id=own_id)
