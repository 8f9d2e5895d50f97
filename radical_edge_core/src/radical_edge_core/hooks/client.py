"""Hooks of the client SDK; entry-point group ``radical_edge.clients``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from radical_edge_core.hooks.markers import hookspec

if TYPE_CHECKING:
    from radical_edge_core.plugin.client import PluginClient
    from radical_edge_core.plugin.transport import Transport


class ClientSpec:
    """What a distribution may implement for callers."""

    @hookspec(firstresult=True)
    def client_plugin(
        self, description: Mapping[str, Any], transport: Transport, edge: str
    ) -> PluginClient | None:
        """
        Make the client of one plugin of one edge.

        Called by ``get_plugin``, in the SDK's event loop. The first result counts; core's default, the client
        that is generated from the description, is asked last.

        Args:
            description: What the edge's ``describe`` said; ``description["plugin"]["name"]`` tells whose it
                is.
            transport: What carries the calls.
            edge: The edge's name.

        Returns:
            The client; ``None`` for a plugin of others.

        An implementation that raises is logged and passed over.
        """
