"""
The structured parts of the link: heads of requests and answers, and the handshake; notes are in ``notes``.

All are attrs classes that msgspec encodes by itself as msgpack maps (cattrs is too slow for a head that every
request carries). A field added later needs a default: a decoder skips what it does not know, which is what
lets two versions talk.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from attrs import field, frozen
from attrs.validators import ge, le

from .errors import LinkError
from .frames import DEFAULT_WINDOW, MAX_WINDOW

PROTOCOL_MIN: Final = 1
PROTOCOL_MAX: Final = 1


@frozen(kw_only=True)
class RequestHead:
    """
    What a request is, but for its body.

    Attributes:
        path: Raw, still percent-encoded; begins with ``/``.
        headers: Names in lower case, in the order they came.
        subject: Who asks, as the bridge found out.
        scopes: What they may do.
        key: The caller's ``Idempotency-Key``.
    """

    method: str
    path: bytes
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(factory=list)
    subject: str = ""
    scopes: list[str] = field(factory=list)
    request_id: str = ""
    key: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.path[:1] != b"/":
            raise ValueError("the path of a request begins with a slash")


@frozen(kw_only=True)
class ResponseHead:
    """What an answer is, but for its body."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise ValueError(f"{self.status} is not the status of an answer")


@frozen(kw_only=True)
class Hello:
    """
    The edge's first frame on a socket.

    Attributes:
        instance: Minted by each start of the edge's process.
        started_at: When that was, in seconds since the epoch.
        clock: The sender's now, for showing skew; no decision compares two clocks.
        received: Number of the last message the edge's channel has; 0 on a new one.
        resume: The bridge instance that this channel was welcomed by; ``None`` while it was welcomed by none.
        channel: The channel's id, minted by the edge.
        takeover: Displace another instance of the same name.
        window: Bytes a stream may send the edge ahead of credit.
    """

    protocol_min: int
    protocol_max: int
    instance: str
    name: str
    host: str
    boot_id: str
    started_at: float
    clock: float
    received: int = field(validator=ge(0))
    resume: str | None
    channel: str
    version: str
    takeover: bool = False
    window: int = field(default=DEFAULT_WINDOW, validator=[ge(1), le(MAX_WINDOW)])


@frozen(kw_only=True)
class Welcome:
    """
    The bridge's answer to a ``Hello`` it accepts; messages follow at once.

    Attributes:
        protocol: The version spoken from here on.
        instance: Minted by each start of the bridge's process; the edge names it in ``Hello.resume``.
        resumed: Whether this continues a channel the bridge has already welcomed.
        received: Number of the last message the bridge's channel has.
        credential: The edge's new credential, if it joined with a token.
        event_epoch, event_seq: Last event of this edge that the bridge has; empty and -1 if it has none.
        window: Bytes a stream may send the bridge ahead of credit.
    """

    protocol: int
    instance: str
    resumed: bool
    received: int = field(validator=ge(0))
    credential: str | None
    clock: float
    event_epoch: str = ""
    event_seq: int = -1
    window: int = field(default=DEFAULT_WINDOW, validator=[ge(1), le(MAX_WINDOW)])


@frozen(kw_only=True)
class Refused:
    """The bridge's answer to a ``Hello`` it does not accept; code ``gone`` asks for a new channel."""

    code: str
    reason: str


Head = RequestHead | ResponseHead | Hello | Welcome | Refused
_T = TypeVar("_T")

_ENCODER: Final = msgspec.msgpack.Encoder()
_REQUEST: Final = msgspec.msgpack.Decoder(RequestHead)
_RESPONSE: Final = msgspec.msgpack.Decoder(ResponseHead)
_HELLO: Final = msgspec.msgpack.Decoder(Hello)
_WELCOME: Final = msgspec.msgpack.Decoder(Welcome)
_REFUSED: Final = msgspec.msgpack.Decoder(Refused)


def encode_head(head: Head) -> bytes:
    """Return the bytes of a head, or of a part of the handshake."""
    return _ENCODER.encode(head)


def decode_request(data: bytes) -> RequestHead:
    """Read the head of an OPEN frame; raise ``LinkError`` if it is malformed."""
    return _decode(_REQUEST, data, "request head")


def decode_response(data: bytes) -> ResponseHead:
    """Read the head of a RESP frame; raise ``LinkError`` if it is malformed."""
    return _decode(_RESPONSE, data, "answer head")


def decode_hello(data: bytes) -> Hello:
    """Read a HELLO payload; raise ``LinkError`` if it is malformed."""
    return _decode(_HELLO, data, "hello")


def decode_welcome(data: bytes) -> Welcome:
    """Read a WELCOME payload; raise ``LinkError`` if it is malformed."""
    return _decode(_WELCOME, data, "welcome")


def decode_refused(data: bytes) -> Refused:
    """Read a REFUSED payload; raise ``LinkError`` if it is malformed."""
    return _decode(_REFUSED, data, "refusal")


def _decode(decoder: msgspec.msgpack.Decoder[_T], data: bytes, name: str) -> _T:
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError) as exc:
        raise LinkError(f"the {name} is malformed: {exc}") from exc


def negotiate(hello: Hello) -> int:
    """
    Return the newest protocol version that both sides speak.

    Raises:
        LinkError: There is none; one sentence names both ranges.
    """
    version = min(hello.protocol_max, PROTOCOL_MAX)
    if version < max(hello.protocol_min, PROTOCOL_MIN):
        raise LinkError(
            f"edge {hello.name!r} (version {hello.version}) speaks link protocol {hello.protocol_min} to "
            f"{hello.protocol_max}, this bridge {PROTOCOL_MIN} to {PROTOCOL_MAX}: upgrade the older one"
        )
    return version
