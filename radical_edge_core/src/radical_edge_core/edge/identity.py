"""What a process and its machine are called."""

from __future__ import annotations

import platform
import socket
import time
from pathlib import Path

from attrs import frozen


@frozen(kw_only=True)
class HostIdentity:
    """
    Where an edge runs.

    Attributes:
        boot_id: Changes with every boot of the machine; empty where the system has none.
        started_at: When this process began, seconds since the epoch.
    """

    host: str
    boot_id: str
    started_at: float
    python: str
    system: str


def this_host() -> HostIdentity:
    """Return the identity of this process's machine."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot_id = ""
    return HostIdentity(
        host=socket.gethostname(),
        boot_id=boot_id,
        started_at=time.time(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
    )
