"""The network interfaces."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable

import psutil
from attrs import frozen

from radical_edge_sysinfo.models import NetworkInterface

# A rate over a longer time than this would say nothing about now.
MAX_WINDOW_S = 60.0


@frozen
class Count:
    """Bytes of one interface at an instant of the monotonic clock."""

    at: float
    received: int
    sent: int


class NetworkProbe:
    """Reads the interfaces; keeps the last counters for the rates."""

    def __init__(self) -> None:
        self._last: dict[str, Count] = {}

    def read(self) -> tuple[NetworkInterface, ...]:
        """Read every interface that has an address or counters, by name."""
        now = time.monotonic()
        counters = psutil.net_io_counters(pernic=True)
        addresses = psutil.net_if_addrs()
        states = psutil.net_if_stats()
        found = []
        for name in sorted({*counters, *addresses}):
            io, state = counters.get(name), states.get(name)
            count = Count(now, io.bytes_recv if io else 0, io.bytes_sent if io else 0)
            rx_rate, tx_rate = rates(self._last.get(name), count)
            self._last[name] = count
            found.append(
                NetworkInterface(
                    interface=name,
                    ip=_ip(addresses.get(name, ())),
                    mac=_mac(addresses.get(name, ())),
                    rx_bytes=count.received,
                    tx_bytes=count.sent,
                    rx_rate=rx_rate,
                    tx_rate=tx_rate,
                    # 0 and, for a link that is down, 65535 stand for "not known" (ethtool's SPEED_UNKNOWN).
                    speed_mbps=state.speed
                    if state and 0 < state.speed < 0xFFFFFFFF and state.speed != 0xFFFF
                    else None,
                    up=bool(state and state.isup),
                )
            )
        return tuple(found)


def rates(before: Count | None, after: Count) -> tuple[float | None, float | None]:
    """Return bytes a second in both directions, ``None`` without a sample to compare with."""
    if before is None or not 0 < after.at - before.at <= MAX_WINDOW_S:
        return None, None
    seconds = after.at - before.at
    received, sent = after.received - before.received, after.sent - before.sent
    if received < 0 or sent < 0:  # the interface was made anew
        return None, None
    return round(received / seconds, 1), round(sent / seconds, 1)


def _ip(addresses: Iterable[psutil._common.snicaddr]) -> str | None:
    by_family = {address.family: address.address for address in reversed(list(addresses))}
    found = by_family.get(socket.AF_INET) or by_family.get(socket.AF_INET6)
    return found.partition("%")[0] if found else None


def _mac(addresses: Iterable[psutil._common.snicaddr]) -> str | None:
    return next((address.address for address in addresses if address.family == psutil.AF_LINK), None)
