"""All groups together: the one source of metrics for every session and for the topic."""

from __future__ import annotations

import asyncio
import math
import time
from functools import partial
from typing import Any

from radical_edge_sysinfo.cell import Cell
from radical_edge_sysinfo.config import SysinfoConfig
from radical_edge_sysinfo.gpus.probe import GpuProbe
from radical_edge_sysinfo.models import (
    CpuInfo,
    Disk,
    Gpu,
    MemoryInfo,
    Metrics,
    NetworkInterface,
    SystemInfo,
    Topology,
)
from radical_edge_sysinfo.probes.cpu import CpuProbe
from radical_edge_sysinfo.probes.disks import read_disks
from radical_edge_sysinfo.probes.memory import read_memory
from radical_edge_sysinfo.probes.network import NetworkProbe
from radical_edge_sysinfo.probes.system import read_system
from radical_edge_sysinfo.probes.topology import read_topology
from radical_edge_sysinfo.programs import Programs
from radical_edge_sysinfo.workers import Workers

# File systems fill slowly, and a question to a shared one is work for its server.
DISK_INTERVAL_FACTOR = 5.0
# The threads inside a group give up before the group does, so that its other parts are still heard.
_PART_SHARE = 0.9


class Sampler:
    """Measures the host; each group on its own, one measurement for all who ask."""

    def __init__(self, config: SysinfoConfig, workers: Workers | None = None) -> None:
        self.workers = workers or Workers()
        self.programs = Programs(config.program_path)
        part_s = _PART_SHARE * config.probe_deadline_s
        gpus = GpuProbe(self.programs, self.workers, config.probe_deadline_s)

        def kept(factor: float = 1.0) -> dict[str, Any]:
            return {
                "workers": self.workers,
                "deadline_s": config.probe_deadline_s,
                "keep_s": factor * config.min_interval_s,
            }

        self.system: Cell[SystemInfo | None] = Cell("system", read_system, empty=None, **kept())
        self.cpu: Cell[CpuInfo | None] = Cell("cpu", CpuProbe().read, empty=None, **kept())
        self.memory: Cell[MemoryInfo | None] = Cell("memory", read_memory, empty=None, **kept())
        self.disks: Cell[tuple[Disk, ...]] = Cell(
            "disks", partial(read_disks, self.workers, part_s), empty=(), **kept(DISK_INTERVAL_FACTOR)
        )
        self.network: Cell[tuple[NetworkInterface, ...]] = Cell(
            "network", NetworkProbe().read, empty=(), **kept()
        )
        self.gpus: Cell[tuple[Gpu, ...]] = Cell("gpus", gpus.read, empty=(), **kept())
        self.topology: Cell[Topology | None] = Cell(
            "topology", read_topology, empty=None, **{**kept(), "keep_s": math.inf}
        )
        self._cells: tuple[Cell[Any], ...] = (
            self.system, self.cpu, self.memory, self.disks, self.network, self.gpus, self.topology
        )  # fmt: skip

    def prefetch(self) -> None:
        """Begin to measure, so that the first caller finds answers."""
        for cell in self._cells:
            cell.begin()

    async def metrics(self) -> Metrics:
        """Return all groups; takes at most the deadline of one."""
        await asyncio.gather(*(cell.fresh() for cell in self._cells))
        return Metrics(
            time=round(time.time(), 3),
            system=self.system.latest.value,
            cpu=self.cpu.latest.value,
            memory=self.memory.latest.value,
            disks=self.disks.latest.value,
            network=self.network.latest.value,
            gpus=self.gpus.latest.value,
            topology=self.topology.latest.value,
            errors={cell.name: "; ".join(cell.latest.gaps) for cell in self._cells if cell.latest.gaps},
        )

    async def close(self) -> None:
        """Stop measuring; what hangs is left to end with the process."""
        self.programs.stop()
        await asyncio.gather(*(cell.close() for cell in self._cells))
