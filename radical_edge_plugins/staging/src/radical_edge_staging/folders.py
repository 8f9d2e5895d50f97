"""Opening what `locate` found, component by component and through no link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from radical_edge_core.errors import BadRequest
from radical_edge_staging.paths import Located

# O_PATH needs no permission to read a folder, only to pass through it, as home directories of others often
# allow.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def folder(root: str, parts: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """
    Open a folder below a root and yield its descriptor, for use as ``dir_fd``.

    Args:
        root: A resolved path.
        parts: Components below it, none of them a link.
        create: Make what is missing, with the process's umask.

    Raises:
        OSError: A component is missing, no folder, or a link.
    """
    descriptor = os.open(root, _FOLDER)
    try:
        for part in parts:
            below = _step(descriptor, part, create=create)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def parent(located: Located, *, create: bool = False) -> Iterator[tuple[int, str]]:
    """
    Open the folder that holds a path and yield its descriptor and the path's last component.

    Raises:
        BadRequest: The path is a root, which is a folder and lies in none that may be used, or is written like one.
    """
    if not located.parts or located.shown.endswith(("/", "/.")):
        raise BadRequest(f"{located.shown}: it is a directory", path=located.shown, reason="is_a_directory")
    with folder(located.root, located.parts[:-1], create=create) as descriptor:
        yield descriptor, located.parts[-1]


def existing(located: Located, descriptor: int, name: str) -> os.stat_result | None:
    """
    Return the state of a regular file, ``None`` where there is nothing.

    Raises:
        BadRequest: It is a directory, or a pipe, a device, a socket or a link, which are not opened at all.
    """
    try:
        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise BadRequest(f"{located.shown}: it is a directory", path=located.shown, reason="is_a_directory")
    if not stat.S_ISREG(found.st_mode):
        raise BadRequest(
            f"{located.shown}: it is {_kind(found.st_mode)}, not a file",
            path=located.shown,
            reason="special_file",
        )
    return found


def _step(descriptor: int, part: str, *, create: bool) -> int:
    try:
        return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):  # somebody else made it in this instant
        os.mkdir(part, dir_fd=descriptor)
    return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISLNK, "a symbolic link"),
    )
    return next((name for test, name in kinds if test(mode)), "something special")
