"""
How full the file systems are.

Each one is asked in a thread of its own, so that a dead mount costs its own entry and none of the others.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from radical_edge_sysinfo.models import Disk, DiskType
from radical_edge_sysinfo.outcome import Outcome
from radical_edge_sysinfo.probes.blockdevice import rotational
from radical_edge_sysinfo.probes.mounts import Mount, storage_mounts
from radical_edge_sysinfo.workers import Workers

# More than that on one host are an automounter's, one for each user; the list stays readable.
MAX_MOUNTS = 128

Usage = Callable[[Mount], tuple[int, int, float] | None]


def usage(mount: Mount) -> tuple[int, int, float] | None:
    """Return total and used bytes and the percentage, ``None`` where it is a single file or has no size."""
    if not stat.S_ISDIR(Path(mount.mount).stat().st_mode):
        return None
    found = psutil.disk_usage(mount.mount)
    return (found.total, found.used, float(found.percent)) if found.total else None


def read_disks(
    workers: Workers,
    deadline_s: float,
    *,
    usage: Usage = usage,
    mountinfo: Path = Path("/proc/self/mountinfo"),
    sys: Path = Path("/sys"),
) -> Outcome[tuple[Disk, ...]]:
    """Ask every mounted file system; one that does not answer in time is a gap."""
    mounts = storage_mounts(mountinfo.read_text("utf-8", "surrogateescape"))
    gaps = [f"{len(mounts) - MAX_MOUNTS} more mounts not asked"] if len(mounts) > MAX_MOUNTS else []
    asked = {mount.mount: mount for mount in mounts[:MAX_MOUNTS]}
    answers, reasons = workers.fan_out(
        {f"disk {path}": partial(usage, mount) for path, mount in asked.items()}, deadline_s
    )
    gaps += [f"{name.removeprefix('disk ')}: {reason}" for name, reason in reasons.items()]
    disks = tuple(
        _disk(mount, answer, sys)
        for path, mount in asked.items()
        if (answer := answers.get(f"disk {path}")) is not None
    )
    return Outcome(disks, tuple(gaps))


def _disk(mount: Mount, answer: tuple[int, int, float], sys: Path) -> Disk:
    total, used, percent = answer
    return Disk(
        mount=_printable(mount.mount),
        device=_printable(mount.device),
        fstype=mount.fstype,
        type=disk_type(mount, sys),
        total=total,
        used=used,
        percent=percent,
    )


def disk_type(mount: Mount, sys: Path = Path("/sys")) -> DiskType:
    """Return the kind of storage that the mount lies on."""
    if mount.shared:
        return "shared"
    spins = rotational(mount.number, mount.device, sys)
    if spins is None:
        return "local unknown" if mount.local else "unknown"
    return "local hdd" if spins else "local ssd"


def _printable(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
