"""What the operations answer; sizes are bytes."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

EntryType = Literal["file", "dir", "unknown"]


@frozen(kw_only=True)
class Stored:
    """A file that was written, under the name that the caller gave, with ``~`` written out."""

    path: str
    size: int


@frozen(kw_only=True)
class Content:
    """A file's whole content in base64."""

    path: str
    size: int
    content: str


@frozen(kw_only=True)
class Entry:
    """One name in a folder; ``size`` is 0 for what is no file. A link counts as what it leads to."""

    name: str
    type: EntryType
    size: int


@frozen(kw_only=True)
class Listing:
    """A folder's entries by name; ``truncated`` says that there are more than the answer may hold."""

    path: str
    entries: tuple[Entry, ...]
    truncated: bool = False


@frozen(kw_only=True)
class Partial:
    """
    What is there of an upload that broke off: so many bytes are kept.

    ``whole`` says that the target itself has the content already.
    """

    path: str
    received: int
    whole: bool


@frozen(kw_only=True)
class Received:
    """A file that was streamed, with the SHA-256 (hexadecimal) of the bytes that are now in it."""

    path: str
    size: int
    sha256: str
