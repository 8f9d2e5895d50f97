"""
What the plugin tells of its host, as records.

Sizes are bytes unless a field says MiB, times are seconds, percentages run from 0 to 100. ``None`` says
that the host does not tell. The groups carry the names of the REST contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

DiskType = Literal["shared", "local ssd", "local hdd", "local unknown", "unknown"]
Vendor = Literal["NVIDIA", "AMD", "Intel"]
Role = Literal["bridge", "login", "compute"]


@frozen(kw_only=True)
class HomeDir:
    """The home directory of the edge's user, absolute."""

    homedir: str


@frozen(kw_only=True)
class HostRole:
    """What kind of host this is; ``scheduler`` and ``job_id`` are null outside a batch job."""

    role: Role
    scheduler: str | None
    job_id: str | None


@frozen(kw_only=True)
class SystemInfo:
    """The host: ``uptime`` in seconds, ``kernel`` its release, ``os`` the distribution's own name."""

    hostname: str
    uptime: float
    kernel: str
    arch: str
    os: str


@frozen(kw_only=True)
class CpuInfo:
    """
    The processors.

    ``percent`` is the share of all logical cores that was busy between two samples (0 to 100), ``load_avg``
    the load over 1, 5 and 15 minutes, ``freq_mhz`` the mean current clock, ``cores_usable`` the logical
    cores that this process may run on.
    """

    model: str
    vendor: str
    cores_physical: int | None
    cores_logical: int
    cores_usable: int
    percent: float
    load_avg: tuple[float, float, float]
    freq_mhz: float | None


@frozen(kw_only=True)
class MemoryInfo:
    """Main memory in bytes; ``percent`` is what is not available."""

    total: int
    available: int
    used: int
    percent: float


@frozen(kw_only=True)
class Disk:
    """
    A mounted file system: ``total`` and ``used`` in bytes, ``percent`` of what the user may fill, as in
    ``df``.
    """

    mount: str
    device: str
    fstype: str
    type: DiskType
    total: int
    used: int
    percent: float


@frozen(kw_only=True)
class NetworkInterface:
    """
    A network interface.

    ``rx_bytes`` and ``tx_bytes`` count since the interface exists, ``rx_rate`` and ``tx_rate`` are bytes a
    second between two samples, ``speed_mbps`` is the link's speed in Mbit/s.
    """

    interface: str
    ip: str | None
    mac: str | None
    rx_bytes: int
    tx_bytes: int
    rx_rate: float | None
    tx_rate: float | None
    speed_mbps: int | None
    up: bool


@frozen(kw_only=True)
class Gpu:
    """
    A GPU.

    ``util_gpu`` is the share of time with work on the device, ``util_mem`` that with traffic to its memory
    (both 0 to 100), ``mem_total``, ``mem_used`` and ``mem_free`` are MiB. ``index`` counts per vendor, as
    the vendor's tool does; ``id`` is unique on the host.
    """

    id: str
    index: int
    name: str
    driver_version: str
    uuid: str
    vendor: Vendor
    util_gpu: float | None = None
    util_mem: float | None = None
    mem_total: int | None = None
    mem_used: int | None = None
    mem_free: int | None = None


@frozen(kw_only=True)
class Cache:
    """One kind of processor cache: ``size`` bytes each, ``count`` of them on the host."""

    level: int
    type: str
    size: int
    count: int


@frozen(kw_only=True)
class Topology:
    """How the processors are built; null where the kernel does not say."""

    sockets: int | None
    cores_per_socket: int | None
    threads_per_core: int | None
    numa_nodes: int | None
    caches: tuple[Cache, ...]


@frozen(kw_only=True)
class Metrics:
    """
    Everything at one instant.

    ``time`` is seconds since 1970 UTC. ``errors`` names each group that failed or was cut off, with the
    reason; such a group is null or lacks what could not be had, and the others are complete.
    """

    time: float
    system: SystemInfo | None
    cpu: CpuInfo | None
    memory: MemoryInfo | None
    disks: tuple[Disk, ...]
    network: tuple[NetworkInterface, ...]
    gpus: tuple[Gpu, ...]
    topology: Topology | None
    errors: Mapping[str, str]


@frozen(kw_only=True)
class CpuLoad:
    """The share of all logical cores that was busy."""

    percent: float


@frozen(kw_only=True)
class MemoryUse:
    """Main memory in bytes."""

    total: int
    used: int


@frozen(kw_only=True)
class Traffic:
    """What goes through a network interface, bytes a second."""

    interface: str
    rx_rate: float | None
    tx_rate: float | None


@frozen(kw_only=True)
class GpuLoad:
    """The share of time with work on a GPU."""

    id: str
    util_gpu: float | None


@frozen(kw_only=True)
class Sample:
    """
    What changes from one instant to the next, with the field names of `Metrics`.

    ``time`` is seconds since 1970 UTC; ``gpus`` is empty where nobody had them measured just then.
    """

    time: float
    cpu: CpuLoad | None
    memory: MemoryUse | None
    network: tuple[Traffic, ...]
    gpus: tuple[GpuLoad, ...]


@frozen(kw_only=True)
class History:
    """The samples of the last hour at most, one each ``interval_s`` seconds, the oldest first."""

    interval_s: float
    samples: tuple[Sample, ...]
