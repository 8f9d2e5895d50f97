"""One large body in each direction, and the memory that both processes needed for it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator

from attrs import frozen

from processes import forget_peak, memory_mib
from stand import Target

BLOCK = bytes(256 * 1024)


@frozen(kw_only=True)
class Transfer:
    """One body that passed."""

    mib: int
    seconds: float
    peak_mib: dict[str, float]
    growth_mib: dict[str, float]

    @property
    def mb_per_s(self) -> float:
        """Throughput in 10^6 bytes per second."""
        return self.mib * 1.048576 / self.seconds


def transfer(target: Target, direction: str, mib: int) -> Transfer:
    """Send (``up``) or fetch (``down``) one body over one connection."""
    before = {}
    for name, pid in target.pids.items():
        forget_peak(pid)
        before[name] = memory_mib(pid, "VmRSS")
    move = fetch if direction == "down" else send
    started = time.perf_counter()
    moved = move(target, mib * 1024 * 1024)
    seconds = time.perf_counter() - started
    if moved != mib * 1024 * 1024:
        raise SystemExit(f"{target.name}: {moved} bytes passed of {mib} MiB")
    peak = {name: memory_mib(pid, "VmHWM") for name, pid in target.pids.items()}
    growth = {name: peak[name] - before[name] for name in peak}
    return Transfer(mib=mib, seconds=seconds, peak_mib=peak, growth_mib=growth)


def fetch(target: Target, size: int) -> int:
    """Download a body, and return its length."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)
    connection.request("GET", f"{target.prefix}/download?bytes={size}", headers=target.headers())
    answer = connection.getresponse()
    buffer = bytearray(len(BLOCK))
    received = 0
    while count := answer.readinto(buffer):
        received += count
    connection.close()
    return received if answer.status == 200 else 0


def send(target: Target, size: int) -> int:
    """Upload a body, and return the length that the far end took."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)
    headers = {**target.headers(), "Content-Length": str(size), "Content-Type": "application/octet-stream"}
    connection.request("POST", target.prefix + "/upload", body=blocks(size), headers=headers)
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return int(document["received"]) if answer.status == 200 else 0


def blocks(size: int) -> Iterator[bytes]:
    """Yield zeros in blocks."""
    while size > len(BLOCK):
        yield BLOCK
        size -= len(BLOCK)
    yield BLOCK[:size]
