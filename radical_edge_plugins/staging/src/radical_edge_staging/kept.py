"""A local file in the making whose bytes stay when the transfer fails, for a later one of the same source."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from radical_edge_staging import parts
from radical_edge_staging.localfile import Target

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LONGEST_ETAG = 90  # bytes; twice as many characters of a name that has 255


class KeptTarget(Target):
    """
    A local file in the making; its part's name tells which state of which source it holds.

    All methods block; use `found` or `made`.

    Attributes:
        etag: The state of the source.
        size: How many bytes were there when it was opened.
    """

    def __init__(self, path: Path, key: str, etag: str, folder: int, *, create: bool) -> None:
        self._key = key
        self.etag = etag
        self._done = False
        name = _name(key, etag)
        super().__init__(path, parts.opened(name, folder, create=create, mode=0o666), path.with_name(name))
        self.size = os.fstat(self._file.fileno()).st_size

    @classmethod
    def found(cls, path: Path, key: str) -> KeptTarget | None:
        """Return what an earlier transfer left, where there is something and nobody is at it."""
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for name in os.listdir(folder):  # noqa: PTH208 - of a descriptor, which Path has not
                    if (etag := _etag(name, key)) is not None:
                        with suppress(OSError):
                            return cls(path, key, etag, folder, create=False)
            finally:
                os.close(folder)
        return None

    @classmethod
    def made(cls, path: Path, key: str, etag: str | None) -> Target:
        """Return a new one; a plain one where this can't be kept: no validator, or somebody else is at it."""
        if etag is None or len(etag.encode()) > _LONGEST_ETAG:
            return Target(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            parts.sweep(folder, parts.DOWNLOAD)
            return cls(path, key, etag, folder, create=True)
        except FileExistsError:
            raise
        except OSError:
            return Target(path)
        finally:
            os.close(folder)

    def renewed(self, etag: str | None) -> Target:
        """Return what to write to when all comes anew; of another state of the source nothing is kept."""
        if etag == self.etag:
            return self
        self._done = True
        self.close()
        return self.made(self._path, self._key, etag)

    def commit(self, size: int) -> None:
        """Do as `Target` does; after this nothing is kept, also where the name is taken."""
        try:
            super().commit(size)
        except FileExistsError:
            self._done = True
            raise
        self._done = True

    def close(self) -> None:
        """Keep what came, unless `commit` was there."""
        if not self._done and self._part.exists() and self._part.stat().st_size:
            self._file.close()
        else:
            super().close()


def key_of(edge: str, src: str, path: Path) -> str:
    """
    Return what a part is found by.

    What the kernel had not written yet is lost with the machine's power, and leaves zeros; so a part counts until
    the machine starts anew.
    """
    boot = ""
    with suppress(OSError):
        boot = _BOOT_ID.read_text("ascii")
    return parts.digest_of(boot, edge, src, path.name)


def _name(key: str, etag: str) -> str:
    return f"{parts.DOWNLOAD}{key}-{etag.encode().hex()}{parts.SUFFIX}"


def _etag(name: str, key: str) -> str | None:
    start = f"{parts.DOWNLOAD}{key}-"
    if not name.startswith(start) or not name.endswith(parts.SUFFIX):
        return None
    try:
        return bytes.fromhex(name[len(start) : -len(parts.SUFFIX)]).decode()
    except ValueError:
        return None
