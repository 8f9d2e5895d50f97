"""Uploads that broke off, as the edge's side knows them: what is kept, and where the next one goes on."""

from __future__ import annotations

import hashlib
import os
import re
import stat

from attrs import frozen

from radical_edge_core.errors import InvalidRequest
from radical_edge_staging import faults, folders, parts
from radical_edge_staging.config import MIB
from radical_edge_staging.download import Download
from radical_edge_staging.models import Partial
from radical_edge_staging.paths import Located

SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@frozen(kw_only=True)
class Resumption:
    """
    Where an upload goes on.

    Args:
        sha256: What the whole file must hash to, in hexadecimal.
        offset: How many bytes of what is kept count; what is behind them is sent anew.
    """

    sha256: str
    offset: int


def part_name(sha256: str, target: str) -> str:
    """Return the name of the part that is kept of some content for the file ``target`` beside it."""
    return f"{parts.UPLOAD}{parts.digest_of(sha256.lower(), target)}{parts.SUFFIX}"


def look(located: Located, sha256: str, size: int | None) -> Partial:
    """
    Tell what is there of an upload; blocks.

    Args:
        located: The target.
        sha256: What the whole file hashes to.
        size: Its size; only with it is a target that exists looked into.

    Raises:
        InvalidRequest: ``sha256`` is no such hash.
        BadRequest: The target is something else than a file.
    """
    if not SHA256.fullmatch(sha256):
        raise InvalidRequest(problems=[{"path": "$.sha256", "message": "expected 64 hexadecimal digits"}])
    received, whole = 0, False
    with faults.told(located.shown):
        try:
            with folders.parent(located) as (folder, name):
                received = _kept(part_name(sha256, name), folder)
                target = folders.existing(located, folder, name)
        except FileNotFoundError:  # nor is the folder
            target = None
    if target is not None and target.st_size == size:
        whole = _digest(located) == sha256.lower()
    return Partial(path=located.shown, received=received, whole=whole)


def _kept(name: str, folder: int) -> int:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return 0
    ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1
    return found.st_size if ours else 0


def _digest(located: Located) -> str:
    digest = hashlib.sha256()
    download = Download(located)
    try:
        for offset in range(0, download.size, MIB):
            digest.update(download.read(offset, min(MIB, download.size - offset)))
    finally:
        download.close()
    return digest.hexdigest()
