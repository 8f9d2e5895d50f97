"""Hooks: each implementation by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from radical_edge_core import hooks as public
from radical_edge_core.hooks import BridgeSpec, ClientSpec, EdgeEvent, EdgeSpec, TopologyChange, hookimpl
from radical_edge_core.hooks.calls import HOOK_NAMES, Hooks
from radical_edge_core.plugin import Plugin, PluginSession
from radical_edge_core.plugin.manager import PluginManager
from radical_edge_core.plugin.session import SessionRequest


def implementing(name: str, function: Callable[..., Any], **options: Any) -> object:
    return type("Implementation", (), {name: staticmethod(hookimpl(**options)(function))})()


def test_the_hooks_are_those_of_the_contract() -> None:
    """Every hook is documented: when it is called, by whom, what it gets and what a raise means."""
    assert set(HOOK_NAMES) == {
        "edge_plugin",
        "edge_session",
        "edge_call",
        "edge_event",
        "client_plugin",
        "bridge_authenticators",
        "bridge_routes",
        "bridge_topology",
    }
    for spec in (EdgeSpec, ClientSpec, BridgeSpec):
        for name, function in vars(spec).items():
            if name in HOOK_NAMES:
                text = inspect.getdoc(function) or ""
                assert "Called" in text, name
                assert "Args:" in text, name
                assert "raise" in text, name
                for argument in list(inspect.signature(function).parameters)[1:]:
                    assert f"{argument}:" in text, (name, argument)
    assert set(public.__all__) >= {"hookimpl", "hookspec", "EdgeSpec", "ClientSpec", "BridgeSpec"}


def test_an_observer_that_raises_is_counted_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """The others are told all the same, in the order of registration."""
    hooks = Hooks()
    seen: list[str] = []

    def raising(event: EdgeEvent) -> None:
        raise SystemExit(event.topic)

    hooks.manager.register(implementing("edge_event", raising), name="a")
    hooks.manager.register(implementing("edge_event", lambda event: seen.append(event.topic)), name="b")
    hooks.manager.register(implementing("edge_event", lambda: seen.append("argumentless")), name="c")
    hooks.manager.register(
        implementing("edge_event", lambda event: seen.append("first"), tryfirst=True), name="d"
    )
    event = EdgeEvent(edge="e", plugin="p", topic="t", data={}, owner="", durable=True)
    hooks.edge_event(event)
    assert seen == ["first", "t", "argumentless"]
    assert hooks.raised == {"a": 1}
    assert "the hook edge_event of a raised" in caplog.text
    assert hooks.has_observers("edge_event")
    assert not hooks.has_observers("edge_call")


async def test_a_session_may_come_from_a_hook(context: Any, serve_app: Any) -> None:
    """The first result counts; a hook that raises or declines leaves it to the next, at last to the plugin."""

    class Own(PluginSession):
        pass

    class Better(PluginSession):
        pass

    class Sessions(Plugin):
        name = "sessions"
        session_class = Own

    def offer(plugin: Plugin, request: SessionRequest) -> PluginSession | None:
        if request.name == "broken":
            raise ValueError("no")
        return Better(plugin, request.sid, request.owner) if request.name == "better" else None

    manager = PluginManager(context_for=lambda _name: context)
    manager.hooks.manager.register(implementing("edge_session", offer), name="offer")
    mounted = manager.add(Sessions(context))
    await manager.start_all()
    served = serve_app(mounted)
    sessions = mounted.plugin.sessions  # type: ignore[union-attr]
    kinds = {
        name: type(sessions.get(await served.sid(name=name), "alice"))
        for name in ("better", "plain", "broken")
    }
    assert kinds == {"better": Better, "plain": Own, "broken": Own}
    await manager.stop_all()


def test_the_bridges_hooks_gather_and_tell() -> None:
    """Sequences are joined in order; ``None`` counts as nothing."""
    hooks = Hooks()
    told: list[TopologyChange] = []

    def tell(change: TopologyChange) -> None:
        told.append(change)

    hooks.manager.register(implementing("bridge_routes", lambda context: ["r1", "r2"]), name="a")
    hooks.manager.register(implementing("bridge_routes", lambda: None), name="b")
    hooks.manager.register(implementing("bridge_routes", lambda: 1 / 0), name="c")
    hooks.manager.register(implementing("bridge_authenticators", lambda: ["auth"]), name="d")
    hooks.manager.register(implementing("bridge_topology", tell), name="e")
    context: Any = object()
    assert hooks.bridge_routes(context) == ["r1", "r2"]
    assert hooks.bridge_authenticators(context) == ["auth"]
    change = TopologyChange(edge="e", kind="connected")
    hooks.bridge_topology(change)
    assert told == [change]
