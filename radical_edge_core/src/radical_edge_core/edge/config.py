"""The edge's settings."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from radical_edge_core.config import setting
from radical_edge_core.logs import LEVELS


@frozen
class EdgeConfig:
    """What ``radical-edge-service`` can be told; each plugin has its own table ``[plugins.<name>]`` in the file."""

    name: str = setting("local", help="the edge's name, unique at its bridge", env="RADICAL_EDGE_NAME")
    url: str | None = setting(
        None, help="the bridge, ws://host:port or wss://host:port", env="RADICAL_BRIDGE_URL"
    )
    plugins: tuple[str, ...] = setting(
        (), help="plugins to mount, comma separated; default all that are installed"
    )
    disable: tuple[str, ...] = setting((), help="plugins not to mount, comma separated")
    join_token_file: Path | None = setting(
        None, help="file (mode 0600) with the join token for the first visit"
    )
    cert: Path | None = setting(
        None, help="CA, or the bridge's own self-signed certificate, PEM", env="RADICAL_BRIDGE_CERT"
    )
    state_dir: Path | None = setting(
        None, help="state folder; this edge keeps edges/<name>/ in it", env="RADICAL_EDGE_HOME"
    )
    job_dir: Path | None = setting(
        None,
        help="where job folders are made; on a shared file system where a scheduler needs it (default state folder)",
    )
    strict_plugins: bool = setting(False, help="refuse to start where any plugin fails")
    takeover: bool = setting(False, help="end another process that serves this name from this state folder")
    cancel_jobs: bool = setting(
        False, help="end local jobs when the edge stops, instead of leaving them running"
    )
    drain_s: float = setting(30.0, help="seconds that running calls get when the edge stops", least=0)
    log_level: str = setting(
        "INFO", help="DEBUG, INFO, WARNING or ERROR", env="RADICAL_LOG_LVL", among=LEVELS
    )
    window_kib: int = setting(
        256, help="credit of one stream, KiB; larger for long distances, at most 4096", least=64, most=4096
    )
