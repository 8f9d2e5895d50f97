"""
Notes: what travels in NOTIFY frames, outside any stream.

A note is one byte for its kind and the encoded class after it: msgpack, and JSON where the values are
anybody's (``Announce``), so that nothing comes in that JSON could not tell again.
"""

from __future__ import annotations

from typing import Final

import msgspec
from attrs import field, frozen

from .errors import LinkError


@frozen(kw_only=True)
class Event:
    """
    One notification on its way up.

    Attributes:
        epoch: The edge's journal; numbers of two epochs do not compare.
        seq: Number in the epoch; of a durable event the one that ``EventAck`` returns.
        owner: Subject that may see it; empty for all.
        data: JSON.
    """

    epoch: str
    seq: int
    plugin: str
    topic: str
    owner: str
    durable: bool
    data: bytes


@frozen(kw_only=True)
class EventAck:
    """The bridge has every durable event of the epoch up to ``seq``."""

    epoch: str
    seq: int


@frozen(kw_only=True)
class Announce:
    """What an edge offers, whole, after each change; ``plugins`` by name."""

    plugins: dict[str, dict[str, object]] = field(factory=dict)
    endpoint: dict[str, object] = field(factory=dict)


@frozen(kw_only=True)
class Interest:
    """The ephemeral topics that somebody listens to, whole, after each change, as ``plugin/topic``."""

    topics: list[str] = field(factory=list)


@frozen(kw_only=True)
class Shutdown:
    """The sender goes, and says why."""

    reason: str


Note = Event | EventAck | Announce | Interest | Shutdown

_PACK: Final = msgspec.msgpack.Encoder()
_JSON: Final = msgspec.json.Encoder()
_KINDS: Final[dict[type[Note], bytes]] = {
    Event: b"E",
    EventAck: b"K",
    Announce: b"A",
    Interest: b"I",
    Shutdown: b"S",
}
_Decoder = msgspec.msgpack.Decoder[Note] | msgspec.json.Decoder[Note]
_DECODERS: Final[dict[bytes, _Decoder]] = {
    kind: (msgspec.json.Decoder(cls) if cls is Announce else msgspec.msgpack.Decoder(cls))
    for cls, kind in _KINDS.items()
}


def encode_note(note: Note) -> bytes:
    """Return the payload of a NOTIFY frame."""
    return _KINDS[type(note)] + (_JSON if isinstance(note, Announce) else _PACK).encode(note)


def decode_note(payload: bytes) -> Note:
    """Read the payload of a NOTIFY frame; raise ``LinkError`` if it is malformed or of an unknown kind."""
    decoder = _DECODERS.get(payload[:1])
    if decoder is None:
        raise LinkError(f"notes of kind {payload[:1]!r} are unknown")
    try:
        return decoder.decode(payload[1:])
    except (ValueError, RecursionError) as exc:
        raise LinkError(f"a note of kind {payload[:1]!r} is malformed: {exc}") from exc
