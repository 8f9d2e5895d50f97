"""Numbers, times and sizes as schedulers print them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_core.schedulers import values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:00", 0), ("5:00", 300), ("1:02:03", 3723), ("2-00:00:00", 172800), ("1-12", 129600), ("1-12:30", 131400),
        ("90", 90), ("24:00:00", 86400), ("100:00:00", 360000), ("UNLIMITED", math.inf), ("infinite", math.inf),
        ("NOT_SET", None), ("INVALID", None), ("", None), ("N/A", None), ("soon", None), ("1:2:3:4", None),
    ],
)  # fmt: skip
def test_durations(text: str, expected: float | None) -> None:
    """SLURM's and PBS's forms."""
    assert values.seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795577246", 1795577246), ("0", None), ("N/A", None), ("NONE", None), ("Unknown", None), ("", None),
        ("2026-11-25T03:27:26", 1795577246), ("Wed Nov 25 03:27:26 2026", 1795577246),
        ("Nov 25 03:27:26 2026", 1795577246), ("Nov 25 03:27 2026", 1795577220),
    ],
)  # fmt: skip
def test_instants(text: str, expected: int | None) -> None:
    """Seconds, ISO 8601 and ctime, all in UTC."""
    assert values.epoch(text) == expected


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [("4000", "M", 4000), ("16000+", "M", 16000), ("1.5T", "M", 1572864), ("16777216kb", "", 16384), ("2gb", "", 2048),
     ("1048576b", "", 1), ("15.5G", "M", 15872), ("-", "M", None), (4000, "M", 4000)],
)  # fmt: skip
def test_sizes(text: object, unit: str, expected: int | None) -> None:
    """MiB."""
    assert values.size_mib(text, unit) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("4", 4), ("4+", 4), ("1-2", 1), ("2K", 2048), ("", None), ("n", None), (7, 7)]
)
def test_counts(text: object, expected: int | None) -> None:
    """Numbers of things."""
    assert values.count(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("5", 5), ("infinite", None), ("-1", None), ("", None)])
def test_limits(text: str, expected: int | None) -> None:
    """No limit is none."""
    assert values.limit(text) == expected


def test_minutes_count_begun_ones() -> None:
    """A limit is never told shorter than it is."""
    assert [values.minutes(each) for each in (60, 61, math.inf, None)] == [1, 2, None, None]


@pytest.mark.parametrize("digits", [19, 400, 5000])
def test_numbers_without_end_are_none(digits: int) -> None:
    """Nor do they raise."""
    text = "9" * digits
    for read in (values.seconds, values.epoch, values.count, values.size_mib):
        assert read(text) is None
        assert read(f"{text}K") is None


@given(st.text())
def test_nothing_raises(text: str) -> None:
    """Whatever stands in a cell."""
    for read in (values.seconds, values.epoch, values.count, values.limit, values.size_mib, values.names):
        read(text)
