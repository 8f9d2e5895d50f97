"""The caller's own file: read to be sent, or written beside its target and then given its name."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import stat
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import anyio.to_thread
from attrs import frozen

from radical_edge_staging.parts import PREFIX, SUFFIX

CHUNK_BYTES = 256 * 1024


@frozen(kw_only=True)
class Source:
    """A local file that is to be sent: its size and the SHA-256 (hexadecimal) of its content."""

    path: Path
    size: int
    sha256: str

    async def chunks(self, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the content from an offset on."""
        with await anyio.to_thread.run_sync(self.path.open, "rb") as file:
            file.seek(offset)
            while chunk := await anyio.to_thread.run_sync(file.read, CHUNK_BYTES):
                yield chunk


def measure(path: Path) -> Source:
    """
    Read a local file once, for its size and hash; blocks.

    Raises:
        OSError: It is missing, not readable, or a directory.
        ValueError: It is a pipe or a device, which has no size.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(f"{path} is not a regular file")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Source(path=path, size=file.tell(), sha256=sha256)


class Target:
    """
    A local file in the making; all methods block.

    Args:
        path: The target.
        opened: The descriptor of the part to write to, where there is one already.
        part: Its path.

    Raises:
        FileExistsError: The target is there already.
    """

    def __init__(self, path: Path, opened: int | None = None, part: Path | None = None) -> None:
        self._path = path
        self._part = part or path.with_name(f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}")
        if opened is not None:
            self._file = io.FileIO(opened, "r+")
            return
        self._check()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("xb", buffering=0)

    def renewed(self, etag: str | None) -> Target:  # noqa: ARG002 - for targets that remember it
        """Return what to write to when all comes anew, from a source in this state; `commit` sees to the size."""
        return self

    def write(self, chunk: bytes, offset: int) -> None:
        """Put a chunk at its place."""
        view, done = memoryview(chunk), 0
        while done < len(view):
            done += os.pwrite(self._file.fileno(), view[done:], offset + done)

    def commit(self, size: int) -> None:
        """
        Give the file its name, with exactly ``size`` bytes; what another put there meanwhile is not
        replaced.
        """
        os.ftruncate(self._file.fileno(), size)
        self._file.close()
        try:
            self._path.hardlink_to(self._part)
        except FileExistsError:
            raise self._taken() from None
        except OSError:  # no hard links on this file system
            self._check()
            self._part.rename(self._path)

    def close(self) -> None:
        """Leave nothing behind but what `commit` named."""
        self._file.close()
        with suppress(FileNotFoundError):
            self._part.unlink()

    def _check(self) -> None:
        if os.path.lexists(self._path):
            raise self._taken()

    def _taken(self) -> FileExistsError:
        return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self._path))
