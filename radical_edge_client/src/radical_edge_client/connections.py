"""Sockets to the bridge: what is checked when one is made, and what their failures are called."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Final

import aiohttp
from yarl import URL

from radical_edge_client.errors import BridgeUnreachable, NotABridge
from radical_edge_client.listener import check_listener
from radical_edge_client.tls import refused

POOL: Final = 256
IDLE_S: Final = 15.0  # shorter than the bridge keeps idle connections, so that none is used while it closes
# A peer that vanished without a word is noticed within a minute, also on a stream that is silent for hours.
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 40_000}


def connector(context: ssl.SSLContext | bool, *, check_owner: bool) -> aiohttp.TCPConnector:
    """
    Return the pool of connections to one bridge.

    Args:
        context: TLS settings.
        check_owner: Whether the listener of each new connection must be root's or this user's.
    """

    def make_socket(address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, target = address
        if check_owner:
            check_listener(str(target[0]), int(target[1]))
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return made

    return aiohttp.TCPConnector(
        ssl=context, limit=POOL, keepalive_timeout=IDLE_S, socket_factory=make_socket, force_close=False
    )


def failure(error: aiohttp.ClientError | OSError, url: URL, cert: str | None) -> BridgeUnreachable:
    """Name what went wrong between us and the bridge, in one sentence that says what to do."""
    where = f"{url.host}:{url.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return refused(error.certificate_error, url.host or "", cert)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return refused(error.os_error, url.host or "", cert)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return BridgeUnreachable(f"the host name {url.host} is not known here: check the bridge's URL")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return NotABridge(
            f"the proxy refuses the way to {where} ({error.status} {error.message}): check HTTPS_PROXY and"
            " NO_PROXY"
        )
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return BridgeUnreachable(f"the proxy {error.host}:{error.port} can't be reached: check HTTPS_PROXY")
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or str(error.os_error)
        return BridgeUnreachable(f"the bridge at {where} can't be reached ({reason}): is it running?")
    return BridgeUnreachable(f"the connection to the bridge at {where} broke before it answered")
