"""``radical-edge watch``: notifications, as they come."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from radical_edge_client.cli.common import bridge_options, with_bridge

if TYPE_CHECKING:
    from radical_edge_client.bridge import AsyncBridgeClient


@click.command("watch")
@click.option("--edge", metavar="EDGE", help="Only of this edge.")
@click.option("--plugin", metavar="PLUGIN", help="Only of this plugin.")
@click.option("--topic", metavar="TOPIC", help="Only of this topic. Ephemeral topics are sent only if named.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after so many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@bridge_options
def command(
    edge: str | None, plugin: str | None, topic: str | None, count: int | None, as_json: bool
) -> None:
    """Print notifications as they come, until interrupted."""

    async def main(bridge: AsyncBridgeClient) -> None:
        await bridge.list_edges()  # says at once where the bridge or the token is wrong
        heard: asyncio.Queue[tuple[Any, ...] | None] = asyncio.Queue(maxsize=1000)

        async def keep(*notification: Any) -> None:
            await heard.put(notification)

        async def gap(_lost: object) -> None:
            click.echo("radical-edge: events were lost, the bridge can't replay them", err=True)

        bridge.register_callback(edge, plugin, topic, keep)
        bridge.register_gap_callback(gap)
        left = count
        while left is None or left > 0:
            notification = await heard.get()
            assert notification is not None
            click.echo(_line(*notification, as_json=as_json))
            left = None if left is None else left - 1

    with_bridge(main)


def _line(edge: str, plugin: str, topic: str, data: object, *, as_json: bool) -> str:
    if as_json:
        document = {"edge": edge, "plugin": plugin, "topic": topic, "data": data}
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    now = datetime.now().astimezone().strftime("%H:%M:%S")
    return f"{now} {edge} {plugin} {topic} {json.dumps(data, ensure_ascii=False)}"
