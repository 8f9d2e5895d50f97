"""What travels: attrs classes, from which parsing, schemas, forms and tables are made."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Note:
    """
    One note.

    Attributes:
        id: Number of the note in its session, from 1.
        text: What it says.
        tags: Words to find it by.
    """

    id: int
    text: str
    tags: tuple[str, ...] = ()


@frozen(kw_only=True)
class NoteList:
    """Some notes, in the order they were added."""

    notes: tuple[Note, ...]


@frozen(kw_only=True)
class Removed:
    """Which note was removed."""

    id: int


@frozen(kw_only=True)
class Capacity:
    """How many notes one session may hold."""

    max_notes: int


@frozen(kw_only=True)
class Kept:
    """What a session keeps over a restart of the edge."""

    last_id: int
    notes: tuple[Note, ...]
