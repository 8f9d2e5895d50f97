"""Heads and handshakes survive the wire, skip what they do not know, and refuse the rest with a LinkError."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import attrs
import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from radical_edge_core.link import heads
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.heads import Hello, Refused, RequestHead, ResponseHead, Welcome, negotiate

TEXT = st.text(max_size=20)
PAIRS = st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), max_size=5)
NUMBERS = st.integers(0, 2**63 - 1)
TIMES = st.floats(allow_nan=False)
DECODERS: dict[type, Callable[[bytes], Any]] = {
    RequestHead: heads.decode_request,
    ResponseHead: heads.decode_response,
    Hello: heads.decode_hello,
    Welcome: heads.decode_welcome,
    Refused: heads.decode_refused,
}
HEADS = st.one_of(
    st.builds(
        RequestHead,
        method=TEXT,
        path=st.binary(max_size=30).map(lambda rest: b"/" + rest),
        query=st.binary(max_size=30),
        headers=PAIRS,
        subject=TEXT,
        scopes=st.lists(TEXT, max_size=4),
        request_id=TEXT,
        key=st.none() | TEXT,
    ),
    st.builds(ResponseHead, status=st.integers(200, 599), headers=PAIRS),
    st.builds(
        Hello,
        protocol_min=NUMBERS,
        protocol_max=NUMBERS,
        instance=TEXT,
        name=TEXT,
        host=TEXT,
        boot_id=TEXT,
        started_at=TIMES,
        clock=TIMES,
        received=NUMBERS,
        resume=st.none() | TEXT,
        channel=TEXT,
        version=TEXT,
        takeover=st.booleans(),
        window=st.integers(1, heads.MAX_WINDOW),
    ),
    st.builds(
        Welcome,
        protocol=NUMBERS,
        instance=TEXT,
        resumed=st.booleans(),
        received=NUMBERS,
        credential=st.none() | TEXT,
        clock=TIMES,
        event_seq=st.integers(-1, 2**63 - 1),
        window=st.integers(1, heads.MAX_WINDOW),
    ),
    st.builds(Refused, code=TEXT, reason=TEXT),
)
ONE_OF_EACH = [
    RequestHead(method="GET", path=b"/x", headers=[(b"a", b"b")], scopes=["read:*"], key="k"),
    ResponseHead(status=200, headers=[(b"a", b"b")]),
    Hello(
        protocol_min=1,
        protocol_max=1,
        instance="i",
        name="hpc1",
        host="login3",
        boot_id="b",
        started_at=1.0,
        clock=2.0,
        received=0,
        resume=None,
        channel="c",
        version="0.1.0",
    ),
    Welcome(protocol=1, instance="i", resumed=True, received=7, credential=None, clock=2.0),
    Refused(code="gone", reason="begin again"),
]


@given(HEADS)
def test_every_head_survives_the_wire(head: heads.Head) -> None:
    """Decoding what was encoded gives the same head back."""
    assert DECODERS[type(head)](heads.encode_head(head)) == head


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_a_link_error(data: bytes) -> None:
    """No bytes crash a decoder."""
    for decode in DECODERS.values():
        with suppress(LinkError):
            decode(data)


@given(HEADS, st.data())
def test_a_damaged_head_is_a_head_or_a_link_error(head: heads.Head, data: st.DataObject) -> None:
    """One byte changed, or the rest cut off, is noticed where it matters and never a crash."""
    raw = bytearray(heads.encode_head(head))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    for damaged in (bytes(raw), bytes(raw[:place])):
        with suppress(LinkError):
            DECODERS[type(head)](damaged)


@pytest.mark.parametrize("head", ONE_OF_EACH, ids=lambda head: type(head).__name__)
def test_a_head_cut_at_any_byte_is_refused(head: heads.Head) -> None:
    """A truncated head is never taken for a shorter one."""
    raw = heads.encode_head(head)
    for end in range(len(raw)):
        with pytest.raises(LinkError, match="malformed"):
            DECODERS[type(head)](raw[:end])


@pytest.mark.parametrize("head", ONE_OF_EACH, ids=lambda head: type(head).__name__)
def test_fields_of_a_newer_version_are_skipped(head: heads.Head) -> None:
    """A field that this version does not know changes nothing."""
    fields = {**attrs.asdict(head), "since_version_9": {"deep": [1, b"2"]}}
    assert DECODERS[type(head)](msgspec.msgpack.encode(fields)) == head


@pytest.mark.parametrize("head", ONE_OF_EACH, ids=lambda head: type(head).__name__)
def test_a_field_of_another_type_is_refused_by_its_name(head: heads.Head) -> None:
    """Nothing is coerced, and the sentence says where it is wrong."""
    for name in attrs.asdict(head):
        fields = {**attrs.asdict(head), name: {"not": "this"}}
        with pytest.raises(LinkError, match=rf"malformed: .*\$\.{name}"):
            DECODERS[type(head)](msgspec.msgpack.encode(fields))


@pytest.mark.parametrize(
    ("decode", "fields", "why"),
    [
        (heads.decode_request, {"method": "GET", "path": b"x"}, "begins with a slash"),
        (heads.decode_request, {"method": "GET", "path": b""}, "begins with a slash"),
        (heads.decode_response, {"status": 99}, "99 is not the status"),
        (heads.decode_response, {"status": 101}, "101 is not the status"),
        (heads.decode_response, {"status": 600}, "600 is not the status"),
    ],
)
def test_impossible_values_are_refused(
    decode: Callable[[bytes], object], fields: dict[str, object], why: str
) -> None:
    """A path without its slash or an informational status never gets past the link."""
    with pytest.raises(LinkError, match=why):
        decode(msgspec.msgpack.encode(fields))


@pytest.mark.parametrize("window", [0, -1, heads.MAX_WINDOW + 1])
@pytest.mark.parametrize("head", ONE_OF_EACH[2:4], ids=lambda head: type(head).__name__)
def test_a_handshake_with_an_impossible_window_is_refused(head: Hello | Welcome, window: int) -> None:
    """A peer cannot make a mux with a window that its constructor refuses."""
    fields = {**attrs.asdict(head), "window": window}
    with pytest.raises(LinkError, match="window"):
        DECODERS[type(head)](msgspec.msgpack.encode(fields))


@pytest.mark.parametrize("head", ONE_OF_EACH[2:4], ids=lambda head: type(head).__name__)
def test_a_handshake_with_a_negative_count_is_refused(head: Hello | Welcome) -> None:
    """A message number is not below zero."""
    fields = {**attrs.asdict(head), "received": -1}
    with pytest.raises(LinkError, match="received"):
        DECODERS[type(head)](msgspec.msgpack.encode(fields))


def test_deep_nesting_is_refused() -> None:
    """A skipped field nested beyond all measure is a LinkError, not the end of the process."""
    raw = b"\x82\xa4code\xa1x\xa1z" + b"\x91" * 100_000 + b"\x01"
    with pytest.raises(LinkError, match="malformed"):
        heads.decode_refused(raw)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (1, 9), (0, 1), (0, 9)])
def test_the_newest_common_version_is_spoken(low: int, high: int) -> None:
    """Any range that meets ours gives the highest version in both."""
    assert negotiate(attrs.evolve(ONE_OF_EACH[2], protocol_min=low, protocol_max=high)) == heads.PROTOCOL_MAX


@pytest.mark.parametrize(("low", "high"), [(2, 9), (0, 0), (5, 3)])
def test_a_version_mismatch_is_told_in_one_sentence(low: int, high: int) -> None:
    """The refusal names the edge and both ranges, and says what to do."""
    hello = attrs.evolve(ONE_OF_EACH[2], protocol_min=low, protocol_max=high)
    with pytest.raises(LinkError) as caught:
        negotiate(hello)
    text = str(caught.value)
    assert "'hpc1'" in text
    assert f"{low} to {high}" in text
    assert f"{heads.PROTOCOL_MIN} to {heads.PROTOCOL_MAX}" in text
    assert "upgrade" in text
