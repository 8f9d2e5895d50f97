"""Who wants to hear what: callbacks with their filters, and the careful calling of them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from attrs import field, frozen

log = logging.getLogger(__name__)

Callback = Callable[[str, str, str, Any], object]
TopologyCallback = Callable[[Mapping[str, Any]], object]
GapCallback = Callable[[Mapping[str, Any]], object]


class Runner(Protocol):
    """Runs a callback and waits for it; the synchronous client's runs it in a thread of its own."""

    async def __call__(self, callback: Callable[..., object], *arguments: object) -> object:
        """Return what the callback returns, or raise what it raises."""


async def run_here(callback: Callable[..., object], *arguments: object) -> object:
    """Run a callback in the event loop."""
    return callback(*arguments)


@frozen
class Subscription:
    """One callback and what it wants to hear; ``None`` matches everything."""

    edge: str | None
    plugin: str | None
    topic: str | None
    callback: Callback

    def matches(self, edge: str, plugin: str, topic: str) -> bool:
        """Say whether a notification is for this callback."""
        pairs = ((self.edge, edge), (self.plugin, plugin), (self.topic, topic))
        return all(wanted is None or wanted == found for wanted, found in pairs)


@frozen
class Audience:
    """
    All callbacks of one client.

    What a callback raises is logged and goes no further. The next event waits until the callbacks have
    returned, so each of them hears events in order; the bridge keeps what is not read yet.
    """

    run: Runner = run_here
    subscriptions: list[Subscription] = field(factory=list)
    topology: list[TopologyCallback] = field(factory=list)
    gaps: list[GapCallback] = field(factory=list)

    def named_topics(self) -> frozenset[str]:
        """Return the topics that a callback names; only those can be ephemeral ones."""
        return frozenset(found.topic for found in self.subscriptions if found.topic is not None)

    async def notify(self, edge: str, plugin: str, topic: str, data: object) -> None:
        """Tell a notification to whom it concerns."""
        for found in tuple(self.subscriptions):
            if found.matches(edge, plugin, topic):
                await self.tell(found.callback, edge, plugin, topic, data)

    async def tell_topology(self, edges: Mapping[str, Any]) -> None:
        """Tell which edges there are now."""
        for callback in tuple(self.topology):
            await self.tell(callback, edges)

    async def tell_gap(self, lost: Mapping[str, Any]) -> None:
        """Tell that events were lost, and which range."""
        for callback in tuple(self.gaps):
            await self.tell(callback, lost)

    async def tell(self, callback: Callable[..., object], *arguments: object) -> None:
        """Run one callback to its end, and keep to ourselves what it raises."""
        try:
            answer = await self.run(callback, *arguments)
            if inspect.isawaitable(answer):
                await _finish(answer)
        except Exception:
            log.exception("a callback failed: %r", callback)


async def _finish(answer: Awaitable[object]) -> None:
    await answer
