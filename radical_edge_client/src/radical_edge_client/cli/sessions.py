"""The one session that all commands of a user share, for each plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from radical_edge_core.errors import NotFound

if TYPE_CHECKING:
    from radical_edge_client.bridge import AsyncBridgeClient
    from radical_edge_core.plugin import PluginClient

# Named, so that a thousand commands do not leave a thousand sessions.
NAME: Final = "cli"


async def client_of(bridge: AsyncBridgeClient, edge: str, plugin: str) -> PluginClient:
    """Return the client made from a plugin's description alone, without a session yet."""
    from radical_edge_core.plugin import PluginClient  # noqa: PLC0415  # slow to import

    description = await bridge.get_edge_client(edge).describe(plugin)
    return PluginClient(bridge.transport, description, edge)


def operation_of(client: PluginClient, name: str) -> Any:
    """
    Return what the description says of an operation.

    Raises:
        NotFound: There is none of that name; the text lists those that there are.
    """
    operations = client.description["operations"]
    if name not in operations:
        known = ", ".join(found for found, told in operations.items() if not told.get("hidden"))
        raise NotFound(
            f"{client.plugin_name} on {client.edge_name} has no operation {name!r}; it has {known}"
        )
    return operations[name]


async def open_for(client: PluginClient, operation: str) -> None:
    """Open the shared session where an operation needs one."""
    if "{sid}" in operation_of(client, operation)["path"].split("/"):
        await client.register_session(name=NAME)
