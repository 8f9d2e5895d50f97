"""
Typed calls of the hooks, one implementation at a time.

A plain pluggy call ends at the first implementation that raises. Here each is guarded by itself: what it
raises is logged with the name of its distribution's entry point, counted in ``raised``, and never stops the
others.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pluggy

from radical_edge_core.hooks.bridge import BridgeSpec
from radical_edge_core.hooks.client import ClientSpec
from radical_edge_core.hooks.edge import EdgeSpec
from radical_edge_core.hooks.markers import PROJECT

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from radical_edge_core.hooks.bridge import Authenticator, BridgeContext, TopologyChange
    from radical_edge_core.hooks.edge import EdgeEvent
    from radical_edge_core.plugin.base import Plugin
    from radical_edge_core.plugin.call import OperationCall
    from radical_edge_core.plugin.client import PluginClient
    from radical_edge_core.plugin.context import PluginContext
    from radical_edge_core.plugin.session import PluginSession, SessionRequest
    from radical_edge_core.plugin.transport import Transport

log = logging.getLogger(__name__)


_SPECS: Final = (EdgeSpec, ClientSpec, BridgeSpec)
HOOK_NAMES: Final = tuple(
    name for spec in _SPECS for name, value in vars(spec).items() if hasattr(value, f"{PROJECT}_spec")
)


def build_hooks() -> pluggy.PluginManager:
    """Return a new plugin manager that knows every hook; a module may implement those of several hosts."""
    manager = pluggy.PluginManager(PROJECT)
    for spec in _SPECS:
        manager.add_hookspecs(spec)
    return manager


class Hooks:
    """
    The hooks of one process.

    Attributes:
        manager: Where implementations are registered, each under its entry point's name.
        raised: How often the implementation of each name has raised.
    """

    def __init__(self, manager: pluggy.PluginManager | None = None) -> None:
        self.manager = manager or build_hooks()
        self.raised: Counter[str] = Counter()

    def edge_plugin(self, name: str, context: PluginContext) -> Plugin | None:
        """Ask the implementation of one name for its plugin; what it raises is for the loader."""
        found: list[Plugin] = [
            made
            for owner, call in self._each("edge_plugin")
            if owner == name and (made := call(context=context))
        ]
        return found[0] if found else None

    def implements(self, name: str, hook: str) -> bool:
        """Say whether the implementation of one name has this hook."""
        return any(owner == name for owner, _ in self._each(hook))

    def has_observers(self, hook: str) -> bool:
        """Say whether anybody implements a hook."""
        return bool(getattr(self.manager.hook, hook).get_hookimpls())

    def edge_session(self, plugin: Plugin, request: SessionRequest) -> PluginSession:
        """Return the first session offered, else the plugin's own."""
        made: PluginSession | None = self._first("edge_session", plugin=plugin, request=request)
        return made if made is not None else plugin.create_session(request)

    def edge_call(self, call: OperationCall) -> None:
        """Tell every observer of a call."""
        self._all("edge_call", call=call)

    def edge_event(self, event: EdgeEvent) -> None:
        """Tell every observer of an event."""
        self._all("edge_event", event=event)

    def client_plugin(self, description: Mapping[str, Any], transport: Transport, edge: str) -> PluginClient:
        """Return the first client offered, else the one generated from the description."""
        made: PluginClient | None = self._first(
            "client_plugin", description=description, transport=transport, edge=edge
        )
        if made is not None:
            return made
        from radical_edge_core.plugin.client import PluginClient as Generated  # noqa: PLC0415 - it needs the hooks

        return Generated(transport, description, edge)

    def bridge_authenticators(self, context: BridgeContext) -> list[Authenticator]:
        """Return every authenticator offered, in the order of the entry points' names."""
        found: list[Sequence[Authenticator]] = self._all("bridge_authenticators", context=context)
        return [item for items in found for item in items]

    def bridge_routes(self, context: BridgeContext) -> list[BaseRoute]:
        """Return every route offered, in the order of the entry points' names."""
        found: list[Sequence[BaseRoute]] = self._all("bridge_routes", context=context)
        return [item for items in found for item in items]

    def bridge_topology(self, change: TopologyChange) -> None:
        """Tell every observer of a change."""
        self._all("bridge_topology", change=change)

    def _each(self, hook: str) -> Iterator[tuple[str, Any]]:
        """Yield the implementations: ``tryfirst`` ones, then the others as registered, ``trylast`` ones."""
        found = getattr(self.manager.hook, hook).get_hookimpls()
        for implementation in sorted(found, key=lambda impl: impl.trylast - impl.tryfirst):

            def call(_implementation: Any = implementation, /, **arguments: object) -> Any:
                taken = {name: arguments[name] for name in _implementation.argnames}
                return _implementation.function(**taken)

            yield implementation.plugin_name, call

    def _all(self, hook: str, **arguments: object) -> list[Any]:
        found = []
        for owner, call in self._each(hook):
            result = self._guarded(owner, hook, call, arguments)
            if result is not None:
                found.append(result)
        return found

    def _first(self, hook: str, **arguments: object) -> Any:
        for owner, call in self._each(hook):
            result = self._guarded(owner, hook, call, arguments)
            if result is not None:
                return result
        return None

    def _guarded(self, owner: str, hook: str, call: Any, arguments: Mapping[str, object]) -> Any:
        try:
            return call(**arguments)
        except KeyboardInterrupt:
            raise
        except BaseException:  # isolation point: an implementation fails alone
            self.raised[owner] += 1
            log.exception("the hook %s of %s raised", hook, owner)
            return None
