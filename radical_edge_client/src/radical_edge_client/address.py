"""The bridge's address: what is accepted as one, and what may be sent there."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from radical_edge_client.errors import SettingsError

_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def parse_url(text: str) -> URL:
    """
    Read a bridge URL; ``wss://`` and ``ws://``, as edges write it, mean the same bridge.

    Returns:
        The URL with scheme ``http`` or ``https`` and, where the bridge lives below a path, that path without
        a slash at its end.

    Raises:
        SettingsError: The text is no such URL.
    """
    try:
        url = URL(text.strip())
        host, scheme = url.host, _SCHEMES.get(url.scheme)
    except ValueError as error:
        raise SettingsError(f"{text!r} is no URL ({error}): write it as https://host:8000") from error
    if not host or not scheme:
        raise SettingsError(f"{text!r} is no bridge URL: write it as https://host:8000")
    if url.user or url.password or url.query_string or url.fragment:
        raise SettingsError("a bridge URL has no user, query or fragment: write it as https://host:8000")
    return url.with_scheme(scheme).with_path(url.raw_path.rstrip("/"), encoded=True)


def is_loopback(host: str) -> bool:
    """Say whether a host name or address means this machine's loopback interface."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_plain(url: URL, allowed: frozenset[str]) -> None:
    """
    Refuse plain HTTP to another machine unless its host is allowed by name.

    Raises:
        SettingsError: The token and everything else would travel in the clear.
    """
    host = url.host or ""
    if url.scheme == "http" and not is_loopback(host) and host not in allowed:
        raise SettingsError(
            f"plain http to {host} would send the token in the clear: use https, or name the host in"
            " RADICAL_BRIDGE_ALLOW_HTTP"
        )


def proxy_for(url: URL) -> URL | None:
    """Return the proxy that the environment (``HTTPS_PROXY``, ``NO_PROXY``) names; none for loopback."""
    host = url.host or ""
    proxy = getproxies().get(url.scheme)
    if not proxy or is_loopback(host) or proxy_bypass(f"{host}:{url.port}"):
        return None
    return URL(proxy if "://" in proxy else f"http://{proxy}")
