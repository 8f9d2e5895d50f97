"""
Whether a block device spins.

The kernel says so per disk, in ``queue/rotational``. A partition's answer is its disk's, a device-mapper or
md device's that of what lies below it: one spinning part makes the whole wait for it.

Source: Documentation/ABI/stable/sysfs-block of Linux.
"""

from __future__ import annotations

import os
from pathlib import Path

from radical_edge_sysinfo.probes.files import read_text

_MAX_DEPTH = 8


def rotational(number: str, device: str, sys: Path = Path("/sys")) -> bool | None:
    """
    Tell whether the device spins, ``None`` where the kernel does not say.

    Args:
        number: The mounted device's major:minor.
        device: Its name, followed where the number is an anonymous one (btrfs, zfs).
        sys: Where sysfs is mounted.
    """
    for link in (sys / "dev/block" / number, sys / "class/block" / Path(os.path.realpath(device)).name):
        if link.exists():
            return _spins(Path(os.path.realpath(link)), _MAX_DEPTH)
    return None


def _spins(folder: Path, depth: int) -> bool | None:
    slaves = folder / "slaves"
    below = sorted(slaves.iterdir()) if slaves.is_dir() else []
    if below and depth:
        answers = [_spins(Path(os.path.realpath(link)), depth - 1) for link in below]
        if True in answers:
            return True
        return None if None in answers else False
    for place in (folder, folder.parent):  # a partition's folder lies in its disk's
        if (text := read_text(place / "queue/rotational")) is not None:
            return text == "1"
    return None
