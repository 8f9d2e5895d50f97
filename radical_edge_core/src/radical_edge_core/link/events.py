"""What a mux tells its owner; plain tuples, since a small request makes only two or three of them."""

from __future__ import annotations

from typing import NamedTuple


class Opened(NamedTuple):
    """The peer opened a stream; ``fin``: the body is complete."""

    stream: int
    head: bytes
    body: bytes
    fin: bool


class Answered(NamedTuple):
    """The peer began its answer; with ``fin`` the answer is complete and the stream has ended."""

    stream: int
    head: bytes
    body: bytes
    fin: bool


class Data(NamedTuple):
    """More of the peer's body; ``fin`` ends it, and with an answer the stream."""

    stream: int
    data: bytes
    fin: bool


class Credit(NamedTuple):
    """The peer took bytes: ``Mux.credit`` of the stream has grown."""

    stream: int


class Reset(NamedTuple):
    """The stream ended before its answer was complete."""

    stream: int
    code: str
    reason: str


class Note(NamedTuple):
    """The payload of a NOTIFY frame."""

    payload: bytes


class Goodbye(NamedTuple):
    """The peer opens and takes no more streams; those there are go on to their end."""


MuxEvent = Opened | Answered | Data | Credit | Reset | Note | Goodbye
