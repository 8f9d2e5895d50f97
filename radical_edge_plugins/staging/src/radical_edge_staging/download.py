"""Reading a file that was opened once, from any offset, by worker threads that may be left behind."""

from __future__ import annotations

import os
import stat
import threading
from email.utils import formatdate

from radical_edge_core.errors import BadRequest, EdgeLost, NotFound
from radical_edge_staging import faults, folders
from radical_edge_staging.paths import Located


class Download:
    """
    An open regular file, with its size at that instant.

    All methods but `close` block and are for worker threads.

    Raises:
        EdgeError: There is no such file, or it is a folder, a pipe, a device, or not readable.
    """

    def __init__(self, located: Located) -> None:
        self._shown = located.shown
        self._lock = threading.Lock()
        self._closing = False
        with faults.told(located.shown), folders.parent(located) as (folder, name):
            if folders.existing(located, folder, name) is None:
                raise NotFound(
                    f"{located.shown}: there is no such file", path=located.shown, reason="missing"
                )
            # Not blocking, for the case that a pipe took the file's place in this instant.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._file = os.open(name, flags, dir_fd=folder)
        self._state = os.fstat(self._file)
        if not stat.S_ISREG(self._state.st_mode):
            os.close(self._file)
            raise BadRequest(f"{located.shown}: it is not a file", path=located.shown, reason="special_file")

    @property
    def size(self) -> int:
        """How many bytes the file had when it was opened."""
        return self._state.st_size

    @property
    def etag(self) -> str:
        """A validator that changes whenever the file is written to."""
        return f'"{self._state.st_mtime_ns:x}-{self.size:x}"'

    @property
    def last_modified(self) -> str:
        """The time of the last change, as HTTP writes it."""
        return formatdate(self._state.st_mtime, usegmt=True)

    def read(self, offset: int, length: int) -> bytes:
        """
        Return exactly ``length`` bytes.

        Raises:
            EdgeLost: The file was cut shorter meanwhile; what was announced can't be kept.
        """
        with self._lock:
            try:
                return self._read(offset, length)
            finally:
                if self._closing:
                    os.close(self._file)
                    self._closing = False

    def close(self) -> None:
        """Let go of the file, called once; never blocks: a read that hangs does it when it ends."""
        if self._lock.acquire(blocking=False):
            try:
                os.close(self._file)
            finally:
                self._lock.release()
        else:
            self._closing = True

    def _read(self, offset: int, length: int) -> bytes:
        parts = []
        with faults.told(self._shown):
            while length:
                part = os.pread(self._file, length, offset)
                if not part:
                    raise EdgeLost(f"{self._shown}: it was cut shorter while it was read", path=self._shown)
                parts.append(part)
                offset, length = offset + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
