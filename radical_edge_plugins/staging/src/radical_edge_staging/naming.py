"""
Giving a file the name of its target, in one step.

It is done by a hard link where the name must be free, since that can't replace what another put there meanwhile, and
by a rename where it may be taken. Where a file system has no hard links the name is claimed by an empty file first.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from radical_edge_core.errors import Conflict
from radical_edge_staging import folders
from radical_edge_staging.paths import Located

# What link(2) answers on file systems without hard links, and on AFS and some FUSE ones.
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


def take_name(located: Located, folder: int, temporary: str, name: str, *, overwrite: bool) -> None:
    """
    Let a file take its target's name; when this returns, the name is on the disk.

    Args:
        located: The target.
        folder: A descriptor of the folder that holds both.
        temporary: The name that the file has.
        name: The name that it gets.
        overwrite: Whether an existing file is replaced.

    Raises:
        Conflict: The name was taken meanwhile, and may not be replaced.
        OSError: The file system does not do it.
    """
    if overwrite:
        folders.existing(located, folder, name)  # a folder or pipe may have appeared
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        try:
            _link(folder, temporary, name)
        except FileExistsError:
            raise taken(located) from None
    _sync(folder)


def taken(located: Located) -> Conflict:
    """Return the error of a target that exists."""
    return Conflict(
        f"{located.shown}: it exists already; say overwrite=true to replace it",
        path=located.shown,
        reason="exists",
    )


def umask() -> int:
    """
    Return the process's umask.

    The system call that reads it sets it too, for all threads; the kernel's own file does not.
    """
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o077  # a kernel older than 4.7: the narrowest is the safe guess


def _link(folder: int, temporary: str, name: str) -> None:
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, 0o600, dir_fd=folder))
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.unlink(temporary, dir_fd=folder)


def _sync(folder: int) -> None:
    # Not every file system can, and not every folder that can be written can be read.
    with suppress(OSError):
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
