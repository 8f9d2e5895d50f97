"""Checks of the way to the bridge, below HTTP: name, proxy, connection, TLS; with sockets of their own."""

from __future__ import annotations

import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final
from urllib.parse import unquote

from yarl import URL

from radical_edge_client.address import check_plain, is_loopback, proxy_for
from radical_edge_client.cli.doctor.findings import Finding, fail, ok, warn
from radical_edge_client.listener import check_listener
from radical_edge_client.settings import Resolved
from radical_edge_client.tls import client_context
from radical_edge_core.errors import EdgeError

WAIT_S: Final = 5.0
SOON_S: Final = 30 * 86400


class Blocked(Exception):  # it ends the checks, it is not an error of the program
    """The way ends here; the findings before say where."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


def way(found: Resolved) -> Iterator[Finding]:
    """
    Check the way up to TLS, step by step.

    Raises:
        Blocked: A step fails, so the ones after it can't be tried; carries the finding.
    """
    url = found.url
    try:
        check_plain(url, frozenset(found.settings.allow_http))
    except EdgeError as error:
        raise Blocked(fail("transport", error.detail)) from error
    proxy = proxy_for(url)
    yield from _name(url, proxy)
    with closing(_connection(url, proxy)) as connection:
        yield ok(
            "connection", f"{url.host}:{url.port}" + (f" through the proxy {proxy.origin()}" if proxy else "")
        )
        if url.scheme == "https":
            yield from _tls(connection, found)
        else:
            yield from _plain(found)


def _name(url: URL, proxy: URL | None) -> Iterator[Finding]:
    host = str(url.host)
    try:
        answers = socket.getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
    except OSError as error:
        finding = f"{host} is not known here ({error.strerror})"
        if proxy is None:
            raise Blocked(
                fail("name", finding, "check the bridge's URL, and the DNS of this machine")
            ) from error
        yield ok("name", f"{finding}; the proxy looks it up")
        return
    yield ok("name", f"{host} is {', '.join(dict.fromkeys(str(answer[4][0]) for answer in answers))}")


def _connection(url: URL, proxy: URL | None) -> socket.socket:
    target = proxy or url
    try:
        connection = socket.create_connection((str(target.host), int(target.port or 0)), timeout=WAIT_S)
    except OSError as error:
        where = f"{target.host}:{target.port}"
        reason = error.strerror or str(error)
        if proxy is not None:
            advice = "check HTTPS_PROXY, or name the bridge in NO_PROXY"
            raise Blocked(fail("proxy", f"{where} can't be reached ({reason})", advice)) from error
        advice = "is the bridge running, is its port open in the firewall, is HTTPS_PROXY needed here?"
        raise Blocked(fail("connection", f"{where} can't be reached ({reason})", advice)) from error
    if proxy is not None and url.scheme == "https":
        try:
            _tunnel(connection, url, proxy)
        except BaseException:
            connection.close()
            raise
    return connection


def _tunnel(connection: socket.socket, url: URL, proxy: URL) -> None:
    """Ask a proxy for the way to the bridge."""
    credential = ""
    if proxy.user is not None:
        pair = f"{unquote(proxy.user)}:{unquote(proxy.password or '')}"
        credential = f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}\r\n"
    connection.sendall(
        f"CONNECT {url.host}:{url.port} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n{credential}\r\n".encode()
    )
    answer = b""
    try:
        while b"\r\n\r\n" not in answer and len(answer) < 65536 and (more := connection.recv(4096)):
            answer += more
    except OSError as error:
        raise Blocked(fail("proxy", "it does not answer to CONNECT", "ask for its rules")) from error
    status = answer.split(b"\r\n", 1)[0].decode("latin-1")
    if b" 200" not in answer.split(b"\r\n", 1)[0]:
        advice = (
            "put user and password into HTTPS_PROXY"
            if " 407" in status
            else f"ask for port {url.port} to be allowed"
        )
        raise Blocked(fail("proxy", f"it refuses CONNECT: {status or 'no answer'}", advice))


def _tls(connection: socket.socket, found: Resolved) -> Iterator[Finding]:
    host = str(found.url.host)
    try:
        context = client_context(found.settings.cert)
    except EdgeError as error:
        raise Blocked(fail("TLS", error.detail)) from error
    try:
        with context.wrap_socket(connection, server_hostname=host) as secured:
            shown: Any = secured.getpeercert()
            version = secured.version()
    except ssl.SSLCertVerificationError as error:
        advice = (
            "if the issuer is a proxy of your site, TLS is intercepted: have the bridge excepted, or give the site's"
            " authority by RADICAL_BRIDGE_CERT; else give the bridge's own certificate"
        )
        if error.verify_code in {62, 64}:
            advice = f"use a name that is in it, or make one for {host}: radical-edge certs --host {host}"
        raise Blocked(fail("TLS", f"the certificate is refused: {error.verify_message}", advice)) from error
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise Blocked(
            fail("TLS", f"no TLS there ({reason})", "does the bridge speak https on this port?")
        ) from error
    issuer = ", ".join(value for pairs in shown.get("issuer", ()) for name, value in pairs if name in _ISSUER)
    ends = ssl.cert_time_to_seconds(shown["notAfter"])
    told = f"{version}, issued by {issuer or 'nobody named'}, good until {shown['notAfter']}"
    if ends - time.time() < SOON_S:
        yield warn("TLS", told, "it ends soon: radical-edge certs makes a new one")
    else:
        yield ok("TLS", told)


_ISSUER: Final = frozenset({"commonName", "organizationName"})


def _plain(found: Resolved) -> Iterator[Finding]:
    host = str(found.url.host)
    if not is_loopback(host):
        yield warn(
            "TLS",
            f"none: {host} is allowed by RADICAL_BRIDGE_ALLOW_HTTP",
            "use https; the token is in the clear",
        )
        return
    try:
        address = socket.getaddrinfo(host, found.url.port, type=socket.SOCK_STREAM)[0][4]
        check_listener(str(address[0]), int(address[1]))
    except EdgeError as error:
        raise Blocked(fail("listener", error.detail)) from error
    except OSError:
        yield warn("listener", "whose it is could not be found out")
    else:
        yield ok("listener", "plain http on this machine; the port is yours or root's")
