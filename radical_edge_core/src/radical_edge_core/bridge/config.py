"""The bridge's settings."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from radical_edge_core.config import setting
from radical_edge_core.logs import LEVELS


@frozen
class BridgeConfig:
    """What ``radical-edge-bridge`` can be told; the defaults run a bridge on loopback."""

    host: str = setting(
        "127.0.0.1", help="address to listen on; anything but loopback needs --cert and --key"
    )
    port: int = setting(8000, help="port to listen on; 0 takes a free one", least=0, most=65535)
    cert: Path | None = setting(None, help="TLS certificate, PEM", env="RADICAL_BRIDGE_CERT")
    key: Path | None = setting(None, help="TLS private key, PEM", env="RADICAL_BRIDGE_KEY")
    plain_http: bool = setting(False, help="allow plain HTTP on an address that is not loopback")
    state_dir: Path | None = setting(
        None, help="state folder; the bridge keeps bridge/ in it", env="RADICAL_EDGE_HOME"
    )
    plugins: tuple[str, ...] = setting(
        (), help="plugins to host on the bridge, comma separated; default all that can be"
    )
    log_level: str = setting(
        "INFO", help="DEBUG, INFO, WARNING or ERROR", env="RADICAL_LOG_LVL", among=LEVELS
    )
    window_kib: int = setting(
        256, help="credit of one stream, KiB; larger for long distances, at most 4096", least=64, most=4096
    )
    max_streams: int = setting(
        4096, help="calls under way per edge; more wait for one of them to end", least=1
    )
    keep_events: int = setting(100_000, help="events kept for listeners that come back", least=1)
    keep_events_h: float = setting(168.0, help="hours that events are kept", least=0)
    drain_s: float = setting(30.0, help="seconds that running calls get when the bridge stops", least=0)
