"""What other distributions add to a bridge: entry-point group ``radical_edge.bridge``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint
from typing import Final

from starlette.routing import BaseRoute

from radical_edge_core.bridge.auth.door import Identity
from radical_edge_core.bridge.headers import Header
from radical_edge_core.bridge.registry import Registry
from radical_edge_core.errors import EdgeError, Unauthorized
from radical_edge_core.hooks.bridge import Authenticator, BridgeContext, TopologyChange
from radical_edge_core.hooks.calls import Hooks
from radical_edge_core.plugin.loader import GROUPS, Wanted, installed, load_hooks
from radical_edge_core.plugin.report import PluginReport

log = logging.getLogger(__name__)
_ASK_S: Final = 10.0
Seen = dict[str, tuple[bool, dict[str, dict[str, object]]]]


class Extensions:
    """
    The bridge hooks of one process.

    Args:
        context: What each distribution is told.
    """

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._hooks = Hooks()
        self._authenticators: list[Authenticator] = []
        self._seen: Seen = {}
        self.routes: list[BaseRoute] = []
        self.reports: list[PluginReport] = []

    def load(self, found: Collection[EntryPoint] | None = None) -> None:
        """Import what is installed and ask it for authenticators and routes; called once, in the loop."""
        self.reports = load_hooks(
            self._hooks, installed(GROUPS["bridge"]) if found is None else found, Wanted()
        )
        for report in self.reports:
            log.info(
                "bridge extension %s %s: %s %s", report.name, report.version, report.status, report.reason
            )
        self._authenticators = self._hooks.bridge_authenticators(self._context)
        self.routes = self._hooks.bridge_routes(self._context)

    async def identify(self, headers: list[Header], unknown: Unauthorized) -> Identity:
        """
        Ask the authenticators who sent a request that the bridge's own tokens do not explain.

        Raises:
            Unauthorized: Nobody knows; ``unknown`` where no authenticator said more.
        """
        if self._authenticators:
            texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
            for authenticator in self._authenticators:
                if (found := await _ask(authenticator, texts)) is not None:
                    return found
        raise unknown

    def tell(self, registry: Registry) -> None:
        """Tell of every edge that came, went or changed since the last time."""
        now: Seen = {record.name: (record.connected, record.plugins) for record in registry}
        for change in _changes(self._seen, now):
            self._hooks.bridge_topology(change)
        self._seen = now


async def _ask(authenticator: Authenticator, headers: Mapping[str, str]) -> Identity | None:
    try:
        async with asyncio.timeout(_ASK_S):
            caller = await authenticator.authenticate(headers)
    except EdgeError:
        raise
    except Exception:  # isolation point: an authenticator that breaks lets nobody in
        log.exception("the authenticator %r failed", authenticator)
        return None
    return None if caller is None else Identity(caller.subject, caller.scopes, "")


def _changes(before: Seen, now: Seen) -> list[TopologyChange]:
    found = [TopologyChange(edge=name, kind="removed") for name in before.keys() - now.keys()]
    for name, (connected, plugins) in now.items():
        was = before.get(name)
        if was is None or was[0] != connected:
            if connected or was is not None:
                found.append(
                    TopologyChange(edge=name, kind="connected" if connected else "away", plugins=plugins)
                )
        elif was[1] != plugins:
            found.append(TopologyChange(edge=name, kind="changed", plugins=plugins))
    return found
