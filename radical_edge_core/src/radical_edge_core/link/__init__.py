"""
The link between bridge and edge, without I/O: bytes in, bytes and events out, time as an argument.

``frames`` is the format, ``heads`` and ``notes`` what frames carry, ``mux`` turns frames into HTTP exchanges,
``channel`` carries messages over sockets that come and go, ``timing`` says when a peer counts as gone.
"""

from .channel import Channel
from .errors import LinkError, StreamRefused
from .events import Answered, Credit, Data, Goodbye, MuxEvent, Note, Opened, Reset
from .frames import Frame, FrameType, decode, encode, is_control
from .handshake import GONE, judge
from .heads import (
    PROTOCOL_MAX,
    PROTOCOL_MIN,
    Hello,
    Refused,
    RequestHead,
    ResponseHead,
    Welcome,
    decode_hello,
    decode_refused,
    decode_request,
    decode_response,
    decode_welcome,
    encode_head,
    negotiate,
)
from .lifetime import ChannelState
from .mux import Mux
from .notes import Announce, Event, EventAck, Interest, Shutdown, decode_note, encode_note
from .timing import Backoff, Liveness

__all__ = [
    "GONE",
    "PROTOCOL_MAX",
    "PROTOCOL_MIN",
    "Announce",
    "Answered",
    "Backoff",
    "Channel",
    "ChannelState",
    "Credit",
    "Data",
    "Event",
    "EventAck",
    "Frame",
    "FrameType",
    "Goodbye",
    "Hello",
    "Interest",
    "LinkError",
    "Liveness",
    "Mux",
    "MuxEvent",
    "Note",
    "Opened",
    "Refused",
    "RequestHead",
    "Reset",
    "ResponseHead",
    "Shutdown",
    "StreamRefused",
    "Welcome",
    "decode",
    "decode_hello",
    "decode_note",
    "decode_refused",
    "decode_request",
    "decode_response",
    "decode_welcome",
    "encode",
    "encode_head",
    "encode_note",
    "is_control",
    "judge",
    "negotiate",
]
