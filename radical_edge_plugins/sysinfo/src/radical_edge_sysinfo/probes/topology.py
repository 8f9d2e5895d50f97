"""
How the processors are built, from ``/sys/devices/system``.

Source: Documentation/admin-guide/cputopology.rst and Documentation/ABI/testing/sysfs-devices-system-cpu of
Linux.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from radical_edge_sysinfo.models import Cache, Topology
from radical_edge_sysinfo.probes.files import read_int, read_text

_SIZE = re.compile(r"(\d+)([KMG]?)")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def read_topology(sys: Path = Path("/sys")) -> Topology:
    """Read sockets, cores, threads, NUMA nodes and caches of the processors that are online."""
    cpus = sorted((sys / "devices/system/cpu").glob("cpu[0-9]*"))
    placed = [
        (package, core)
        for cpu in cpus
        if (package := read_int(cpu / "topology/physical_package_id")) is not None
        and (core := read_int(cpu / "topology/core_id")) is not None
    ]
    # Arm kernels without firmware tables say -1 for the socket: one that is not known by number.
    sockets, cores = len({package for package, _ in placed}), len(set(placed))
    nodes = list((sys / "devices/system/node").glob("node[0-9]*"))
    return Topology(
        sockets=sockets or None,
        cores_per_socket=cores // sockets if sockets else None,
        threads_per_core=len(placed) // cores if cores else None,
        numa_nodes=len(nodes) or None,
        caches=_caches(cpus),
    )


def _caches(cpus: list[Path]) -> tuple[Cache, ...]:
    # One cache shows up under every processor that shares it: (kind, list of those processors) tells them
    # apart.
    instances: set[tuple[int, str, int, str]] = set()
    for cpu in cpus:
        for index in (cpu / "cache").glob("index[0-9]*"):
            level, kind = read_int(index / "level"), read_text(index / "type")
            size = _bytes(read_text(index / "size"))
            shared = read_text(index / "shared_cpu_list") or cpu.name
            if level is not None and kind and size:
                instances.add((level, kind.lower(), size, shared))
    counted = Counter((level, kind, size) for level, kind, size, _ in instances)
    return tuple(
        Cache(level=level, type=kind, size=size, count=count)
        for (level, kind, size), count in sorted(counted.items())
    )


def _bytes(text: str | None) -> int | None:
    match = _SIZE.fullmatch(text or "")
    return int(match[1]) * _UNITS[match[2]] if match else None
