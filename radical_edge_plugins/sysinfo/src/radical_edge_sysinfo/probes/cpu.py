"""
The processors and how busy they are.

psutil's own ``cpu_percent`` keeps its last sample per thread, and every measurement here has a thread of
its own: it would answer 0.0 for ever. The samples are therefore kept here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from attrs import frozen

from radical_edge_sysinfo.models import CpuInfo
from radical_edge_sysinfo.probes.cpumodel import cpu_model
from radical_edge_sysinfo.probes.files import read_text

# Between two samples: shorter than this the kernel's clock ticks (10 ms) show through, longer than that the
# answer would be about a time that the caller does not mean.
MIN_WINDOW_S = 0.2
MAX_WINDOW_S = 15.0


@frozen
class Sample:
    """Seconds that all processors together spent busy and in total, at an instant of the monotonic clock."""

    at: float
    busy: float
    total: float


def take_sample() -> Sample:
    """Read the kernel's counters."""
    times = psutil.cpu_times()._asdict()
    # Linux counts a guest's time in user and nice too.
    total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
    return Sample(time.monotonic(), total - times["idle"] - times.get("iowait", 0.0), total)


def busy_percent(before: Sample, after: Sample) -> float:
    """Return the busy share of two samples; counters that ran backwards (a migrated VM) give 0."""
    spent = after.total - before.total
    if spent <= 0:
        return 0.0
    return round(min(100.0, max(0.0, 100.0 * (after.busy - before.busy) / spent)), 1)


class CpuProbe:
    """Reads the processors; keeps the last sample, and what does not change."""

    def __init__(
        self,
        sample: Callable[[], Sample] = take_sample,
        pause: Callable[[float], None] = time.sleep,
        proc: Path = Path("/proc"),
    ) -> None:
        self._sample = sample
        self._pause = pause
        self._proc = proc
        self._last: Sample | None = None
        self._model: tuple[str, str] | None = None

    def read(self) -> CpuInfo:
        """Read names, numbers and load; the first call takes the length of a window."""
        if self._model is None:
            self._model = cpu_model(read_text(self._proc / "cpuinfo") or "")
        model, vendor = self._model
        return CpuInfo(
            model=model,
            vendor=vendor,
            cores_physical=psutil.cpu_count(logical=False),
            cores_logical=psutil.cpu_count() or 1,
            cores_usable=_usable(),
            percent=self._percent(),
            load_avg=_load_avg(),
            freq_mhz=_frequency_mhz(),
        )

    def _percent(self) -> float:
        before, after = self._last, self._sample()
        if before is None or not MIN_WINDOW_S <= after.at - before.at <= MAX_WINDOW_S:
            before = after
            self._pause(MIN_WINDOW_S)
            after = self._sample()
        self._last = after
        return busy_percent(before, after)


def _usable() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return psutil.cpu_count() or 1


def _load_avg() -> tuple[float, float, float]:
    one, five, fifteen = psutil.getloadavg()
    return round(one, 2), round(five, 2), round(fifteen, 2)


def _frequency_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError, RuntimeError):
        return None
    return round(frequency.current, 1) if frequency and frequency.current else None
