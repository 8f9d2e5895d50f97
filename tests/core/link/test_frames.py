"""Frames survive the wire, and no bytes do more harm than a LinkError."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.frames import (
    FIN,
    FIRST_CONTROL,
    MAX_MESSAGE,
    MAX_PAYLOAD,
    U32,
    U64,
    Frame,
    FrameType,
    decode,
    encode,
    is_control,
    pack_reset,
    unpack_number,
    unpack_reset,
)

STREAMED = {FrameType.OPEN, FrameType.RESP, FrameType.DATA, FrameType.WINDOW, FrameType.RST}
FINISHING = {FrameType.OPEN, FrameType.RESP, FrameType.DATA}


@st.composite
def frames(draw: st.DrawFn, kinds: list[FrameType]) -> Frame:
    kind = draw(st.sampled_from(kinds))
    stream = draw(st.integers(1, 2**32 - 1)) if kind in STREAMED else 0
    flags = draw(st.sampled_from([0, FIN])) if kind in FINISHING else 0
    return Frame(kind, stream, draw(st.binary(max_size=50)), flags)


MUX = [kind for kind in FrameType if kind < FIRST_CONTROL]
CONTROL = [kind for kind in FrameType if kind >= FIRST_CONTROL]
MESSAGES = st.lists(frames(MUX), min_size=1, max_size=5) | st.lists(frames(CONTROL), min_size=1, max_size=5)


def join(many: list[Frame]) -> bytes:
    return b"".join(encode(one.type, one.stream, one.payload, one.flags) for one in many)


@given(MESSAGES)
def test_every_message_survives_the_wire(many: list[Frame]) -> None:
    """Decoding what was encoded gives the same frames back, and tells control from the rest."""
    assert decode(join(many)) == many
    assert is_control(join(many)) == (many[0].type >= FIRST_CONTROL)


@given(MESSAGES, st.data())
def test_a_message_cut_anywhere_is_an_error_or_fewer_frames(many: list[Frame], data: st.DataObject) -> None:
    """A cut between frames gives those before it; one inside a frame is refused with a sentence that says so."""
    message = join(many)
    ends = {0: 0}
    for count, one in enumerate(many, 1):
        ends[max(ends) + 10 + len(one.payload)] = count
    cut = data.draw(st.integers(0, len(message)))
    if cut in ends and cut:
        assert decode(message[:cut]) == many[: ends[cut]]
    else:
        with pytest.raises(LinkError, match=r"empty|ends"):
            decode(message[:cut])


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_a_link_error(message: bytes) -> None:
    """What decodes encodes to the same bytes; anything else is a LinkError."""
    try:
        many = decode(message)
    except LinkError:
        return
    assert join(many) == message


@given(frames(MUX), frames(CONTROL), st.booleans())
def test_control_and_other_frames_do_not_mix(one: Frame, other: Frame, swap: bool) -> None:
    """A message is numbered as a whole or not at all."""
    with pytest.raises(LinkError, match="mixes"):
        decode(join([other, one] if swap else [one, other]))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "empty"),
        (bytes(MAX_MESSAGE + 1), "above"),
        (b"\x01\x00\x00", "inside a frame's header"),
        (b"\x03\x00\x00\x00\x00\x01\x00\x00\x00\x05abc", "cut short: the message ends 2 early"),
        (b"\x03\x00\x00\x00\x00\x01\xff\xff\xff\xff", "cut short"),
        (b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", "type 0 is unknown"),
        (b"\x08\x00\x00\x00\x00\x01\x00\x00\x00\x00", "type 8 is unknown"),
        (b"\xff\x00\x00\x00\x00\x01\x00\x00\x00\x00", "type 255 is unknown"),
        (b"\x03\x02\x00\x00\x00\x01\x00\x00\x00\x00", "flags 0x2"),
        (b"\x05\x01\x00\x00\x00\x01\x00\x00\x00\x00", "flags 0x1 mean nothing on a frame RST"),
        (b"\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00", "stream 0 is not possible"),
        (b"\x06\x00\x00\x00\x00\x07\x00\x00\x00\x00", "stream 7 is not possible"),
    ],
)
def test_a_refusal_says_why(message: bytes, why: str) -> None:
    """Each way to be malformed has its sentence."""
    with pytest.raises(LinkError, match=why):
        decode(message)


def test_the_largest_message_passes_and_one_byte_more_does_not() -> None:
    """The limit is 1 MiB with the header."""
    message = encode(FrameType.DATA, 1, bytes(MAX_PAYLOAD))
    assert len(message) == MAX_MESSAGE
    assert len(decode(message)[0].payload) == MAX_PAYLOAD
    with pytest.raises(ValueError, match="above"):
        encode(FrameType.DATA, 1, bytes(MAX_PAYLOAD + 1))


@given(st.text(max_size=60), st.text(max_size=300))
def test_resets_survive_the_wire(code: str, reason: str) -> None:
    """Code and reason come back; what is not UTF-8 text is replaced in a reason."""
    assert unpack_reset(pack_reset(code, reason)) == (code, reason)


@given(st.text(), st.text())
def test_texts_of_any_length_make_a_reset(code: str, reason: str) -> None:
    """A long code or reason is cut, without breaking the frame, even inside a character."""
    got_code, got_reason = unpack_reset(pack_reset(code * 30, reason * 300))
    assert (code * 30).startswith(got_code)
    assert (reason * 300).startswith(got_reason)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_reset_or_a_link_error(payload: bytes) -> None:
    """No RST payload does more harm than a LinkError."""
    try:
        code, reason = unpack_reset(payload)
    except LinkError:
        return
    assert isinstance(code, str)
    assert isinstance(reason, str)


def test_numbers_have_one_size() -> None:
    """A WINDOW or ACK frame of another size is refused by name."""
    assert unpack_number(b"\0\0\1\0", U32, "WINDOW") == 256
    assert unpack_number(bytes(7) + b"\x09", U64, "ACK") == 9
    for size in (0, 3, 5, 8):
        with pytest.raises(LinkError, match=f"WINDOW holds {size} bytes instead of 4"):
            unpack_number(bytes(size), U32, "WINDOW")
