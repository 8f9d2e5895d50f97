"""Which edge and which plugin a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from radical_edge_core.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radical_edge_client.bridge import AsyncBridgeClient

HOSTED: Final = "bridge"  # the bridge's own edge, which is never meant unless it is named


async def the_edge(bridge: AsyncBridgeClient, named: str | None) -> str:
    """
    Return the edge named, else the only one that is connected.

    Raises:
        NotFound: None is connected.
        click.UsageError: Several are.
    """
    return named or only([name for name in await bridge.list_edges() if name != HOSTED])


def only(connected: Sequence[str]) -> str:
    """Return the only name there is; raises as ``the_edge`` does."""
    if not connected:
        raise NotFound("no edge is connected: start one with radical-edge-service, or radical-edge up")
    if len(connected) > 1:
        raise click.UsageError(f"several edges are connected, name one of them: {', '.join(connected)}")
    return connected[0]


async def edge_and_rest(
    bridge: AsyncBridgeClient, words: Sequence[str], most: int
) -> tuple[str, tuple[str, ...]]:
    """
    Split ``[EDGE] PLUGIN …`` where the edge may be left out.

    Args:
        bridge: Asked for the edges, where the words alone do not tell.
        words: What was typed.
        most: How many words there are with the edge.

    Returns:
        The edge, and the words after it.
    """
    if len(words) == most:
        return words[0], tuple(words[1:])
    edges = await bridge.topology()
    if words and words[0] in edges:
        return words[0], tuple(words[1:])
    connected = sorted(name for name in edges if name != HOSTED)
    edge = only(connected)
    if words and words[0] not in edges[edge]["plugins"]:
        known = ", ".join(sorted(edges[edge]["plugins"])) or "none"
        raise NotFound(
            f"{words[0]!r} is no connected edge and no plugin of edge {edge}; its plugins: {known}"
        )
    return edge, tuple(words)
