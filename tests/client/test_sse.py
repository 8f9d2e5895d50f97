"""The event parser, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_client.errors import NotABridge
from radical_edge_client.sse import LARGEST, ServerEvent, SseParser

STREAM = (
    "\ufeffid: e.1\ndata: one\n\n"
    ": a comment\n\n"
    "event: told\nid: e.2\ndata: first line\ndata:second line\ndata\n\n"
    "retry: 10\nid\ndata:  zwölf €\n\n"
    "id: e.3\n\n"
    "data: no id of its own\n\n"
    "data: never finished\n"
)
EVENTS = [
    ServerEvent(data="one", id="e.1"),
    ServerEvent(data="first line\nsecond line\n", event="told", id="e.2"),
    ServerEvent(data=" zwölf €", id=""),
    ServerEvent(data="no id of its own"),
]


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_a_stream_may_be_cut_anywhere(ending: str) -> None:
    """However the bytes are cut, the same events come out, for each kind of line end."""
    raw = STREAM.replace("\n", ending).encode()
    cuts = [[raw[:at], raw[at:]] for at in range(len(raw) + 1)]
    cuts.append([raw[at : at + 1] for at in range(len(raw))])
    for parts in cuts:
        parser = SseParser()
        assert [event for part in parts for event in parser.feed(part)] == EVENTS
        assert parser.last_id == "e.3"


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_no_bytes_break_the_parser(parts: list[bytes]) -> None:
    """Whatever comes, and however it is cut, the events are those of the whole."""
    parser = SseParser()
    found = [event for part in parts for event in parser.feed(part)]
    assert found == SseParser().feed(b"".join(parts))


@given(st.text().filter(lambda text: "\r" not in text and "\0" not in text))
def test_data_survives(text: str) -> None:
    """Any text written as data lines is read as written."""
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    assert SseParser().feed(f"{lines}\n".encode()) == [ServerEvent(data=text)]


def test_an_endless_event_is_refused() -> None:
    """Memory is bounded: something that never ends an event is no bridge."""
    parser = SseParser()
    for _ in range(LARGEST // 65536 - 1):
        assert parser.feed(b"data: " + b"x" * 65536 + b"\n") == []
    with pytest.raises(NotABridge):
        parser.feed(b"data: " + b"x" * 131072 + b"\n")


def test_an_id_with_a_null_is_ignored() -> None:
    """Such an id can't be sent back in a header."""
    assert SseParser().feed(b"id: a\0b\ndata: x\n\n") == [ServerEvent(data="x")]
