"""The topic ``metrics``: the sampler's answers, sent at an interval while somebody listens and never else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from radical_edge_core.plugin import Plugin
from radical_edge_sysinfo.models import Metrics
from radical_edge_sysinfo.sampler import Sampler

TOPIC = "metrics"


class Publisher:
    """
    Publishes metrics; its task begins with the first listener and ends with the last.

    The interval is the shortest that any open session asks for. A session that asks for none counts with
    the default, and so does the topic where there is no session at all.

    Args:
        plugin: Whose topic it is.
        sampler: Where the metrics come from.
        default_s: The default interval.
        published: Called with whatever is sent.
    """

    def __init__(
        self,
        plugin: Plugin,
        sampler: Sampler,
        default_s: float,
        *,
        published: Callable[[Metrics], None] = lambda _metrics: None,
    ) -> None:
        self._plugin = plugin
        self._sampler = sampler
        self._default_s = default_s
        self._published = published
        self._wishes: dict[str, float | None] = {}
        self._changed = asyncio.Event()
        self.running = False

    @property
    def wishes(self) -> Mapping[str, float | None]:
        """What the open sessions ask for."""
        return self._wishes

    def wish(self, sid: str, interval_s: float | None) -> None:
        """Take note of a session and of what it asks for."""
        self._wishes[sid] = interval_s
        self._changed.set()

    def forget(self, sid: str) -> None:
        """Drop a session that ended."""
        self._wishes.pop(sid, None)
        self._changed.set()

    def interval_s(self) -> float:
        """Return the interval that holds now."""
        return min(
            (self._default_s if wish is None else wish for wish in self._wishes.values()),
            default=self._default_s,
        )

    def watch(self) -> None:
        """Follow the listeners from now on; called once, in the loop."""
        self._plugin.context.on_listening(self._plugin.name, self._listeners_changed)
        self._listeners_changed()

    def _listening(self) -> bool:
        return self._plugin.context.listening(self._plugin.name, TOPIC)

    def _listeners_changed(self) -> None:
        self._changed.set()
        if self._listening() and not self.running:
            self.running = True
            self._plugin.run_in_background("publish metrics", self._publish)

    async def _publish(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._listening():
                began = loop.time()
                metrics = await self._sampler.metrics()
                self._plugin.notify(TOPIC, metrics)
                self._published(metrics)
                while self._listening() and (left := began + self.interval_s() - loop.time()) > 0:
                    self._changed.clear()
                    await _either(self._changed, left)
        finally:
            self.running = False


async def _either(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
