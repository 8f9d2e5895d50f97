"""
Intel's GPUs, by ``xpu-smi``.

Two tables in CSV: the properties, which are kept, and one round of measurements of all devices.

Source: "Intel XPU System Management Interface User Guide", sections on ``discovery --dump`` and ``dump``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from radical_edge_sysinfo.gpus.values import csv_rows, excerpt, free, mib, percent, text
from radical_edge_sysinfo.models import Gpu
from radical_edge_sysinfo.outcome import Outcome, ProbeError
from radical_edge_sysinfo.programs import ProgramError, Programs

PROGRAM = "xpu-smi"
KEPT_S = 300.0
# Device ID, Device Name, UUID, Driver Version, Memory Physical Size
PROPERTIES = ("discovery", "--dump", "1,2,4,8,16")
# GPU Utilization (%), GPU Memory Bandwidth Utilization (%), GPU Memory Used (MiB)
MEASUREMENTS = ("dump", "-d", "-1", "-m", "0,17,18", "-n", "1")
_NO_DEVICES = ("no device discovered", "device not found", "no gpu")

Rows = Mapping[int, list[str]]


class XpuSmi:
    """Asks ``xpu-smi``; keeps what does not change for five minutes."""

    def __init__(self) -> None:
        self._properties: tuple[float, Rows] | None = None

    def read(self, programs: Programs, path: str, deadline_s: float) -> Outcome[tuple[Gpu, ...]]:
        """Ask for every device; without measurements the properties remain."""
        ends = time.monotonic() + deadline_s
        if self._properties is None or time.monotonic() - self._properties[0] > KEPT_S:
            try:
                printed = programs.output([path, *PROPERTIES], deadline_s=deadline_s)
            except ProgramError as exc:
                if any(words in exc.text.lower() for words in _NO_DEVICES):
                    return Outcome(())
                raise
            self._properties = time.monotonic(), rows(printed, column=0, columns=5)
        properties = self._properties[1]
        try:
            left = max(0.0, ends - time.monotonic())
            measured = rows(programs.output([path, *MEASUREMENTS], deadline_s=left), column=1, columns=5)
        except ProbeError as exc:
            return Outcome(tuple(gpu(row, ()) for row in properties.values()), (str(exc),))
        return Outcome(tuple(gpu(row, measured.get(index, ())) for index, row in properties.items()))


def rows(printed: str, *, column: int, columns: int) -> Rows:
    """
    Return the table's rows by the device number in one of its columns.

    Raises:
        ProbeError: It is no such table.
    """
    table = csv_rows(PROGRAM, printed)
    header = next((number for number, row in enumerate(table) if len(row) == columns), None)
    if header is None:
        raise ProbeError(f"{PROGRAM} printed no table of GPUs: {excerpt(printed)}")
    return {
        int(row[column]): row
        for row in table[header + 1 :]
        if len(row) == columns and row[column].isdecimal()
    }


def gpu(properties: list[str], measured: list[str] | tuple[()]) -> Gpu:
    """Return one device from its row in each table."""
    index, name, uuid, driver, memory = properties
    _, _, busy, bandwidth, filled = measured or ("",) * 5
    total, used = mib(memory), mib(filled)
    return Gpu(
        id=f"intel-{index}",
        index=int(index),
        name=text(name),
        driver_version=text(driver),
        uuid=text(uuid),
        vendor="Intel",
        util_gpu=percent(busy),
        util_mem=percent(bandwidth),
        mem_total=total,
        mem_used=used,
        mem_free=free(total, used),
    )
