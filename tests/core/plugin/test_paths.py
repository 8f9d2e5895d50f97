"""Paths as segments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_core.errors import InvalidRequest
from radical_edge_core.plugin.paths import canonical_path, raw_path, template_segments

SEGMENT = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda text: text not in {".", ".."})


@given(st.lists(SEGMENT, max_size=5))
def test_what_is_written_is_read(segments: list[str]) -> None:
    """Any segments survive being written as a path, slashes and percent signs included."""
    assert canonical_path(raw_path(segments).encode()) == segments


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No path crashes the reader; what it reads is canonical when written again."""
    try:
        segments = canonical_path(raw)
    except InvalidRequest:
        return
    assert canonical_path(raw_path(segments).encode()) == segments
    assert not {"", ".", ".."} & set(segments)


def test_a_segment_is_decoded_once() -> None:
    """What was escaped twice stays escaped once."""
    assert canonical_path(b"/a%2Fb/%252e%252e/c") == ["a/b", "%2e%2e", "c"]
    assert canonical_path(b"") == canonical_path(b"/") == []


@pytest.mark.parametrize(
    "raw", [b"//", b"/a//b", b"/a/", b"/%2e", b"/.%2E", b"/a%00", b"/%", b"/%f", b"/%gg"]
)
def test_what_names_nothing_is_refused(raw: bytes) -> None:
    """Each has its reason in the text."""
    with pytest.raises(InvalidRequest):
        canonical_path(raw)


def test_templates() -> None:
    """A template is literals and names in braces."""
    assert template_segments("status/{sid}/{job_id}") == ("status", "{sid}", "{job_id}")
    for wrong in ("", "/a", "a/", "a//b", "a-b", "{}", "{1}", "a{b}", "a/{b}c", "ä"):
        assert template_segments(wrong) is None
