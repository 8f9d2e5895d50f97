"""Small files of ``/proc`` and ``/sys``, whose absence is no error."""

from __future__ import annotations

from pathlib import Path


def read_text(path: Path) -> str | None:
    """Return the stripped content, or ``None`` where the file is not there or can't be read."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """Return the number in the file, or ``None``."""
    text = read_text(path)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
