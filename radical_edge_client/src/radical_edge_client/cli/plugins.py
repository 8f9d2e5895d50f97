"""``radical-edge plugins``: what an edge offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from radical_edge_client.cli.common import as_json, bridge_options, with_bridge
from radical_edge_client.cli.output import print_json, print_table
from radical_edge_client.cli.target import the_edge

if TYPE_CHECKING:
    from radical_edge_client.bridge import AsyncBridgeClient


@click.command("plugins")
@click.argument("edge", required=False)
@as_json
@bridge_options
def command(edge: str | None, as_json: bool) -> None:
    """List the plugins of an edge, also those that could not be started, with the reason."""

    async def main(bridge: AsyncBridgeClient) -> dict[str, Any]:
        return await bridge.get_edge_client(await the_edge(bridge, edge)).list_plugins()

    plugins = with_bridge(main)
    if as_json:
        print_json(plugins)
        return
    fields = ("title", "version", "status", "reason")
    rows = [
        {"plugin": name, **{field: told.get(field) for field in fields}}
        for name, told in sorted(plugins.items())
    ]
    print_table(rows, ["plugin", *fields])
