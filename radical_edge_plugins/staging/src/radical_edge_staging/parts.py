"""
What is kept of a transfer that broke off: a file beside the target, until a later transfer goes on from there.

Its name is made from what is transferred, so that the later one, of another process too, finds it. While it is in
use it is locked by flock(2); file systems without locks are taken as they are. In a folder like ``/tmp`` others
may have put something at that name: only a regular file of this user's with no other name is written to.

All functions block.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import time
from contextlib import suppress

PREFIX = ".radical-edge-"
SUFFIX = ".part"
UPLOAD = f"{PREFIX}put-"
DOWNLOAD = f"{PREFIX}get-"
KEPT_S = 7 * 24 * 3600.0
_ATTEMPTS = 10
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


def digest_of(*texts: str) -> str:
    """Return one short name, in hexadecimal, for several texts."""
    joined = "\0".join(texts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:32]


def opened(name: str, folder: int, *, create: bool, mode: int = 0o600) -> int:
    """
    Open a part for reading and writing, and lock it.

    Args:
        name: Its name in the folder.
        folder: A descriptor.
        create: Make it where it is missing.
        mode: The permission bits of one that is made; the umask applies.

    Returns:
        A descriptor; closing it lets go of the lock.

    Raises:
        BlockingIOError: Another transfer holds it.
        PermissionError: What has that name is no regular file of this user's.
        OSError: It is missing, a link, or can't be opened.
    """
    # Not blocking, for the case that a pipe has that name.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    for _ in range(_ATTEMPTS):
        part = os.open(name, flags, mode, dir_fd=folder)
        try:
            if _taken(part, name, folder):
                return part
        except BaseException:
            os.close(part)
            raise
        os.close(part)
    raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), name)


def sweep(folder: int, prefix: str) -> None:
    """Remove the parts that nobody holds and nobody has written to for a week; what can't be removed stays."""
    with suppress(OSError):  # not every folder that can be written can be read
        listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            for name in os.listdir(listed):  # noqa: PTH208 - of a descriptor, which Path has not
                if name.startswith(prefix) and name.endswith(SUFFIX):
                    _remove_stale(name, folder)
        finally:
            os.close(listed)


def _taken(part: int, name: str, folder: int) -> bool:
    """Lock an open part; false where it is not, or should not be, what the name stands for."""
    state = os.fstat(part)
    if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno not in _NO_LOCKS:
            raise
    try:
        named = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:  # whoever held it is done with it
        return False
    if not os.path.samestat(named, os.fstat(part)):
        return False
    if named.st_nlink > 1:  # a crash left it as another name of a target, which must not be written to
        os.unlink(name, dir_fd=folder)
        return False
    return True


def _remove_stale(name: str, folder: int) -> None:
    with suppress(OSError):
        before = time.time() - KEPT_S
        if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime > before:
            return
        part = opened(name, folder, create=False)
        try:
            if os.fstat(part).st_mtime <= before:
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(part)
