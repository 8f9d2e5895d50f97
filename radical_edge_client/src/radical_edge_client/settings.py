"""
Where the bridge is, how its certificate is checked, and which token it gets.

Each value is found in this order: argument (or flag), environment, the file ``client.toml`` of the state
folder, and last what a bridge on this machine left in the state folder: ``bridge/bridge.url``,
``bridge/bridge.cert`` and ``bridge/admin.token``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import evolve, frozen
from yarl import URL

from radical_edge_client.address import is_loopback, parse_url
from radical_edge_client.errors import NoBridge, SettingsError
from radical_edge_core.config import load, setting
from radical_edge_core.state import ADMIN_TOKEN, BRIDGE_CERT, BRIDGE_URL, home_folder, read_secret


@frozen(kw_only=True)
class Settings:
    """How to reach one bridge."""

    url: str | None = setting(None, env="RADICAL_BRIDGE_URL", help="the bridge, as https://host:8000")
    cert: str | None = setting(
        None, env="RADICAL_BRIDGE_CERT", help="PEM file: the bridge's own certificate, or its authority's"
    )
    token: str | None = setting(
        None, env="RADICAL_BRIDGE_TOKEN", flag=False, secret=True, help="what the bridge knows the caller by"
    )
    allow_http: tuple[str, ...] = setting(
        (),
        env="RADICAL_BRIDGE_ALLOW_HTTP",
        help="hosts that may be spoken to without TLS, separated by commas",
    )
    deadline_s: float = setting(
        60.0,
        env="RADICAL_BRIDGE_DEADLINE",
        help="seconds after which a call that is repeated is given up; others get ten times as long",
    )


@frozen(kw_only=True)
class Resolved:
    """The settings of one client with the origin of each, and the state folder they were completed from."""

    settings: Settings
    origins: Mapping[str, str]
    home: Path

    @property
    def url(self) -> URL:
        """The bridge's address; raises ``SettingsError`` where none is known or the text is none."""
        if self.settings.url is None:
            raise NoBridge(
                "no bridge is known: start one with `radical-edge up`, or set RADICAL_BRIDGE_URL (and"
                " RADICAL_BRIDGE_TOKEN)"
            )
        return parse_url(self.settings.url)


def resolve(environ: Mapping[str, str], **given: object) -> Resolved:
    """
    Find the settings of a client.

    Args:
        environ: The environment.
        given: Arguments or flags by field name of ``Settings``; ``None`` counts as not given.

    Returns:
        The settings; a missing URL or token is ``None`` in them.

    Raises:
        ConfigError: A value can't be used; the text names it and where it came from.
    """
    home = home_folder(environ)
    settings, origins = load(Settings, flags=given, environ=environ, file=home / "client.toml")
    origins = {name: f"argument {name}" if "flag" in origin else origin for name, origin in origins.items()}
    if settings.cert is not None:
        settings = evolve(settings, cert=str(Path(settings.cert).expanduser()))
    bridge_url = home / "bridge" / BRIDGE_URL
    own = _read(bridge_url)
    if settings.url is None and own is not None:
        settings, origins["url"] = evolve(settings, url=own), f"file {bridge_url}"
    left = home / "bridge" / BRIDGE_CERT
    if settings.cert is None and settings.url and _is_same(parse_url(settings.url), own) and left.exists():
        settings, origins["cert"] = evolve(settings, cert=str(left)), f"file {left}"
    admin = home / "bridge" / ADMIN_TOKEN
    if settings.token is None and settings.url and _is_own(parse_url(settings.url), own):
        token = _read(admin)
        if token is not None:
            settings, origins["token"] = evolve(settings, token=token), f"file {admin}"
    return Resolved(settings=settings, origins=origins, home=home)


def _is_own(url: URL, own: str | None) -> bool:
    """
    Say whether a bridge is the one that wrote this state folder; its admin token is no other bridge's
    business.
    """
    return is_loopback(url.host or "") or _is_same(url, own)


def _is_same(url: URL, own: str | None) -> bool:
    """Say whether a URL is the one that this state folder's bridge has written, by whichever loopback name."""
    if own is None:
        return False
    written = parse_url(own)
    loopback = is_loopback(url.host or "") and is_loopback(written.host or "")
    return (url.scheme, url.port) == (written.scheme, written.port) and (loopback or url.host == written.host)


def _read(path: Path) -> str | None:
    try:
        return read_secret(path)
    except OSError as error:
        raise SettingsError(f"{path} can't be read ({error.strerror}): is it another user's?") from error
