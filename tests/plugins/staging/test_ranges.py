"""Parts of files, as RFC 9110 asks for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_core.errors import RangeNotSatisfiable
from radical_edge_staging.ranges import Part, parse_range, range_holds

sizes = st.integers(0, 10_000)
numbers = st.integers(0, 12_000)


@given(sizes, numbers, numbers)
def test_a_range_is_the_slice_that_it_names(size: int, first: int, last: int) -> None:
    """Both ends are included; what lies beyond the end is cut off."""
    data = range(size)
    if first > last:
        assert parse_range(f"bytes={first}-{last}", size) is None
    elif first >= size:
        with pytest.raises(RangeNotSatisfiable):
            parse_range(f"bytes={first}-{last}", size)
    else:
        part = parse_range(f"bytes={first}-{last}", size)
        assert part is not None
        assert data[part.first : part.last + 1] == data[first : last + 1]
        assert part.length == len(data[first : last + 1])


@given(sizes, numbers)
def test_an_open_range_goes_to_the_end(size: int, first: int) -> None:
    """From an offset on, as a transfer that goes on asks for."""
    if first >= size:
        with pytest.raises(RangeNotSatisfiable) as raised:
            parse_range(f"bytes={first}-", size)
        assert raised.value.data["size"] == size
    else:
        assert parse_range(f"bytes={first}-", size) == Part(first, size - 1)


@given(sizes, numbers)
def test_a_suffix_is_the_end(size: int, length: int) -> None:
    """The last bytes, all of them if there are fewer."""
    if not length or not size:
        with pytest.raises(RangeNotSatisfiable):
            parse_range(f"bytes=-{length}", size)
    else:
        assert parse_range(f"bytes=-{length}", size) == Part(max(0, size - length), size - 1)


@given(st.none() | st.text() | st.from_regex(r"bytes=[-0-9, ]*", fullmatch=True), sizes)
def test_whatever_the_header_says_the_part_lies_inside(header: str | None, size: int) -> None:
    """No text breaks the parser, and no part reaches beyond the file."""
    try:
        part = parse_range(header, size)
    except RangeNotSatisfiable:
        return
    assert part is None or 0 <= part.first <= part.last < size


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "lines=1-2",
        "bytes=1-2,5-6",
        "bytes=x-",
        "bytes=" + "9" * 50 + "-",
    ],
)
def test_what_is_no_single_range_is_the_whole_file(header) -> None:
    """As the RFC allows."""
    assert parse_range(header, 10) is None


def test_units_are_read_in_any_case_and_with_spaces() -> None:
    """As other clients write them."""
    assert parse_range("Bytes = 1 - 2", 10) == Part(1, 2)


@pytest.mark.parametrize(
    ("if_range", "holds"),
    [
        (None, True),
        ('"a-1"', True),
        (' "a-1" ', True),
        ('W/"a-1"', False),
        ('"b-1"', False),
        ("Sat, 01 Jan 2028 00:00:00 GMT", False),
    ],
)
def test_a_range_stands_only_for_the_same_file(if_range, holds) -> None:
    """A validator that differs, is weak, or is a date brings the whole file."""
    assert range_holds(if_range, '"a-1"') is holds
