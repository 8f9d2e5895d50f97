"""``radical-edge-bridge``: parse, build, run."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from radical_edge_core import __version__
from radical_edge_core.bridge import access_log, server
from radical_edge_core.bridge.app import Bridge
from radical_edge_core.bridge.config import BridgeConfig
from radical_edge_core.bridge.masking import mask_in_c
from radical_edge_core.config import add_flags, explicit_file, load, show
from radical_edge_core.errors import EdgeError
from radical_edge_core.logs import configure
from radical_edge_core.process import raise_descriptor_limit, run, stop_on_signals
from radical_edge_core.state import BRIDGE_CERT, BRIDGE_URL, home_folder, private_folder, write_private

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bridge; returns the exit code: 0 stopped, 2 wrong settings, 1 anything else."""
    parser = argparse.ArgumentParser(
        prog="radical-edge-bridge",
        description="The public hub: edges register with it, and it forwards requests to them.",
    )
    add_flags(parser, BridgeConfig)
    parser.add_argument("--config", type=Path, help="TOML file; its table [bridge] holds these settings")
    parser.add_argument(
        "--show-config", action="store_true", help="print each setting with its origin, and stop"
    )
    parser.add_argument("--version", action="version", version=__version__)
    flags = vars(parser.parse_args(argv))
    try:
        home = Path(flags.get("state_dir") or home_folder(os.environ)).expanduser()
        file = explicit_file(flags.pop("config"), home / "config.toml")
        showing = flags.pop("show_config")
        config, origins = load(BridgeConfig, flags=flags, environ=os.environ, file=file, table="bridge")
        if showing:
            print(show(config, origins))  # noqa: T201 - what was asked for
            return 0
        configure(config.log_level)
        return run(_run(config, private_folder(private_folder(home) / "bridge")))
    except (EdgeError, OSError) as exc:
        print(f"radical-edge-bridge: {getattr(exc, 'detail', exc)}", file=sys.stderr)  # noqa: T201
        return 2


async def _run(config: BridgeConfig, folder: Path) -> int:
    raise_descriptor_limit()
    mask_in_c()  # here already: it imports much, which would hold up whoever connects first
    stopping = asyncio.Event()
    listener = server.bind(config)
    url = server.url_of(config, listener)

    def terminate(reason: str) -> None:
        log.info("stopping: %s", reason)
        stopping.set()

    bridge = Bridge(
        config, folder, url=url, terminate=terminate, access_log=access_log.standard(config.log_level)
    )
    stop_on_signals(stopping)
    await bridge.start()
    _leave_certificate(config, folder / BRIDGE_CERT)
    write_private(folder / BRIDGE_URL, url + "\n")
    log.info("bridge %s listens on %s", __version__, url)

    async def drained() -> None:
        await stopping.wait()
        await bridge.stop()

    try:
        await server.serve(bridge, config, listener, drained)
    finally:
        listener.close()
    log.info("stopped")
    return 0


def _leave_certificate(config: BridgeConfig, path: Path) -> None:
    """Leave the certificate beside the URL, so that clients on this machine trust a self-signed one unasked."""
    if config.cert is None:
        path.unlink(missing_ok=True)
    else:
        write_private(path, config.cert.read_text(encoding="utf-8"))
