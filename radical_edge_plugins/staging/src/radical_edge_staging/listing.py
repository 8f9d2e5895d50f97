"""What is in a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from radical_edge_core.errors import BadRequest
from radical_edge_staging import faults, folders
from radical_edge_staging.models import Entry, EntryType, Listing
from radical_edge_staging.paths import Located, locate


def list_folder(located: Located, roots: Sequence[str], limit: int) -> Listing:
    """
    Return the entries of a folder by name, at most ``limit`` of them; blocks.

    Raises:
        NotFound: There is no such folder.
        BadRequest: It is no folder.
    """
    with faults.told(located.shown), folders.folder(located.root, located.parts[:-1]) as above:
        last = located.parts[-1] if located.parts else "."
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(last, flags, dir_fd=above)
        try:
            names = sorted(os.listdir(descriptor))  # noqa: PTH208 - of a descriptor, which Path has not
            entries = tuple(_entry(located, roots, descriptor, name) for name in names[:limit])
        finally:
            os.close(descriptor)
    return Listing(path=located.shown, entries=entries, truncated=len(names) > limit)


def _entry(located: Located, roots: Sequence[str], descriptor: int, name: str) -> Entry:
    kind, size = _describe(located, roots, descriptor, name)
    return Entry(name=os.fsencode(name).decode("utf-8", "backslashreplace"), type=kind, size=size)


def _describe(located: Located, roots: Sequence[str], descriptor: int, name: str) -> tuple[EntryType, int]:
    try:
        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            # What lies outside the roots stays unknown, also by way of a link.
            target = locate(f"{located.real}/{name}", roots)
            found = Path(target.real).lstat()
    except (OSError, BadRequest):  # gone in this instant, or leading nowhere
        return "unknown", 0
    if stat.S_ISDIR(found.st_mode):
        return "dir", 0
    return ("file", found.st_size) if stat.S_ISREG(found.st_mode) else ("unknown", 0)
