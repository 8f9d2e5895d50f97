"""
All GPUs of the host: the three vendors are asked side by side, so that one hanging tool hides nobody
else's.
"""

from __future__ import annotations

from pathlib import Path

from radical_edge_sysinfo.gpus import amdsmi, intel, rocmsmi
from radical_edge_sysinfo.gpus.drm import read_drm
from radical_edge_sysinfo.gpus.nvidia import read_nvidia
from radical_edge_sysinfo.models import Gpu
from radical_edge_sysinfo.outcome import Outcome, ProbeError
from radical_edge_sysinfo.programs import Programs
from radical_edge_sysinfo.workers import Workers

# Shares of the group's deadline: the program's reason ("nvidia-smi gave no answer ...") says more than the
# thread's, and the thread's more than the group's.
_PROGRAM_SHARE = 0.8
_THREAD_SHARE = 0.9


class GpuProbe:
    """Asks the vendors' tools, and the kernel where there is none."""

    def __init__(
        self, programs: Programs, workers: Workers, deadline_s: float, sys: Path = Path("/sys")
    ) -> None:
        self._programs = programs
        self._workers = workers
        self._deadline_s = deadline_s
        self._sys = sys
        self._amd_smi = amdsmi.AmdSmi()
        self._xpu_smi = intel.XpuSmi()

    def read(self) -> Outcome[tuple[Gpu, ...]]:
        """Return the GPUs of all vendors; a tool that failed is a gap."""
        results, reasons = self._workers.fan_out(
            {"gpus NVIDIA": self._nvidia, "gpus AMD": self._amd, "gpus Intel": self._intel},
            _THREAD_SHARE * self._deadline_s,
        )
        gaps = [reason if "-smi" in reason else f"{name[5:]}: {reason}" for name, reason in reasons.items()]
        gaps += [gap for outcome in results.values() for gap in outcome.gaps]
        return Outcome(tuple(gpu for outcome in results.values() for gpu in outcome.value), tuple(gaps))

    def _nvidia(self) -> Outcome[tuple[Gpu, ...]]:
        return read_nvidia(self._programs, _PROGRAM_SHARE * self._deadline_s)

    def _amd(self) -> Outcome[tuple[Gpu, ...]]:
        deadline_s = _PROGRAM_SHARE * self._deadline_s
        newer, older = self._programs.find(amdsmi.PROGRAM), self._programs.find(rocmsmi.PROGRAM)
        if newer and older:
            try:
                return self._amd_smi.read(self._programs, newer, deadline_s / 2)
            except (
                ProbeError
            ) as exc:  # both are on hosts in the middle of an upgrade; one of them may not work
                found = rocmsmi.read_rocm(self._programs, older, deadline_s / 2)
                return Outcome(found.value, (*found.gaps, str(exc)))
        if newer:
            return self._amd_smi.read(self._programs, newer, deadline_s)
        if older:
            return rocmsmi.read_rocm(self._programs, older, deadline_s)
        return Outcome(read_drm("AMD", self._sys))

    def _intel(self) -> Outcome[tuple[Gpu, ...]]:
        path = self._programs.find(intel.PROGRAM)
        if path is None:
            return Outcome(read_drm("Intel", self._sys))
        return self._xpu_smi.read(self._programs, path, _PROGRAM_SHARE * self._deadline_s)
