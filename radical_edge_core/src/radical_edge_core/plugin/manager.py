"""
The plugins of one host: loaded, started concurrently under a deadline, swept, stopped in reverse order.

Nothing that one plugin does here reaches another: each step is guarded by itself, bounded in time and
reported.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from importlib.metadata import EntryPoint
from typing import Any, Final

import attrs

from radical_edge_core.codec import loads
from radical_edge_core.converter import parse
from radical_edge_core.errors import PluginUnavailable
from radical_edge_core.hooks.calls import Hooks
from radical_edge_core.plugin.base import Plugin
from radical_edge_core.plugin.body import BODY_LIMIT
from radical_edge_core.plugin.bounded import Step, bounded
from radical_edge_core.plugin.call import KeepsCalls
from radical_edge_core.plugin.context import PluginContext
from radical_edge_core.plugin.keeping import KeepsSessions
from radical_edge_core.plugin.loader import GROUPS, Wanted, guarded, installed, load_hooks, reason_of
from radical_edge_core.plugin.mount import PluginApp
from radical_edge_core.plugin.mounted import MountedPlugin
from radical_edge_core.plugin.report import PluginReport
from radical_edge_core.plugin.standard import options_class_of
from radical_edge_core.plugin.watchdog import Watchdog

START_DEADLINE_S: Final = 120.0
STOP_DEADLINE_S: Final = 10.0

log = logging.getLogger(__name__)


class PluginManager:
    """
    Owns the plugins of one edge (or of the bridge's own).

    Args:
        context_for: Makes the context of the plugin of a name.
        wanted: Which installed plugins to load.
        changed: Told of every report that changes after ``load``, in the loop.
        hooks: The process's hooks.
        watchdog: Watches the loop from ``start_all`` to ``stop_all``.
        start_deadline_s: How long ``Plugin.start`` may take.
        stop_deadline_s: How long each step of a plugin's stop may take.
        body_limit: Bytes that an operation's body may have.
        sessions: Returns what keeps the sessions of the plugin of a name across restarts.
        calls: Remembers calls that carry a key.

    Attributes:
        hooks: As given.
        watchdog: As given.
    """

    def __init__(
        self,
        *,
        context_for: Callable[[str], PluginContext],
        wanted: Wanted | None = None,
        changed: Callable[[PluginReport], None] = lambda _report: None,
        hooks: Hooks | None = None,
        watchdog: Watchdog | None = None,
        start_deadline_s: float = START_DEADLINE_S,
        stop_deadline_s: float = STOP_DEADLINE_S,
        body_limit: int = BODY_LIMIT,
        sessions: Callable[[str], KeepsSessions] | None = None,
        calls: KeepsCalls | None = None,
    ) -> None:
        self.hooks = hooks or Hooks()
        self.watchdog = watchdog or Watchdog()
        self._context_for = context_for
        self._wanted = wanted or Wanted()
        self._changed = changed
        self._start_deadline_s = start_deadline_s
        self._stop_deadline_s = stop_deadline_s
        self._body_limit = body_limit
        self._sessions = sessions
        self._calls = calls
        self._mounted: dict[str, MountedPlugin] = {}
        self._others: list[PluginReport] = []
        self._started: list[MountedPlugin] = []

    @property
    def mounted(self) -> Mapping[str, MountedPlugin]:
        """Return what answers at ``/{edge}/{name}``, by name; a plugin that is not loaded says why."""
        return self._mounted

    def reports(self) -> list[PluginReport]:
        """Return one report an entry point, by name; of several with one name the mounted one is last."""
        known = [*self._others, *(item.report for item in self._mounted.values())]
        return sorted(known, key=lambda report: report.name)

    def descriptions(self) -> dict[str, Mapping[str, Any]]:
        """Return the descriptions of the loaded plugins, by name."""
        return {
            name: item.app.description
            for name, item in self._mounted.items()
            if item.app is not None and item.report.status == "loaded"
        }

    def load(self, found: Collection[EntryPoint] | None = None) -> list[PluginReport]:
        """
        Import what is installed and create its plugins; called once, in the loop.

        Args:
            found: The entry points; by default those of ``radical_edge.plugins``.

        Returns:
            The reports: ``starting`` for every plugin that ``start_all`` will start.
        """
        entries = installed(GROUPS["edge"]) if found is None else found
        for report in load_hooks(self.hooks, entries, self._wanted):
            if report.status != "loaded":
                self._shelve(report)
            elif not self.hooks.implements(report.name, "edge_plugin"):
                self._others.append(report)  # it observes calls or events, and has nothing to mount
            else:
                self._create(report)
        return self.reports()

    def add(self, plugin: Plugin) -> MountedPlugin:
        """Mount a plugin that no entry point names, for hosts and tests that have the object."""
        return self._mount(PluginReport(name=plugin.name, version=plugin.version, status="starting"), plugin)

    async def start_all(self) -> None:
        """Start every plugin, all at once; done when each is loaded, failed, unavailable or out of time."""
        self.watchdog.start()
        waiting = [item for item in self._mounted.values() if item.report.status == "starting"]
        await asyncio.gather(*(self._start(item) for item in waiting))

    async def stop_all(self) -> None:
        """Stop the started plugins, the last first; each step is bounded, and none stops the others."""
        while self._started:
            item = self._started.pop()
            plugin = item.plugin
            assert plugin is not None
            item.report = _restated(item.report, status="unavailable", reason="it has been stopped")
            steps: list[tuple[str, Step]] = [
                ("close its sessions", plugin.sessions.close_all),
                ("stop", plugin.stop),
                ("end its background tasks", partial(plugin.background.stop, self._stop_deadline_s / 2)),
            ]
            for what, step in steps:
                error = await bounded(step, self._stop_deadline_s, f"{what} of {plugin.name}")
                if error is not None:
                    log.error("plugin %s did not %s: %s", plugin.name, what, reason_of(error), exc_info=error)
        self.watchdog.stop()

    async def sweep(self) -> None:
        """End idle sessions; the host calls this about once a minute."""
        for item in list(self._started):
            if item.plugin is not None and (ended := await item.plugin.sessions.sweep()):
                log.info("plugin %s: %d idle sessions ended", item.plugin.name, len(ended))

    def _create(self, report: PluginReport) -> None:
        made: list[Plugin] = []

        def create() -> None:
            plugin: object = self.hooks.edge_plugin(report.name, self._context(report.name))
            if isinstance(plugin, Plugin):
                made.append(plugin)
            elif plugin is not None:
                raise TypeError(f"edge_plugin returned {plugin!r:.80}, which is no Plugin")

        outcome = guarded(partial(_restated, report), create)
        if outcome.status != "loaded":
            self._shelve(outcome)
        elif not made or made[0].context.host not in made[0].hosts:
            self._others.append(_restated(report, status="disabled", reason="not for this host"))
        else:
            self._mount(_restated(report, status="starting"), made[0])

    def _context(self, name: str) -> PluginContext:
        context = self._context_for(name)
        return context if context.name else attrs.evolve(context, name=name)

    def _mount(self, report: PluginReport, plugin: Plugin) -> MountedPlugin:
        plugin.sessions.create = partial(self.hooks.edge_session, plugin)
        mounted = self._mounted[report.name] = MountedPlugin(report=report, plugin=plugin)
        return mounted

    def _shelve(self, report: PluginReport) -> None:
        if report.status == "disabled" or report.name in self._mounted:
            self._others.append(report)
        else:
            self._mounted[report.name] = MountedPlugin(report=report)

    async def _start(self, item: MountedPlugin) -> None:
        plugin = item.plugin
        assert plugin is not None
        self._started.append(item)

        async def begin() -> None:
            with self.watchdog.running(f"{plugin.name}.start"):
                await plugin.start()
            if self._sessions is not None:
                plugin.sessions.keeper = self._sessions(plugin.name)
                if back := await plugin.sessions.restore_all(partial(_options, plugin)):
                    log.info("plugin %s: %d sessions are back", plugin.name, back)
            item.app = PluginApp(
                plugin,
                announce=self.hooks.edge_call,
                running=self.watchdog.running,
                body_limit=self._body_limit,
                calls=self._calls,
            )

        error = await bounded(begin, self._start_deadline_s, f"start of {plugin.name}")
        if error is None:
            self._report(item, status="loaded", reason="")
            return
        self._started.remove(item)
        await bounded(
            partial(plugin.background.stop, self._stop_deadline_s / 2), self._stop_deadline_s, plugin.name
        )
        if isinstance(error, PluginUnavailable):
            log.warning("plugin %s is unavailable: %s", plugin.name, error.detail)
            self._report(item, status="unavailable", reason=error.detail)
        else:
            log.error("plugin %s failed to start: %s", plugin.name, reason_of(error), exc_info=error)
            self._report(item, status="failed", reason=reason_of(error))

    def _report(self, item: MountedPlugin, **fields: Any) -> None:
        item.report = attrs.evolve(item.report, **fields)
        item.settled.set()
        self._changed(item.report)


def _options(plugin: Plugin, raw: bytes | None) -> object | None:
    """Make the options of a kept session."""
    cls = options_class_of(type(plugin))
    return None if raw is None or cls is None else parse(loads(raw), cls, plugin.converter)


def _restated(report: PluginReport, **fields: Any) -> PluginReport:
    return attrs.evolve(report, **{"reason": "", **fields})
