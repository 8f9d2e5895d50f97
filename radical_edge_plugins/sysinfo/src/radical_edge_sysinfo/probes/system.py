"""The host itself."""

from __future__ import annotations

import platform
import socket
import time
from pathlib import Path

import psutil

from radical_edge_sysinfo.models import SystemInfo
from radical_edge_sysinfo.probes.files import read_text


def read_system(proc: Path = Path("/proc")) -> SystemInfo:
    """Read name, age, kernel and distribution of the host."""
    return SystemInfo(
        hostname=socket.gethostname(),
        uptime=_uptime_s(proc),
        kernel=platform.release(),
        arch=platform.machine(),
        os=_distribution(),
    )


def _uptime_s(proc: Path) -> float:
    # The kernel's own counter first: boot time and wall clock disagree after the clock was set.
    words = (read_text(proc / "uptime") or "").split()
    try:
        return float(words[0])
    except (IndexError, ValueError):
        return max(0.0, time.time() - float(psutil.boot_time()))


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()
