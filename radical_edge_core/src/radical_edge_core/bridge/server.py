"""Hypercorn as the bridge uses it: one worker, HTTP/1.1, our own request log, our own signals."""

from __future__ import annotations

import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from radical_edge_core.bridge.config import BridgeConfig
from radical_edge_core.bridge.mailbox import lean_requests
from radical_edge_core.bridge.masking import mask_in_c
from radical_edge_core.config import ConfigError
from radical_edge_core.wire.asgi import Application

_KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
log = logging.getLogger(__name__)


def bind(config: BridgeConfig) -> socket.socket:
    """
    Return the listening socket.

    Raises:
        ConfigError: The address can't be used, TLS is half configured, or plain HTTP would leave this machine.
    """
    if (config.cert is None) != (config.key is None):
        raise ConfigError("TLS needs both --cert and --key (RADICAL_BRIDGE_CERT and RADICAL_BRIDGE_KEY)")
    for file in (config.cert, config.key):
        if file is not None and not file.is_file():
            raise ConfigError(
                f"there is no file {file}; `radical-edge certs` makes a certificate and its key"
            )
    _check_pair(config)
    if config.cert is None and not config.plain_http and config.host not in LOOPBACK:
        raise ConfigError(
            f"plain HTTP on {config.host} would send tokens in the clear: give --cert and --key (`radical-edge certs` "
            "makes them), or --plain-http where something before this bridge speaks TLS"
        )
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it: one whose other end vanished without a word is noticed though nothing is sent on it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in _KEEPALIVE.items():
        if hasattr(socket, name):  # not every system lets them be chosen
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
    try:
        listener.bind((config.host, config.port))
    except OSError as exc:
        listener.close()
        raise ConfigError(
            f"can't listen on {config.host} port {config.port}: {exc.strerror}; choose another with --port"
        ) from exc
    listener.setblocking(False)
    return listener


def _check_pair(config: BridgeConfig) -> None:
    """Raise ``ConfigError``, before anything listens, where certificate and key can't be used together."""
    if config.cert is None:
        return
    try:
        # The empty passphrase keeps OpenSSL from asking for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.cert, config.key, password="")
    except OSError as exc:  # ssl.SSLError is one
        raise ConfigError(
            f"TLS can't be served with --cert {config.cert} and --key {config.key} ({exc}): both are PEM files, the "
            "key is the certificate's own and has no passphrase"
        ) from exc


def url_of(config: BridgeConfig, listener: socket.socket) -> str:
    """Return the URL that the bridge is reached by on this machine."""
    scheme = "https" if config.cert is not None else "http"
    host = "127.0.0.1" if config.host in {"0.0.0.0", "::"} else config.host  # noqa: S104 - compared, not bound
    if config.cert is not None and host == "127.0.0.1":
        host = "localhost"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


async def serve(
    app: Application, config: BridgeConfig, listener: socket.socket, until: Callable[[], Awaitable[None]]
) -> None:
    """Serve ``app`` on ``listener`` until ``until`` returns."""
    server = Config()
    # The server closes what it is given.
    server.bind = [f"fd://{os.dup(listener.fileno())}"]
    if config.cert is not None and config.key is not None:
        server.certfile, server.keyfile = str(config.cert), str(config.key)
    # HTTP/2 is slower here, and hypercorn never resets its streams when an answer breaks off.
    server.alpn_protocols = ["http/1.1"]
    server.accesslog = None
    server.errorlog = logging.getLogger("hypercorn.error")
    server.include_server_header = False
    server.keep_alive_max_requests = 1_000_000_000
    # Also how long a header may dribble in.
    server.keep_alive_timeout = 25
    server.h11_max_incomplete_size = 64 * 1024
    server.websocket_max_message_size = 1024 * 1024
    server.websocket_ping_interval = None
    server.backlog = 2048
    server.graceful_timeout = 1.0
    mask_in_c()
    lean_requests()
    await hypercorn_serve(app, server, shutdown_trigger=until)  # type: ignore[arg-type]  # its ASGI types are its own
