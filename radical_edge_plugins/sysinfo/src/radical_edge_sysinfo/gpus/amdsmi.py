"""
AMD's GPUs, by ``amd-smi``.

Three questions: names, ids, and what changes. The answers to the first two are kept, since each start of
the tool takes most of a second. Up to ROCm 6 an answer is a list, from 7 on an object whose ``gpu_data`` is
that list.

Source: "AMD SMI CLI tool usage" in the ROCm documentation.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from radical_edge_sysinfo.gpus.values import excerpt, free, json_in, mib, percent, text
from radical_edge_sysinfo.models import Gpu
from radical_edge_sysinfo.outcome import Outcome, ProbeError
from radical_edge_sysinfo.programs import Programs

PROGRAM = "amd-smi"
KEPT_S = 300.0

Entries = Mapping[int, Mapping[str, object]]


class AmdSmi:
    """Asks ``amd-smi``; keeps what does not change for five minutes."""

    def __init__(self) -> None:
        self._static: tuple[float, Entries, Entries] | None = None

    def read(self, programs: Programs, path: str, deadline_s: float) -> Outcome[tuple[Gpu, ...]]:
        """Ask for every device; the deadline is for all questions together."""
        ends = time.monotonic() + deadline_s

        def ask(*arguments: str) -> Entries:
            left = max(0.0, ends - time.monotonic())
            return entries(programs.output([path, *arguments, "--json"], deadline_s=left))

        if self._static is None or time.monotonic() - self._static[0] > KEPT_S:
            self._static = time.monotonic(), ask("static", "--asic", "--driver", "--vram"), ask("list")
        _, static, listed = self._static
        metric = ask("metric", "--usage", "--mem-usage")
        return Outcome(
            tuple(
                gpu(index, static[index], listed.get(index, {}), metric.get(index, {}))
                for index in sorted(static)
            )
        )


def entries(printed: str) -> Entries:
    """
    Return the devices' entries by index.

    Raises:
        ProbeError: The output is no list of devices.
    """
    document = json_in(PROGRAM, printed)
    found = document.get("gpu_data") if isinstance(document, Mapping) else document
    if not isinstance(found, list):
        raise ProbeError(f"{PROGRAM} printed no list of GPUs: {excerpt(printed)}")
    return {
        index: entry
        for entry in found
        if isinstance(entry, Mapping) and isinstance(index := entry.get("gpu"), int)
    }


def gpu(
    index: int,
    static: Mapping[str, object],
    listed: Mapping[str, object],
    metric: Mapping[str, object],
) -> Gpu:
    """Return one device from its three entries; what one of them lacks is not known."""
    usage, memory = _part(metric, "usage"), _part(metric, "mem_usage")
    total = mib(memory.get("total_vram")) or mib(_part(static, "vram").get("size"))
    used = mib(memory.get("used_vram"))
    left = mib(memory.get("free_vram"))
    return Gpu(
        id=f"amd-{index}",
        index=index,
        name=text(_part(static, "asic").get("market_name")),
        driver_version=text(_part(static, "driver").get("version")),
        uuid=text(listed.get("uuid")),
        vendor="AMD",
        util_gpu=percent(usage.get("gfx_activity")),
        util_mem=percent(usage.get("umc_activity")),
        mem_total=total,
        mem_used=used,
        mem_free=free(total, used) if left is None else left,
    )


def _part(entry: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = entry.get(name)
    return found if isinstance(found, Mapping) else {}
