"""The plugin and its sessions: operations over one sampler, and the topic that follows it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from attrs import frozen
from msgspec import Meta

from radical_edge_core.plugin import Plugin, PluginContext, PluginSession, operation
from radical_edge_sysinfo import __version__
from radical_edge_sysinfo.config import MAX_INTERVAL_S, MIN_INTERVAL_S, SysinfoConfig
from radical_edge_sysinfo.history import Recorder
from radical_edge_sysinfo.models import History, HomeDir, HostRole, Metrics
from radical_edge_sysinfo.publisher import Publisher
from radical_edge_sysinfo.roles import host_role
from radical_edge_sysinfo.sampler import Sampler
from radical_edge_sysinfo.views import VIEWS

Interval = Annotated[
    float,
    Meta(ge=MIN_INTERVAL_S, le=MAX_INTERVAL_S, title="Interval", description="Seconds between two events."),
]


@frozen(kw_only=True)
class SysinfoOptions:
    """
    What ``register_session`` takes.

    Args:
        metrics_interval_s: Seconds between two events of ``metrics``; absent, the edge's setting counts.
    """

    metrics_interval_s: Interval | None = None


@frozen(kw_only=True)
class IntervalSet:
    """The seconds between two events of ``metrics`` that hold now, the shortest that any session asks for."""

    interval_s: float


class SysinfoSession(PluginSession):
    """One caller's session; it owns nothing but its wish for an interval."""

    options_class: ClassVar[type[Any] | None] = SysinfoOptions
    plugin: SysinfoPlugin

    async def open(self) -> None:
        """Make the session's wish count."""
        if isinstance(self.options, SysinfoOptions) and self.sid not in self.plugin.publisher.wishes:
            self.plugin.publisher.wish(self.sid, self.options.metrics_interval_s)

    async def close(self) -> None:
        """Withdraw the session's wish."""
        self.plugin.publisher.forget(self.sid)

    def snapshot(self) -> object:
        """Return the wish, so that it outlives a restart of the edge."""
        return {"metrics_interval_s": self.plugin.publisher.wishes.get(self.sid)}

    def restore(self, data: object) -> None:
        """Take the wish back."""
        wish = data.get("metrics_interval_s") if isinstance(data, Mapping) else None
        self.plugin.publisher.wish(self.sid, wish if isinstance(wish, int | float) else None)

    @operation.get("metrics/{sid}", title="Metrics", live_topic="metrics")
    async def get_metrics(self) -> Metrics:
        """
        Measure the host: processors, memory, file systems, network, GPUs.

        Every group is measured on its own and cut off at a deadline; what failed is named under ``errors``.
        All callers share one measurement a second.
        """
        return await self.plugin.sampler.metrics()

    @operation.post("interval/{sid}", title="Set the interval", retry="safe")
    async def set_interval(self, interval_s: Interval) -> IntervalSet:
        """Ask for an event of the topic ``metrics`` every so many seconds, while somebody listens to it."""
        self.plugin.publisher.wish(self.sid, interval_s)
        return IntervalSet(interval_s=self.plugin.publisher.interval_s())


class SysinfoPlugin(Plugin):
    """Tells what the host is, what it has, and how busy it is."""

    name: ClassVar[str] = "sysinfo"
    version: ClassVar[str] = __version__
    title: ClassVar[str] = "System"
    summary: ClassVar[str] = "Processors, memory, file systems, network and GPUs of the host."
    icon: ClassVar[str] = "gauge"
    session_class: ClassVar[type[PluginSession] | None] = SysinfoSession
    hosts: ClassVar[frozenset[str]] = frozenset({"edge", "bridge"})
    topics: ClassVar[Mapping[str, str]] = {"metrics": "ephemeral"}
    config_class: ClassVar[type[Any] | None] = SysinfoConfig
    config: SysinfoConfig

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self.sampler = Sampler(self.config)
        self.recorder = Recorder(self.sampler, self.config.history_interval_s)
        self.publisher = Publisher(
            self, self.sampler, self.config.metrics_interval_s, published=self.recorder.note
        )

    async def start(self) -> None:
        """Begin to measure, so that the first caller finds answers, and watch for listeners."""
        self.sampler.prefetch()
        self.recorder.begin(self)
        self.publisher.watch()

    async def stop(self) -> None:
        """Stop measuring; programs that run are killed."""
        self.recorder.stop()
        await self.sampler.close()

    def health(self) -> Mapping[str, object]:
        """Name the measurements that are under way or hang."""
        return {"measuring": list(self.sampler.workers.hanging())}

    def views(self) -> Mapping[str, object]:
        """Place plots, gauges and facts on the portal's page."""
        return VIEWS

    @operation.get("history", title="The last hour")
    async def history(self) -> History:
        """
        Tell how busy the host was: a sample for each interval of the last hour at most, the oldest first.

        Needs no session. GPUs are in the samples of times at which somebody listened to ``metrics``.
        """
        return self.recorder.history()

    @operation.get("homedir", title="Home directory")
    def homedir(self) -> HomeDir:
        """Tell the home directory of the edge's user."""
        return HomeDir(homedir=str(Path.home()))

    @operation.get("host_role", title="Role of the host")
    def host_role(self) -> HostRole:
        """Tell whether this is a bridge's host, a login or a compute node, and of which batch job."""
        return host_role(self.context.host, os.environ)
