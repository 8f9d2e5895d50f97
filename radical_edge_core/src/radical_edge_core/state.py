"""
The state folder: ``RADICAL_EDGE_HOME`` (default ``~/.radical/edge``), with ``bridge/`` and ``edges/<name>/`` in it.

Folders are 0700 and files 0600 by the mode given at creation, never by the umask.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from radical_edge_core.errors import NoRoom

ADMIN_TOKEN = "admin.token"  # noqa: S105 - a file's name
JOIN_TOKEN = "join.token"  # noqa: S105 - a file's name
BRIDGE_URL = "bridge.url"
BRIDGE_CERT = "bridge.cert"
CREDENTIAL = "credential"
_NO_ROOM = {28, 122}  # ENOSPC, EDQUOT


def home_folder(environ: Mapping[str, str]) -> Path:
    """Return the state folder that the environment names."""
    return Path(environ.get("RADICAL_EDGE_HOME") or "~/.radical/edge").expanduser()


def private_folder(path: Path) -> Path:
    """Make a folder, and what is missing above it, that only its owner may enter, and return it."""
    # Not by `parents=True`, which makes those above with the default mode.
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """
    Write a small file of mode 0600 at once: readers see the old content or the new one.

    Raises:
        NoRoom: The disk or the quota is full.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        partial.replace(path)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        if exc.errno in _NO_ROOM:
            raise NoRoom(f"{path.parent} has no room left: {exc.strerror}") from exc
        raise


def read_secret(path: Path) -> str | None:
    """Return a secret file's content without surrounding blanks, ``None`` where it is absent or empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except FileNotFoundError:
        return None


def lasting_secret(path: Path) -> str:
    """Return the secret in ``path``; where there is none, make one (256 random bits) and keep it, 0600."""
    found = read_secret(path)
    if found is None:
        found = secrets.token_urlsafe(32)
        write_private(path, found + "\n")
    return found
