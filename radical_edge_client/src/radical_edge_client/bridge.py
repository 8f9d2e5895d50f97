"""The bridge as its callers see it, in an event loop."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from radical_edge_client.edge import AsyncEdgeClient
from radical_edge_client.settings import Resolved, resolve
from radical_edge_client.subscriptions import Callback, GapCallback, Runner, TopologyCallback, run_here
from radical_edge_client.transport import HttpTransport

if TYPE_CHECKING:
    from radical_edge_core.hooks.calls import Hooks


class AsyncBridgeClient:
    """
    One bridge; made and used in one event loop.

    Args:
        url: The bridge's address; by default ``RADICAL_BRIDGE_URL``, else what the state folder says.
        cert: A PEM file with the bridge's own certificate or its authority's; by default
            ``RADICAL_BRIDGE_CERT``.
        token: By default ``RADICAL_BRIDGE_TOKEN``, else the admin token of this machine's own bridge.
        deadline_s: Seconds after which a call that may be repeated is given up; others get ten times as long.
        patience_s: For how long a bridge that can't be reached is tried again by calls that only read.
        resolved: The settings, where they were found already; the arguments above are then not looked at.
        run_callback: How callbacks are run; by default in the event loop, so they must not block.

    Raises:
        SettingsError: No bridge is known, or the settings do not allow to speak to it.
    """

    def __init__(
        self,
        url: str | None = None,
        cert: str | os.PathLike[str] | None = None,
        *,
        token: str | None = None,
        deadline_s: float | None = None,
        patience_s: float = math.inf,
        resolved: Resolved | None = None,
        run_callback: Runner = run_here,
    ) -> None:
        self._resolved = resolved or resolve(
            os.environ,
            url=url,
            cert=None if cert is None else os.fspath(cert),
            token=token,
            deadline_s=deadline_s,
        )
        self._transport = HttpTransport(self._resolved, patience_s=patience_s, run=run_callback)

    @property
    def url(self) -> str:
        """The bridge's address."""
        return str(self._transport.url)

    @cached_property
    def hooks(self) -> Hooks:
        """The installed plugin clients (entry points ``radical_edge.clients``), imported on first use."""
        from radical_edge_core.hooks.calls import Hooks  # noqa: PLC0415  # slow to import, and often not needed
        from radical_edge_core.plugin.loader import GROUPS, Wanted, installed, load_hooks  # noqa: PLC0415

        hooks = Hooks()
        load_hooks(hooks, installed(GROUPS["client"]), Wanted())
        return hooks

    @property
    def transport(self) -> HttpTransport:
        """The way to the bridge, for calls that have no method here."""
        return self._transport

    async def list_edges(self) -> list[str]:
        """Return the names of the connected edges, sorted; the bridge's own, where it hosts plugins, comes last."""
        return list(await self.topology())

    async def topology(self) -> dict[str, Any]:
        """Return the connected edges by name, each with its ``endpoint`` and ``plugins``."""
        answer: Any = await self._transport.request("POST", "/edge/list", repeat=True)
        edges: dict[str, Any] = answer["data"]["edges"]
        return edges

    async def known_edges(self) -> list[dict[str, Any]]:
        """Return the edges that may be seen, also those away: ``name``, ``connected``, ``plugins``, …"""
        answer: Any = await self._transport.request("GET", "/edges", repeat=True)
        edges: list[dict[str, Any]] = answer["edges"]
        return edges

    def get_edge_client(self, edge_id: str) -> AsyncEdgeClient:
        """Return the client of one edge; the edge is asked when it is first needed."""
        return AsyncEdgeClient(self, edge_id)

    def register_callback(
        self,
        edge_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None:
        """
        Call ``callback(edge, plugin, topic, data)`` for each notification that all filters match.

        Args:
            edge_id: The edge, ``None`` for every one.
            plugin_name: The plugin, ``None`` for every one.
            topic: The topic, ``None`` for every durable one. Ephemeral ones (live metrics) are heard only by
                name.
            callback: A function or coroutine function; what it raises is logged.
        """
        self._transport.subscribe(edge_id, plugin_name, topic, _given(callback))

    def unregister_callback(
        self,
        edge_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None:
        """Undo one ``register_callback`` of the same arguments; without one, do nothing."""
        self._transport.unsubscribe(edge_id, plugin_name, topic, _given(callback))

    def register_topology_callback(self, callback: TopologyCallback) -> None:
        """Call ``callback(edges)`` with the connected edges now, and after every change."""
        self._transport.audience.topology.append(callback)
        self._transport.events.tell_edges(callback)
        self._transport.events.refresh()

    def unregister_topology_callback(self, callback: TopologyCallback) -> None:
        """Undo one ``register_topology_callback``; without one, do nothing."""
        with suppress(ValueError):
            self._transport.audience.topology.remove(callback)

    def register_gap_callback(self, callback: GapCallback) -> None:
        """Call ``callback(lost)`` when notifications were lost for good, with the range that was lost."""
        self._transport.audience.gaps.append(callback)
        self._transport.events.refresh()

    def unregister_gap_callback(self, callback: GapCallback) -> None:
        """Undo one ``register_gap_callback``; without one, do nothing."""
        with suppress(ValueError):
            self._transport.audience.gaps.remove(callback)

    async def wait_for_listener(self, timeout: float = 30) -> bool:
        """
        Wait until notifications are listened to, so that none of what is started afterwards is missed.

        Args:
            timeout: In seconds.

        Returns:
            Whether they are; where not, the log says why.
        """
        return await self._transport.events.wait_live(timeout)

    async def create_token(
        self,
        scopes: Sequence[str],
        expires_s: float | None = None,
        label: str | None = None,
        subject: str | None = None,
        join: bool = False,
    ) -> dict[str, Any]:
        """
        Make a token no wider than this client's own.

        Args:
            scopes: As ``read:*/queue_info`` or ``write:hpc-*``; of no account for a join token.
            expires_s: Seconds until it ends; ``None`` for never.
            label: What it is for.
            subject: Who holds it; by default the subject of this client's own token.
            join: Make a token that lets one edge join the bridge, and nothing else.

        Returns:
            ``token`` (the secret, shown this once), ``id`` and what was asked for.
        """
        fields = {
            "scopes": list(scopes) or None,
            "expires_s": expires_s,
            "label": label,
            "subject": subject,
            "join": join or None,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        answer: Any = await self._transport.request("POST", "/tokens", json=given)
        return dict(answer)

    async def list_tokens(self) -> list[dict[str, Any]]:
        """Return the tokens that may be seen, without their secrets."""
        answer: Any = await self._transport.request("GET", "/tokens", repeat=True)
        return list(answer["tokens"] if isinstance(answer, Mapping) else answer)

    async def revoke_token(self, token_id: str) -> dict[str, Any]:
        """End a token, at once."""
        answer: Any = await self._transport.request("DELETE", f"/tokens/{quote(token_id, safe='')}")
        return dict(answer)

    async def disconnect_edge(self, edge_id: str) -> dict[str, Any]:
        """End an edge's process."""
        answer: Any = await self._transport.request("POST", f"/edge/disconnect/{quote(edge_id, safe='')}")
        return dict(answer)

    async def forget_edge(self, edge_id: str) -> dict[str, Any]:
        """Free an edge's name: its credential is void, and another edge may join under that name."""
        answer: Any = await self._transport.request("DELETE", f"/edges/{quote(edge_id, safe='')}")
        return dict(answer)

    async def terminate_bridge(self) -> dict[str, Any]:
        """End the bridge's process; edges go on, and come back to its successor."""
        answer: Any = await self._transport.request("POST", "/bridge/terminate")
        return dict(answer)

    async def close(self) -> None:
        """Stop listening and let go of every connection; may be called again."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _given(callback: Callback | None) -> Callback:
    if callback is None:
        raise TypeError("a callback is needed")
    return callback
