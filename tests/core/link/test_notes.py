"""Notes survive the wire, and are JSON where they carry what others wrote."""

from __future__ import annotations

from contextlib import suppress

import hypothesis.strategies as st
import pytest
from hypothesis import given

from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.notes import (
    Announce,
    Event,
    EventAck,
    Interest,
    Note,
    Shutdown,
    decode_note,
    encode_note,
)

TEXT = st.text(max_size=20)
SEQ = st.integers(-1, 2**63 - 1)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
NOTES = st.one_of(
    st.builds(
        Event,
        epoch=TEXT,
        seq=SEQ,
        plugin=TEXT,
        topic=TEXT,
        owner=TEXT,
        durable=st.booleans(),
        data=st.binary(max_size=50),
    ),
    st.builds(EventAck, epoch=TEXT, seq=SEQ),
    st.builds(Announce, plugins=st.dictionaries(TEXT, OBJECTS, max_size=3), endpoint=OBJECTS),
    st.builds(Interest, topics=st.lists(TEXT, max_size=4)),
    st.builds(Shutdown, reason=TEXT),
)


@given(NOTES)
def test_every_note_survives_the_wire(note: Note) -> None:
    """Decoding what was encoded gives the same note back."""
    assert decode_note(encode_note(note)) == note


@given(st.sampled_from([b"E", b"K", b"A", b"I", b"S", b"?", b""]), st.binary(max_size=100))
def test_any_bytes_are_a_note_or_a_link_error(kind: bytes, rest: bytes) -> None:
    """No payload crashes the decoder."""
    with suppress(LinkError):
        decode_note(kind + rest)


@given(NOTES)
def test_a_note_cut_at_any_byte_is_refused(note: Note) -> None:
    """A truncated note is never taken for a shorter one."""
    payload = encode_note(note)
    for end in range(len(payload)):
        with pytest.raises(LinkError):
            decode_note(payload[:end])


def test_an_announcement_brings_only_what_json_can_tell() -> None:
    """Values that no JSON document holds are refused, also as depth beyond measure."""
    for raw in (
        b'A{"plugins": {"p": {"x": NaN}}}',
        b'A{"plugins": {"p": {"x": ' + b"[" * 100_000,
        b"A\xff",
        b"A[]",
    ):
        with pytest.raises(LinkError, match="malformed"):
            decode_note(raw)


def test_an_announcement_that_is_no_json_is_not_sent() -> None:
    """The sender's mistake shows at the sender."""
    with pytest.raises((TypeError, ValueError)):
        encode_note(Announce(plugins={"p": {"x": object()}}))


def test_an_unknown_kind_is_named() -> None:
    """The sentence shows the byte that means nothing."""
    with pytest.raises(LinkError, match="kind b'Z' are unknown"):
        decode_note(b"Z123")
