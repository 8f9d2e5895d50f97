"""One edge as its callers see it, in an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from radical_edge_core.errors import EdgeAway, NotFound

if TYPE_CHECKING:
    from radical_edge_client.bridge import AsyncBridgeClient
    from radical_edge_core.plugin import PluginClient


class AsyncEdgeClient:
    """One edge of a bridge; made by ``AsyncBridgeClient.get_edge_client``."""

    def __init__(self, bridge: AsyncBridgeClient, name: str) -> None:
        self._bridge = bridge
        self.name = name

    async def list_plugins(self) -> dict[str, Any]:
        """
        Return what the edge's plugins announce, by name.

        Raises:
            EdgeAway: The edge is known, and not connected.
            NotFound: No edge of that name was ever enrolled.
        """
        edges = await self._bridge.topology()
        if self.name in edges:
            plugins: dict[str, Any] = edges[self.name]["plugins"]
            return plugins
        if any(edge["name"] == self.name for edge in await self._bridge.known_edges()):
            raise EdgeAway(f"edge {self.name!r} is not connected at the moment")
        raise NotFound(f"there is no edge {self.name!r}; connected are {', '.join(sorted(edges)) or 'none'}")

    async def describe(self, plugin_name: str) -> dict[str, Any]:
        """Return a plugin's own description: its operations with their schemas, its topics, its views."""
        path = f"/{quote(self.name, safe='')}/{quote(plugin_name, safe='')}/describe"
        description: Any = await self._bridge.transport.request("GET", path, repeat=True)
        return dict(description)

    async def get_plugin(self, plugin_name: str, **session_kwargs: Any) -> PluginClient:
        """
        Return the client of one plugin, with a session open where the plugin has sessions.

        Args:
            plugin_name: Its name on this edge.
            session_kwargs: What the session is opened with; ``name`` gets the session of that name where it
                exists.
        """
        description = await self.describe(plugin_name)
        client = self._bridge.hooks.client_plugin(description, self._bridge.transport, self.name)
        if description.get("sessions"):
            await client.register_session(**session_kwargs)
        elif session_kwargs:
            raise TypeError(
                f"plugin {plugin_name!r} has no sessions, so it takes no {', '.join(session_kwargs)}"
            )
        return client
