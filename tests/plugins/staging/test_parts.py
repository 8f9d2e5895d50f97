"""What is kept of a transfer: opened, locked and swept while others are at it too."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from radical_edge_staging import parts

NAME = f"{parts.UPLOAD}x{parts.SUFFIX}"


@pytest.fixture
def folder(root: Path) -> Iterator[int]:
    """A descriptor of the folder, as the plugin has it."""
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)
    (root / NAME).unlink(missing_ok=True)


@pytest.mark.parametrize("what", ["gone", "another"])
def test_a_part_that_is_taken_away_before_it_is_locked_is_opened_anew(
    root, folder, monkeypatch, what
) -> None:
    """Whoever held it may have named or removed it in that instant; what is locked is what the name stands for."""
    lock = fcntl.flock
    hits = 0

    def late(part: int, how: int) -> None:
        nonlocal hits
        hits += 1
        if hits < 3:
            (root / NAME).rename(root / f"taken {hits}")
            if what == "another":
                (root / NAME).write_bytes(b"new")
        lock(part, how)

    monkeypatch.setattr(fcntl, "flock", late)
    part = parts.opened(NAME, folder, create=True)
    assert hits == 3
    assert os.path.samestat(os.fstat(part), (root / NAME).stat())
    os.close(part)


def test_a_part_that_never_stays_is_busy(root, folder, monkeypatch) -> None:
    """Nobody tries without an end."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: (root / NAME).unlink())
    with pytest.raises(BlockingIOError):
        parts.opened(NAME, folder, create=True)


def test_a_lock_ends_with_its_descriptor(folder) -> None:
    """One holds it at a time, within one process too."""
    part = parts.opened(NAME, folder, create=True)
    with pytest.raises(BlockingIOError):
        parts.opened(NAME, folder, create=False)
    os.close(part)
    os.close(parts.opened(NAME, folder, create=False))


def test_what_is_missing_is_made_only_where_asked_for(root, folder) -> None:
    """With the mode that was asked for."""
    with pytest.raises(FileNotFoundError):
        parts.opened(NAME, folder, create=False)
    os.close(parts.opened(NAME, folder, create=True))
    assert (root / NAME).stat().st_mode & 0o777 == 0o600


def test_texts_are_told_apart() -> None:
    """However they are cut, and whatever is in them."""
    names = {
        parts.digest_of("a", "bc"),
        parts.digest_of("ab", "c"),
        parts.digest_of("abc"),
        parts.digest_of("\udc80"),
    }
    assert len(names) == 4
