"""``radical-edge edges``: which edges there are, and what an administrator may do to one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from radical_edge_client.cli.common import as_json, bridge_options, with_bridge
from radical_edge_client.cli.output import print_json, print_table


@click.group("edges", invoke_without_command=True)
@as_json
@bridge_options
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the edges: those that are connected, and those that are away."""
    if ctx.invoked_subcommand is not None:
        return
    edges = with_bridge(lambda bridge: bridge.known_edges())
    if as_json:
        print_json({"edges": edges, "total": len(edges)})
    else:
        print_table([_row(edge) for edge in edges], ["edge", "state", "since", "host", "version", "plugins"])


@command.command("disconnect")
@click.argument("edge")
@bridge_options
def disconnect(edge: str) -> None:
    """End an edge's process."""
    with_bridge(lambda bridge: bridge.disconnect_edge(edge))


@command.command("forget")
@click.argument("edge")
@bridge_options
def forget(edge: str) -> None:
    """Free an edge's name: its credential is void, and another edge may join under it."""
    with_bridge(lambda bridge: bridge.forget_edge(edge))


def _row(edge: Mapping[str, Any]) -> dict[str, Any]:
    state = "connected" if edge["connected"] else "away"
    if edge.get("suspect"):
        state = "suspect"
    if edge.get("reason"):
        state += f": {edge['reason']}"
    return {
        "edge": edge["name"],
        "state": state,
        "since": _ago(edge.get("since")),
        "host": edge.get("host"),
        "version": edge.get("version"),
        "plugins": edge.get("plugins"),
    }


def _ago(seconds: object) -> str | None:
    """Return how long ago a time (seconds since 1970) was, in its largest unit."""
    if not isinstance(seconds, int | float):
        return None
    passed = max(0, int(time.time() - seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed >= 2 * length:
            return f"{passed // length} {unit}"
    return f"{passed} s"
