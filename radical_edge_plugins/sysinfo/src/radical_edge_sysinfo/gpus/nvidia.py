"""
NVIDIA's GPUs, by ``nvidia-smi``.

Source: ``nvidia-smi --help-query-gpu``; memory is in MiB with ``nounits``.
"""

from __future__ import annotations

from radical_edge_sysinfo.gpus.values import csv_rows, excerpt, mib, percent, text
from radical_edge_sysinfo.models import Gpu
from radical_edge_sysinfo.outcome import Outcome, ProbeError
from radical_edge_sysinfo.programs import ProgramError, Programs

PROGRAM = "nvidia-smi"
QUERY = (
    "index",
    "uuid",
    "name",
    "driver_version",
    "utilization.gpu",
    "utilization.memory",
    "memory.total",
    "memory.used",
    "memory.free",
)
_NO_DEVICES = "no devices were found"


def read_nvidia(programs: Programs, deadline_s: float) -> Outcome[tuple[Gpu, ...]]:
    """Ask ``nvidia-smi``; without it there are no GPUs of NVIDIA."""
    path = programs.find(PROGRAM)
    if path is None:
        return Outcome(())
    argv = [path, f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits"]
    try:
        return parse(programs.output(argv, deadline_s=deadline_s))
    except ProgramError as exc:
        if _NO_DEVICES in exc.text.lower():  # a login node with the tool of its compute nodes
            return Outcome(())
        raise


def parse(printed: str) -> Outcome[tuple[Gpu, ...]]:
    """
    Read the answer to `QUERY`, one line for each device; a line that is none is a gap.

    Raises:
        ProbeError: No line tells of a device.
    """
    rows = csv_rows(PROGRAM, printed)
    gpus = tuple(gpu for row in rows if (gpu := _gpu(row)) is not None)
    if len(gpus) == len(rows):
        return Outcome(gpus)
    if _NO_DEVICES in printed.lower():
        return Outcome(gpus)
    reason = f"{PROGRAM} printed what is no list of GPUs: {excerpt(printed)}"
    if not gpus:
        raise ProbeError(reason)
    return Outcome(gpus, (reason,))


def _gpu(row: list[str]) -> Gpu | None:
    if len(row) != len(QUERY) or not row[0].isdecimal():
        return None
    values = dict(zip(QUERY, row, strict=True))
    index = int(values["index"])
    return Gpu(
        id=f"nvidia-{index}",
        index=index,
        name=text(values["name"]),
        driver_version=text(values["driver_version"]),
        uuid=text(values["uuid"]),
        vendor="NVIDIA",
        util_gpu=percent(values["utilization.gpu"]),
        util_mem=percent(values["utilization.memory"]),
        mem_total=mib(values["memory.total"]),
        mem_used=mib(values["memory.used"]),
        mem_free=mib(values["memory.free"]),
    )
