"""Text out of bytes, piece by piece."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from radical_edge_core.jobs.text import take_text

CUTS = st.lists(st.integers(0, 60), max_size=12)


@given(st.text(max_size=40), CUTS)
def test_text_read_in_pieces_is_the_text(text: str, cuts: list[int]) -> None:
    """However a stream is cut, the pieces add up, no character is split and none replaced."""
    data = text.encode()
    assert read_in_pieces(data, cuts) == text


@given(st.binary(max_size=40), CUTS)
def test_bytes_that_are_no_text_are_replaced_alike(data: bytes, cuts: list[int]) -> None:
    """Cut or not, the same text comes out, and every byte is taken once."""
    assert read_in_pieces(data, cuts) == data.decode(errors="replace")


def read_in_pieces(data: bytes, cuts: list[int]) -> str:
    """Read as a caller does: from the offset the last answer gave, to wherever the file ends by then."""
    offset, text = 0, ""
    for length in (*sorted(min(cut, len(data)) for cut in cuts), len(data)):
        part, taken = take_text(data[offset:length], final=False)
        assert offset + taken >= length - 3
        offset, text = offset + taken, text + part
    part, taken = take_text(data[offset:], final=True)
    assert offset + taken == len(data)
    return text + part
