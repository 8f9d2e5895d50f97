"""Small files of a job folder: written whole or not at all, 0600 whatever the umask."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from radical_edge_core.crash_points import crash_point
from radical_edge_core.errors import NoRoom


@contextmanager
def room_in(path: Path) -> Iterator[None]:
    """Turn *disk full* and *quota used up* into ``NoRoom``."""
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoRoom(f"{path} has no room left: {exc.strerror}") from exc
        raise


def write_new(path: Path, content: bytes, *, durable: bool = False, mode: int = 0o600) -> None:
    """Make a file that was not there; ``durable``: it outlives a crash of the node."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        if durable:
            os.fsync(handle)
    finally:
        os.close(handle)


def write_document(path: Path, document: object, *, durable: bool = False) -> None:
    """Write JSON by rename: a reader sees the old document or the new one."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_new(partial, msgspec.json.encode(document), durable=durable)
        crash_point("document.partial")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def fill_document(path: Path, document: object, size: int) -> None:
    """
    Write JSON into a file that has ``size`` bytes already, filled up with blanks: works on a full disk.

    A reader may see half of it, which is no JSON; it looks again.
    """
    content = msgspec.json.encode(document)
    if len(content) >= size:
        raise ValueError(f"{path.name} has room for {size} bytes")
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(handle, content.ljust(size - 1) + b"\n", 0)
    finally:
        os.close(handle)


def read_document(path: Path) -> dict[str, object] | None:
    """Return the JSON object in ``path``; ``None`` where it is absent or no whole object."""
    try:
        document = msgspec.json.decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return document if isinstance(document, dict) else None


def sync_folder(path: Path) -> None:
    """Make names that were added to or removed from a folder outlive a crash of the node."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
