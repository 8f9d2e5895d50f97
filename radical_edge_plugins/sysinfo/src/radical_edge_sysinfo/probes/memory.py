"""Main memory."""

from __future__ import annotations

import psutil

from radical_edge_sysinfo.models import MemoryInfo


def read_memory() -> MemoryInfo:
    """Read what main memory there is and how much of it is in use."""
    memory = psutil.virtual_memory()
    return MemoryInfo(
        total=memory.total, available=memory.available, used=memory.used, percent=float(memory.percent)
    )
