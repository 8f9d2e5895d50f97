"""How long job folders stay: by age and by size, and never one that is in use."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

from radical_edge_core.jobs.folder import JobFolder

log = logging.getLogger(__name__)
_GONE = ".gone-"
_UNFINISHED_S = 3600.0


@frozen(kw_only=True)
class Keep:
    """
    What is kept.

    Attributes:
        age_s: A folder goes that long after its job ended.
        total_bytes: Beyond that, the folders of the jobs that ended first go.
    """

    age_s: float
    total_bytes: int


def folders_in(root: Path) -> Iterator[JobFolder]:
    """Yield the job folders below ``root``; what can't be read is left alone and logged."""
    if not root.is_dir():
        return
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or not (path / "spec.json").exists():
            continue
        try:
            yield JobFolder.open(path)
        except (ValueError, OSError) as exc:
            log.warning("job folder skipped: %s", exc)


def expired(finished: Iterable[tuple[JobFolder, float]], keep: Keep, *, now: float) -> list[JobFolder]:
    """
    Return the folders that need not be kept; blocking.

    Args:
        finished: Folders whose jobs are over, each with the time its job ended.
        keep: The bounds.
        now: The time, by the clock of the ended-at times.
    """
    held, found = 0, []
    for folder, ended_at in sorted(finished, key=lambda pair: pair[1], reverse=True):
        held += size_of(folder.path)
        if now - ended_at > keep.age_s or held > keep.total_bytes:
            found.append(folder)
    return found


def remove(folder: JobFolder) -> None:
    """Remove one folder; half removed, it is no job folder any more."""
    gone = folder.path.with_name(_GONE + folder.job_id)
    folder.path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def size_of(path: Path) -> int:
    """Return how much a folder's own files hold; not what links in it lead to."""
    total = 0
    for found in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += found.lstat().st_size
    return total


def sweep(root: Path) -> None:
    """Remove what interrupted removals left, and makings that were cut off an hour ago; blocking."""
    if not root.is_dir():
        return
    for path in root.iterdir():
        cut_off = path.is_dir() and not (path / "spec.json").exists()
        if path.name.startswith(_GONE) or (cut_off and time.time() - path.stat().st_mtime > _UNFINISHED_S):
            shutil.rmtree(path, ignore_errors=True)
