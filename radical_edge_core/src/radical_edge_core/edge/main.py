"""``radical-edge-service``: parse, build, run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from radical_edge_core import __version__
from radical_edge_core.config import add_flags, explicit_file, load, show
from radical_edge_core.edge.config import EdgeConfig
from radical_edge_core.edge.lease import Lease
from radical_edge_core.edge.service import list_plugins, serve
from radical_edge_core.errors import EdgeError
from radical_edge_core.logs import configure
from radical_edge_core.names import check_edge_name
from radical_edge_core.process import run
from radical_edge_core.state import home_folder, private_folder


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run an edge.

    Returns:
        0 stopped, 1 a plugin failed under --strict-plugins, 2 wrong settings or the state folder is in use, 3 refused
        by the bridge, 4 replaced by another instance.
    """
    parser = argparse.ArgumentParser(
        prog="radical-edge-service",
        description="An edge: runs on the resource as its user, dials the bridge and serves the installed plugins.",
    )
    add_flags(parser, EdgeConfig)
    parser.add_argument("--config", type=Path, help="TOML file; its tables [edge] and [plugins.<name>] count")
    parser.add_argument(
        "--show-config", action="store_true", help="print each setting with its origin, and stop"
    )
    parser.add_argument(
        "--list-plugins", action="store_true", help="print what is installed and whether it starts, and stop"
    )
    parser.add_argument("--version", action="version", version=__version__)
    flags = vars(parser.parse_args(argv))
    try:
        home = Path(flags.get("state_dir") or home_folder(os.environ)).expanduser()
        file = explicit_file(flags.pop("config"), home / "config.toml")
        showing, listing = flags.pop("show_config"), flags.pop("list_plugins")
        config, origins = load(EdgeConfig, flags=flags, environ=os.environ, file=file, table="edge")
        check_edge_name(config.name)
        if showing:
            print(show(config, origins))  # noqa: T201 - what was asked for
            return 0
        configure("ERROR" if listing else config.log_level)
        folder = private_folder(private_folder(private_folder(home) / "edges") / config.name)
        if listing:
            return run(list_plugins(config, folder, file))
        lease = Lease(folder / "lease")
        lease.take(takeover=config.takeover)
        try:
            return run(serve(config, home, folder, file))
        finally:
            lease.release()
    except (EdgeError, OSError) as exc:
        print(f"radical-edge-service: {getattr(exc, 'detail', exc)}", file=sys.stderr)  # noqa: T201
        return 2
