"""
Who owns the socket that listens on a loopback port.

Any user of a machine may listen on a port that is free at the moment, a bridge's port between two of its runs
too. Over plain HTTP nothing else tells the bridge from such a listener, so the token is sent only where the
listening socket belongs to root or to this user.

Source: proc(5), ``/proc/net/tcp``: addresses are hexadecimal, each 32-bit word in the host's byte order;
state 0A is LISTEN; ``uid`` is the effective user id of the creator of the socket.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from attrs import frozen

from radical_edge_client.errors import UntrustedListener

LISTEN: Final = "0A"
ROOT: Final = 0
this_user: Final = os.geteuid
TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


@frozen
class Listener:
    """One listening socket."""

    address: IPv4Address | IPv6Address
    port: int
    uid: int


def read_listeners(table: str) -> Iterator[Listener]:
    """Read the listening sockets in the text of ``/proc/net/tcp`` or ``tcp6``."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[3] != LISTEN:  # the columns up to uid
            continue
        address, _, port = fields[1].partition(":")
        yield Listener(_address(address), int(port, 16), int(fields[7]))


def owners(host: str, port: int, listeners: tuple[Listener, ...]) -> frozenset[int]:
    """
    Return the users whose sockets would get a connection to ``host`` and ``port``.

    A socket bound to exactly this address gets it before one bound to every address. Where several remain
    (port sharing, both IP versions) all of them count.
    """
    target = _unmapped(ip_address(host))
    here = [found for found in listeners if found.port == port]
    exact = {found.uid for found in here if _unmapped(found.address) == target}
    return frozenset(exact or {found.uid for found in here if found.address.is_unspecified})


def check_listener(host: str, port: int) -> None:
    """
    Make sure that a loopback port belongs to root or this user; where the system does not tell, accept it.

    Args:
        host: An IP address, not a name.
        port: The port.

    Raises:
        ConnectionRefusedError: Nothing listens there, so a listener of the next moment would be a stranger's.
        UntrustedListener: The listener is somebody else's.
    """
    tables = [path.read_text(encoding="ascii") for path in TABLES if path.exists()]
    if not tables:
        return
    found = owners(host, port, tuple(listener for table in tables for listener in read_listeners(table)))
    if not found:
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"nothing listens on {host} port {port}")
    if strangers := found - {ROOT, this_user()}:
        raise UntrustedListener(
            f"port {port} on this machine belongs to user id {min(strangers)}, not to you or root: the token"
            " was not sent; run the bridge with TLS (radical-edge certs), or name the host in"
            " RADICAL_BRIDGE_ALLOW_HTTP"
        )


def _address(text: str) -> IPv4Address | IPv6Address:
    words = [bytes.fromhex(text[start : start + 8]) for start in range(0, len(text), 8)]
    return ip_address(b"".join(word[::-1] if sys.byteorder == "little" else word for word in words))


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
