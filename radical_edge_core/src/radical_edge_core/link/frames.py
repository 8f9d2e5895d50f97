"""
Frames: what a WebSocket message of the link is made of.

A message is one frame or more, back to back; each is a header of ten bytes and a payload::

    type u8 | flags u8 | stream u32 | length u32 | payload        all numbers big endian

A message whose first frame is a *control* frame (numbers from 16) holds control frames only. It belongs to
one socket and dies with it. Every other message holds *mux* frames only and is numbered, implicitly: the
first one a channel carries is number 1. No message is longer than 1 MiB.

========  ======  ====================================================
frame     stream  payload
========  ======  ====================================================
OPEN      yes     ``headlen u32 | head | first bytes of the body``
RESP      yes     the same, for the answer
DATA      yes     bytes of the body; the flag FIN ends it, also without bytes
WINDOW    yes     u32: as many bytes more may be sent
RST       yes     ``codelen u8 | code | reason``, both UTF-8
NOTIFY    0       one note, see ``heads``
GOODBYE   0       none
HELLO     0       handshake, see ``heads``; so are WELCOME and REFUSED
ACK       0       u64: number of the last message received
PING      0       none; so is PONG
========  ======  ====================================================
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from .errors import LinkError

FIN: Final = 1
HEADER: Final = Struct("!BBII")
U32: Final = Struct("!I")
U64: Final = Struct("!Q")
MAX_MESSAGE: Final = 1024 * 1024
MAX_PAYLOAD: Final = MAX_MESSAGE - HEADER.size
MAX_REASON: Final = 1024
DEFAULT_WINDOW: Final = 256 * 1024
MAX_WINDOW: Final = 4 * 1024 * 1024


class FrameType(IntEnum):
    """The types; control frames begin at 16."""

    OPEN = 1
    RESP = 2
    DATA = 3
    WINDOW = 4
    RST = 5
    NOTIFY = 6
    GOODBYE = 7
    HELLO = 16
    WELCOME = 17
    REFUSED = 18
    ACK = 19
    PING = 20
    PONG = 21


FIRST_CONTROL: Final = 16
_WITH_STREAM: Final = frozenset(
    {FrameType.OPEN, FrameType.RESP, FrameType.DATA, FrameType.WINDOW, FrameType.RST}
)
_WITH_FIN: Final = frozenset({FrameType.OPEN, FrameType.RESP, FrameType.DATA})


class Frame(NamedTuple):
    """One decoded frame."""

    type: FrameType
    stream: int
    payload: bytes
    flags: int


def encode(
    type: FrameType,  # noqa: A002 - the frame's own word
    stream: int = 0,
    payload: bytes = b"",
    flags: int = 0,
) -> bytes:
    """Return one frame, which is also a whole message."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(
            f"a payload of {len(payload)} bytes is above the {MAX_PAYLOAD} that a message may hold"
        )
    return HEADER.pack(type, flags, stream, len(payload)) + payload


def decode(message: bytes) -> list[Frame]:
    """
    Take a message apart.

    Raises:
        LinkError: It is empty, too long, cut short, of an unknown type, or mixes control with mux frames.
    """
    size = len(message)
    check_size(size)
    frames: list[Frame] = []
    position = 0
    while position < size:
        kind, flags, stream, end = read_header(message, position)
        frames.append(Frame(kind, stream, message[position + HEADER.size : end], flags))
        position = end
    if len({frame.type >= FIRST_CONTROL for frame in frames}) > 1:
        raise LinkError("the message mixes control frames with others")
    return frames


def read_header(message: bytes, position: int) -> tuple[FrameType, int, int, int]:
    """Return type, flags, stream and end of the frame at ``position``; raise ``LinkError`` if it is unfit."""
    if len(message) - position < HEADER.size:
        raise LinkError(f"the message ends inside a frame's header, at byte {len(message)}")
    number, flags, stream, length = HEADER.unpack_from(message, position)
    end: int = position + HEADER.size + length
    if end > len(message):
        raise LinkError(
            f"a frame of {length} bytes is cut short: the message ends {end - len(message)} early"
        )
    try:
        kind = FrameType(number)
    except ValueError:
        raise LinkError(f"frame type {number} is unknown") from None
    if flags & ~FIN or (flags and kind not in _WITH_FIN):
        raise LinkError(f"flags {flags:#x} mean nothing on a frame {kind.name}")
    if (stream != 0) != (kind in _WITH_STREAM):
        raise LinkError(f"stream {stream} is not possible on a frame {kind.name}")
    return kind, flags, stream, end


def check_size(size: int) -> None:
    """Raise ``LinkError`` if no message can have so many bytes."""
    if not size:
        raise LinkError("the message is empty")
    if size > MAX_MESSAGE:
        raise LinkError(f"a message of {size} bytes is above the {MAX_MESSAGE} that a link takes")


def is_control(message: bytes) -> bool:
    """Whether a message is of control frames, so not numbered; an empty one is not."""
    return bool(message) and message[0] >= FIRST_CONTROL


def pack_reset(code: str, reason: str) -> bytes:
    """Return the payload of RST; both texts are cut to what fits."""
    word = _cut(code, 255)
    return bytes((len(word),)) + word + _cut(reason, MAX_REASON)


def _cut(text: str, size: int) -> bytes:
    """Return the text in UTF-8, without what is no text and without half a character at the end."""
    return text.encode(errors="replace")[:size].decode(errors="ignore").encode()


def unpack_reset(payload: bytes) -> tuple[str, str]:
    """Return code and reason of RST; raise ``LinkError`` if the payload is unfit."""
    if not payload or payload[0] >= len(payload):
        raise LinkError("a frame RST is cut short inside its code")
    split = 1 + payload[0]
    try:
        return payload[1:split].decode(), payload[split:].decode(errors="replace")
    except UnicodeDecodeError:
        raise LinkError("the code of a frame RST is not text") from None


def unpack_number(payload: bytes, layout: Struct, name: str) -> int:
    """Return the number in a WINDOW or ACK frame; raise ``LinkError`` if its payload has another size."""
    if len(payload) != layout.size:
        raise LinkError(f"a frame {name} holds {len(payload)} bytes instead of {layout.size}")
    number: int = layout.unpack(payload)[0]
    return number
