"""
GPUs as the kernel's graphics drivers tell of them, where the vendor's tool is not installed.

Only AMD's and Intel's drivers do; what a display controller of a server's service processor would be is
left out.

Source: Documentation/gpu/amdgpu/thermal.rst and driver-misc.rst of Linux.
"""

from __future__ import annotations

import platform
import re
from pathlib import Path

from radical_edge_sysinfo.gpus.values import free, mib_of_bytes, percent
from radical_edge_sysinfo.models import Gpu, Vendor
from radical_edge_sysinfo.probes.files import read_text

_PCI_VENDORS: dict[str, Vendor] = {"0x1002": "AMD", "0x8086": "Intel"}
_CARD = re.compile(r"card(\d+)")


def read_drm(vendor: Vendor, sys: Path = Path("/sys")) -> tuple[Gpu, ...]:
    """Return the cards of one vendor, numbered in the order of the kernel's own numbers."""
    folder = sys / "class/drm"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    numbers = sorted(int(match[1]) for name in names if (match := _CARD.fullmatch(name)))
    devices = [
        device
        for number in numbers
        if _PCI_VENDORS.get(read_text((device := folder / f"card{number}/device") / "vendor") or "") == vendor
    ]
    return tuple(_gpu(index, vendor, device) for index, device in enumerate(devices))


def _gpu(index: int, vendor: Vendor, device: Path) -> Gpu:
    total = mib_of_bytes(read_text(device / "mem_info_vram_total"))
    used = mib_of_bytes(read_text(device / "mem_info_vram_used"))
    number = read_text(device / "device") or ""
    driver = device / "driver"
    # A driver of the kernel's own tree has the kernel's version, one built beside it says its own.
    version = read_text(driver / "module/version") or platform.release()
    return Gpu(
        id=f"{vendor.lower()}-{index}",
        index=index,
        name=read_text(device / "product_name") or f"{vendor} GPU {number}".strip(),
        driver_version=version,
        uuid=read_text(device / "unique_id") or "",
        vendor=vendor,
        util_gpu=percent(read_text(device / "gpu_busy_percent")),
        util_mem=percent(read_text(device / "mem_busy_percent")),
        mem_total=total,
        mem_used=used,
        mem_free=free(total, used),
    )
