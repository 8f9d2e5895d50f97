"""
Writing a file so that it is there as a whole or not at all.

The bytes go into a file of mode 0600 beside the target, which gets its final mode, reaches the disk and
then takes the target's name.

All methods block and are for worker threads; a lock lets them be called from any, so that a cleaning up can
follow a write that a cancelled caller left behind in its thread.

What a resumable upload wrote stays when it breaks off, under a name that `partials` makes, and is taken up by the
next upload of the same content to the same target.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress

from radical_edge_core.crash_points import crash_point
from radical_edge_core.errors import Conflict, Forbidden, InvalidRequest
from radical_edge_staging import faults, folders, parts
from radical_edge_staging.config import MIB
from radical_edge_staging.models import Received
from radical_edge_staging.naming import take_name, taken, umask
from radical_edge_staging.partials import Resumption, part_name
from radical_edge_staging.paths import Located


class Upload:
    """
    A file in the making; `commit` or `abort` ends it.

    Args:
        located: The target.
        overwrite: Whether an existing file is replaced; its permission bits are kept.
        resumption: Where it goes on, for one of which is kept what came.

    Attributes:
        ended: Whether `commit` or `abort` is done.

    Raises:
        EdgeError: The target exists, is no file, or can't be written there.
        Conflict: The same upload is under way (``busy``), or less is kept than ``resumption`` says (``offset``).
    """

    def __init__(self, located: Located, *, overwrite: bool, resumption: Resumption | None = None) -> None:
        self._located = located
        self._overwrite = overwrite
        self._lock = threading.Lock()
        self._hash = hashlib.sha256()
        self._size = self._begun = 0
        self._kept = resumption is not None
        self._torn = False
        self.ended = False
        with faults.told(located.shown), ExitStack() as stack:
            self._folder, self._name = stack.enter_context(folders.parent(located, create=True))
            self._mode = self._final_mode()
            if resumption is None:
                self._temporary = f"{parts.PREFIX}{secrets.token_hex(8)}{parts.SUFFIX}"
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = os.open(self._temporary, flags, 0o600, dir_fd=self._folder)
                stack.callback(os.close, self._file)
            else:
                self._temporary = part_name(resumption.sha256, self._name)
                self._file = self._opened()
                stack.callback(os.close, self._file)
                self._take_up(resumption.offset)
            self._stack = stack.pop_all()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append; raises ``NoRoom`` where the disk or the quota is full."""
        with self._lock, faults.told(self._located.shown):
            if not self.ended:  # else the caller left before this began
                self._append(data)

    def commit(self, sha256: str | None = None) -> Received:
        """
        Give the file its name; when this returns, its bytes and its name are on the disk.

        Args:
            sha256: What the bytes must hash to, in hexadecimal.

        Raises:
            InvalidRequest: They hash to something else.
            Conflict: The name was taken meanwhile, and may not be replaced.
        """
        with self._lock, faults.told(self._located.shown):
            found = self._hash.hexdigest()
            if sha256 is not None and sha256.lower() != found:
                self._kept = False  # nothing right can come of it
                raise InvalidRequest(
                    f"{self._located.shown}: what arrived has SHA-256 {found}, not {sha256}; send it again",
                    path=self._located.shown,
                    sha256=found,
                )
            os.fchmod(self._file, self._mode)
            os.fsync(self._file)
            crash_point("upload.partial")
            take_name(self._located, self._folder, self._temporary, self._name, overwrite=self._overwrite)
            crash_point("upload.named")
            self._end()
        return Received(path=self._located.shown, size=self._size, sha256=found)

    def abort(self, pending: Iterable[tuple[int, bytes | bytearray]] = ()) -> None:
        """
        Leave nothing behind, or of a resumable upload what came; does nothing after `commit`, and is safe to
        repeat.

        Args:
            pending: What came and may not have been written yet: pieces, each with the number of bytes of this
                upload's body before it.
        """
        with self._lock:
            if not self.ended:
                with suppress(OSError):
                    if self._kept:
                        self._keep(pending)
                with suppress(OSError):
                    if not self._kept or not os.fstat(self._file).st_size:
                        os.unlink(self._temporary, dir_fd=self._folder)
                self._end()

    def _keep(self, pending: Iterable[tuple[int, bytes | bytearray]]) -> None:
        os.fchmod(self._file, 0o600)  # it may have got its final mode already
        for at, data in pending:
            # Elsewhere than at the end it is written already, or the one before it is not.
            if not self._torn and self._begun + at == self._size:
                self._append(data)

    def _opened(self) -> int:
        try:
            return parts.opened(self._temporary, self._folder, create=True)
        except BlockingIOError:
            raise Conflict(
                f"{self._located.shown}: the same upload is under way already",
                path=self._located.shown,
                reason="busy",
            ) from None

    def _take_up(self, offset: int) -> None:
        """Hash what is kept, up to ``offset``, and stand behind it."""
        there = os.fstat(self._file).st_size
        if offset > there:
            if not there:
                os.unlink(self._temporary, dir_fd=self._folder)
            raise Conflict(
                f"{self._located.shown}: {there} bytes are kept of it, so it can't go on at {offset}",
                path=self._located.shown,
                reason="offset",
                received=there,
            )
        os.fchmod(self._file, 0o600)  # a crash may have come after it got its final mode
        os.ftruncate(self._file, offset)
        while data := os.read(self._file, MIB):
            self._hash.update(data)
            self._size += len(data)
        self._begun = self._size
        parts.sweep(self._folder, parts.UPLOAD)

    def _append(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        self._torn = True  # until all of it is written
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._torn = False
        self._hash.update(data)
        self._size += len(data)

    def _final_mode(self) -> int:
        found = folders.existing(self._located, self._folder, self._name)
        if found is None:
            return 0o666 & ~umask()
        if not self._overwrite:
            raise taken(self._located)
        if not os.access(self._name, os.W_OK, dir_fd=self._folder, effective_ids=True):
            raise Forbidden(
                f"{self._located.shown}: it exists and is not writable",
                path=self._located.shown,
                reason="permission",
            )
        return found.st_mode & 0o777

    def _end(self) -> None:
        self.ended = True
        self._stack.close()
