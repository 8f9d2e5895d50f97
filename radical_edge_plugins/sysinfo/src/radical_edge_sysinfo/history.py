"""The last hour of what changes, so that a plot has a past before anybody listens; bounded, and cheap to keep."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from radical_edge_core.plugin import Plugin
from radical_edge_sysinfo.models import CpuLoad, Gpu, GpuLoad, History, MemoryUse, Metrics, Sample, Traffic
from radical_edge_sysinfo.sampler import Sampler

KEEP_S = 3600.0


class Recorder:
    """
    Keeps a sample for each interval.

    It reads what the kernel tells at once: processors, memory, network. The GPU vendors' programs are never run
    for it; GPUs are in a sample where somebody else has just had them measured.

    Args:
        sampler: Where the measurements come from.
        interval_s: Seconds between two samples; 0 keeps none.
    """

    def __init__(self, sampler: Sampler, interval_s: float) -> None:
        self._sampler = sampler
        self._interval_s = interval_s
        self._samples: deque[Sample] = deque(maxlen=int(KEEP_S / interval_s) if interval_s else 0)
        self._gpus: tuple[float, tuple[Gpu, ...]] = (0.0, ())
        self._stopped = False

    def begin(self, plugin: Plugin) -> None:
        """Record from now on, until the plugin stops."""
        if self._interval_s:
            plugin.run_in_background("record load", self._record)

    def stop(self) -> None:
        """Record no more; called before the sampler is closed."""
        self._stopped = True

    def note(self, metrics: Metrics) -> None:
        """Take the GPUs of metrics that were measured for somebody."""
        self._gpus = (metrics.time, metrics.gpus)

    def history(self) -> History:
        """Return what is kept, the oldest first."""
        return History(interval_s=self._interval_s, samples=tuple(self._samples))

    async def _record(self) -> None:
        while not self._stopped:
            try:
                self._samples.append(await self._sample())
            except asyncio.CancelledError:
                if self._stopped:  # the sampler was closed in the middle of a measurement
                    return
                raise
            await asyncio.sleep(self._interval_s)

    async def _sample(self) -> Sample:
        groups = (self._sampler.cpu, self._sampler.memory, self._sampler.network)
        await asyncio.gather(*(group.fresh() for group in groups))
        now = round(time.time(), 3)
        cpu, memory = self._sampler.cpu.latest.value, self._sampler.memory.latest.value
        measured, gpus = self._gpus
        return Sample(
            time=now,
            cpu=None if cpu is None else CpuLoad(percent=cpu.percent),
            memory=None if memory is None else MemoryUse(total=memory.total, used=memory.used),
            network=tuple(
                Traffic(interface=each.interface, rx_rate=each.rx_rate, tx_rate=each.tx_rate)
                for each in self._sampler.network.latest.value
            ),
            gpus=tuple(GpuLoad(id=each.id, util_gpu=each.util_gpu) for each in gpus)
            if now - measured <= self._interval_s
            else (),
        )
