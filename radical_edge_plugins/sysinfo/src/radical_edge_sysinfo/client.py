"""The caller's side of ``sysinfo``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radical_edge_core.hooks import hookimpl
from radical_edge_core.plugin import PluginClient, Transport


class SysinfoClient(PluginClient):
    """Client of ``sysinfo``; what is not named here is generated from the edge's description."""

    async def homedir(self) -> str:
        """Return the home directory of the edge's user; needs no session."""
        answer: Any = await self.call("homedir")
        return str(answer["homedir"])

    async def host_role(self) -> dict[str, Any]:
        """Return ``role``, ``scheduler`` and ``job_id`` of the edge's host; needs no session."""
        answer: Any = await self.call("host_role")
        return dict(answer)

    async def get_metrics(self) -> dict[str, Any]:
        """Return what the edge's host has and how busy it is; ``errors`` names the groups that failed."""
        answer: Any = await self.call("get_metrics")
        return dict(answer)


@hookimpl
def client_plugin(description: Mapping[str, Any], transport: Transport, edge: str) -> PluginClient | None:
    """Offer the client for the plugin of this distribution."""
    return SysinfoClient(transport, description, edge) if description["plugin"]["name"] == "sysinfo" else None
