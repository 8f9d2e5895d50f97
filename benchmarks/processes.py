"""What the kernel knows about a process: the CPU time it used, and the memory it held at most."""

from __future__ import annotations

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the CPU time, user and system, of a process and of its children that have ended."""
    # The name in parentheses may hold blanks; what follows it does not. Source: proc(5), /proc/pid/stat.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS_PER_S


def forget_peak(pid: int) -> None:
    """Let the peak begin again at what is held now. Source: proc(5), /proc/pid/clear_refs, the value 5."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="utf-8")


def memory_mib(pid: int, field: str) -> float:
    """Return ``VmHWM`` (the peak) or ``VmRSS`` (now) of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc/{pid}/status has no {field}")
