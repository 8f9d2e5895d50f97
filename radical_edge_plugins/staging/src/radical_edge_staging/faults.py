"""What the operating system says of a file, as the error tree says it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from radical_edge_core.errors import (
    BadRequest,
    Conflict,
    EdgeError,
    Forbidden,
    NoRoom,
    NotFound,
    TooLarge,
    Unavailable,
)

_KINDS: dict[int, tuple[type[EdgeError], str, str]] = {
    errno.ENOENT: (NotFound, "missing", "there is no such file"),
    errno.EEXIST: (Conflict, "exists", "it exists already; say overwrite=true to replace it"),
    errno.ENOTDIR: (BadRequest, "not_a_directory", "not a directory"),
    errno.EISDIR: (BadRequest, "is_a_directory", "it is a directory"),
    errno.ELOOP: (BadRequest, "link", "a symbolic link appeared on the way to it, or links lead in a circle"),
    errno.ENAMETOOLONG: (BadRequest, "name_too_long", "its name is too long"),
    errno.EINVAL: (BadRequest, "invalid_name", "the file system takes no such name"),
    errno.EILSEQ: (BadRequest, "invalid_name", "the file system takes no such name"),
    errno.EACCES: (Forbidden, "permission", "the file system does not permit it"),
    errno.EPERM: (Forbidden, "permission", "the file system does not permit it"),
    errno.EROFS: (Forbidden, "read_only", "the file system is mounted read-only"),
    errno.ETXTBSY: (Conflict, "busy", "it is a program that runs at this moment"),
    errno.ENOSPC: (NoRoom, "no_space", "the file system is full"),
    errno.EDQUOT: (NoRoom, "quota", "the quota there is used up"),
    errno.EFBIG: (TooLarge, "file_size", "it grows larger than a file may be there"),
}


def of(error: OSError, path: str) -> EdgeError:
    """
    Return the error of the tree; one that is not known here counts as passing (a mount that went away, a
    disk's fault).

    Args:
        error: What the operating system says.
        path: The path as the caller knows it.
    """
    cls, reason, text = _KINDS.get(
        error.errno or 0, (Unavailable, "file_system", f"the file system failed: {error.strerror or error}")
    )
    return cls(f"{path}: {text}", path=path, reason=reason)


@contextmanager
def told(path: str) -> Iterator[None]:
    """Turn every ``OSError`` inside into an error of the tree."""
    try:
        yield
    except OSError as exc:
        raise of(exc, path) from exc
