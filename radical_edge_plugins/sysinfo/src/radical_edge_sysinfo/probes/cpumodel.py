"""
The processor's name and maker in ``/proc/cpuinfo``.

x86 gives both in words. Arm gives numbers, the implementer's from "Main ID Register" of the Arm Architecture
Reference Manual, and POWER one line that begins with the model.
"""

from __future__ import annotations

import platform

_IMPLEMENTERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "Ampere (APM)",
    0x51: "Qualcomm",
    0x61: "Apple",
    0xC0: "Ampere",
}
# Part numbers of processors found in HPC systems, by implementer. Source: lscpu-arm.c of util-linux.
_PARTS = {
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x43, 0x0AF): "ThunderX2",
    (0x46, 0x001): "A64FX",
    (0x48, 0xD01): "Kunpeng 920",
}


def cpu_model(cpuinfo: str) -> tuple[str, str]:
    """
    Return model and vendor.

    Args:
        cpuinfo: The text of ``/proc/cpuinfo``; the first processor speaks for all.
    """
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    if model := fields.get("model name"):
        return model, fields.get("vendor_id", "") or _implementer(fields)
    if "cpu implementer" in fields:
        implementer, part = _number(fields["cpu implementer"]), _number(fields.get("cpu part", ""))
        return _PARTS.get((implementer, part), f"part {part:#x}"), _implementer(fields)
    if (model := fields.get("cpu", "")).upper().startswith("POWER"):
        return model, "IBM"
    return platform.processor() or platform.machine(), fields.get("vendor_id", "")


def _implementer(fields: dict[str, str]) -> str:
    code = _number(fields.get("cpu implementer", ""))
    return _IMPLEMENTERS.get(code, f"implementer {code:#x}" if code else "")


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return 0
