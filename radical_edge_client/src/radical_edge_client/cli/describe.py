"""``radical-edge describe``: what a plugin can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from radical_edge_client.cli.common import as_json, bridge_options, with_bridge
from radical_edge_client.cli.output import print_json, print_table
from radical_edge_client.cli.target import edge_and_rest

if TYPE_CHECKING:
    from radical_edge_client.bridge import AsyncBridgeClient


@click.command("describe")
@click.argument("words", nargs=-1, required=True, metavar="[EDGE] PLUGIN")
@as_json
@bridge_options
def command(words: tuple[str, ...], as_json: bool) -> None:
    """Show the operations of a plugin, and the topics of its notifications."""

    async def main(bridge: AsyncBridgeClient) -> dict[str, Any]:
        edge, rest = await edge_and_rest(bridge, words, most=2)
        if len(rest) != 1:
            raise click.UsageError("name one plugin: radical-edge describe [EDGE] PLUGIN")
        return await bridge.get_edge_client(edge).describe(rest[0])

    description = with_bridge(main)
    if as_json:
        print_json(description)
    else:
        print_description(description)


def print_description(description: dict[str, Any]) -> None:
    """Print a plugin's description for people."""
    plugin = description["plugin"]
    click.echo(f"{plugin['name']} {plugin['version']}: {plugin.get('summary') or plugin.get('title')}\n")
    print_table(
        {"operation": name, "effect": told["effect"], "": told.get("summary") or told["title"]}
        for name, told in description["operations"].items()
        if not told.get("hidden")
    )
    topics = description.get("topics") or {}
    if topics:
        click.echo(
            "\nnotifications: " + ", ".join(f"{topic} ({told['kind']})" for topic, told in topics.items())
        )
