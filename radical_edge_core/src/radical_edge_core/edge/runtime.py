"""
The inside of an edge: its plugins, its events, and the application that answers calls.

The runtime knows no link. A process edge gives it one over sockets, the bridge one in memory; both call ``connect``
with each new connection.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final, Literal

from attrs import field, frozen

from radical_edge_core import __version__
from radical_edge_core.edge.documents import Documents, SessionKeeper
from radical_edge_core.edge.identity import HostIdentity
from radical_edge_core.edge.journal import Journal
from radical_edge_core.edge.keys import KeyTable
from radical_edge_core.edge.outbox import Outbox
from radical_edge_core.errors import NotFound
from radical_edge_core.hooks.calls import Hooks
from radical_edge_core.hooks.edge import EdgeEvent
from radical_edge_core.link.notes import Announce, EventAck, Interest, Note, encode_note
from radical_edge_core.plugin.context import PluginContext
from radical_edge_core.plugin.loader import Wanted
from radical_edge_core.plugin.manager import PluginManager
from radical_edge_core.plugin.paths import canonical_path
from radical_edge_core.plugin.problems import problem_response
from radical_edge_core.plugin.report import PluginReport
from radical_edge_core.schedulers import Schedulers
from radical_edge_core.state import private_folder
from radical_edge_core.wire.asgi import Receive, Scope, Send, connect
from radical_edge_core.wire.connection import Connection

log = logging.getLogger(__name__)
_SWEEP_S: Final = 60.0
_SETTLE_S: Final = 0.05
_FINISH_S: Final = 5.0


@frozen(kw_only=True)
class EdgeSetup:
    """
    What one edge is made of.

    Attributes:
        tables: The configuration table of each plugin, by name.
    """

    name: str
    host: Literal["edge", "bridge"]
    identity: HostIdentity
    state_dir: Path
    job_dir: Path
    wanted: Wanted = field(factory=Wanted)
    tables: Mapping[str, Mapping[str, object]] = field(factory=dict)
    monotonic: Callable[[], float] = time.monotonic


class EdgeRuntime:
    """One edge, without its link."""

    def __init__(self, setup: EdgeSetup) -> None:
        self.setup = setup
        self.journal = Journal(setup.state_dir)
        self.outbox = Outbox(self.journal)
        self.hooks = Hooks()
        self.schedulers = Schedulers()
        self._keys = KeyTable(self.journal)
        self.plugins = PluginManager(
            context_for=self._context,
            wanted=setup.wanted,
            changed=self._reported,
            hooks=self.hooks,
            sessions=lambda name: SessionKeeper(self.journal, name),
            calls=self._keys,
        )
        self._link: Connection | None = None
        self._wanted_topics: frozenset[str] = frozenset()
        self._on_listening: dict[str, list[Callable[[], None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._announcing: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Open the journal; before anything else that waits."""
        await self.journal.start()
        await self.outbox.start()

    def load(self, found: Collection[EntryPoint] | None = None) -> list[PluginReport]:
        """Import and create what is installed (or named by ``found``); nothing is started yet."""
        reports = self.plugins.load(found)
        for report in reports:
            log.info("plugin %s %s: %s %s", report.name, report.version, report.status, report.reason)
        return reports

    def start(self) -> None:
        """Start the plugins in the background; calls are answered 503 until each is ready."""
        loop = asyncio.get_running_loop()
        self.plugins.watchdog.start()
        self._tasks = [loop.create_task(self.plugins.start_all()), loop.create_task(self._sweep())]

    async def started(self) -> None:
        """Wait until every plugin is loaded, or was found not to be."""
        await self._tasks[0]

    async def stop(self) -> None:
        """Finish the calls that carry a key, stop the plugins in reverse order and close the journal; all bounded."""
        await self._keys.finish(_FINISH_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.plugins.stop_all()
        self.schedulers.close()
        self.plugins.watchdog.stop()
        if self._announcing is not None:
            self._announcing.cancel()
        self.outbox.stop()
        await asyncio.to_thread(self.journal.close)

    def unfinished(self) -> list[str]:
        """Return a line for each piece of work that goes on when the edge stops."""
        lines: list[str] = []
        for mounted in self.plugins.mounted.values():
            tell = getattr(mounted.plugin, "unfinished", None)
            if callable(tell):
                lines.extend(tell())
        return lines

    async def cancel_unfinished(self) -> None:
        """End that work."""
        for mounted in self.plugins.mounted.values():
            cancel = getattr(mounted.plugin, "cancel_unfinished", None)
            if callable(cancel):
                try:
                    async with asyncio.timeout(15):
                        await cancel()
                except Exception:
                    log.exception("plugin %s could not cancel its work", mounted.report.name)

    # The link.

    def prepare(self, connection: Connection) -> None:
        """Serve this edge's plugins over a new connection."""
        connect(self, connection)

    def connected(self, connection: Connection, epoch: str, seq: int) -> None:
        """The connection is up: announce, and send the events after the last one that the bridge holds."""
        self._link = connection
        self._announce()
        self.outbox.attach(connection, epoch, seq)

    def disconnected(self) -> None:
        """The connection is gone for good."""
        self._link = None
        self.outbox.detach()

    def take(self, note: Note) -> None:
        """Take what the bridge tells."""
        match note:
            case EventAck(epoch=epoch, seq=seq):
                self.outbox.acknowledged(epoch, seq)
            case Interest(topics=topics):
                self._wanted_topics = frozenset(topics)
                for callbacks in self._on_listening.values():
                    for callback in callbacks:
                        try:
                            callback()
                        except Exception:
                            log.exception("a plugin's on_listening callback failed")
            case _:
                log.warning("a note of kind %s is not for an edge", type(note).__name__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call; the scope's ``raw_path`` is ``/{plugin}/…``, canonical."""
        segments = canonical_path(scope["raw_path"])
        mounted = self.plugins.mounted.get(segments[0]) if segments else None
        if mounted is None:
            name = segments[0][:80] if segments else ""
            have = ", ".join(sorted(self.plugins.mounted)) or "none at all"
            error = NotFound(
                f"the edge {self.setup.name!r} has no plugin {name!r}; it has {have}", plugin=name
            )
            await problem_response(error)(scope, receive, send)
            return
        _, slash, rest = scope["raw_path"][1:].partition(b"/")
        scope["raw_path"] = slash + rest or b"/"
        scope["path"] = "/" + "/".join(segments[1:])
        await mounted(scope, receive, send)

    def announcement(self) -> Announce:
        """Return what the bridge and its callers are told of this edge."""
        identity = self.setup.identity
        plugins: dict[str, dict[str, object]] = {}
        for report in self.plugins.reports():
            mounted = self.plugins.mounted.get(report.name)
            if mounted is None and self.setup.host == "bridge":
                continue  # what is installed there for edges
            plugin = mounted.plugin if mounted is not None else None
            app = mounted.app if mounted is not None else None
            plugins[report.name] = {
                "type": type(plugin).name if plugin is not None else report.name,
                "version": plugin.version if plugin is not None else report.version,
                "enabled": report.status == "loaded",
                "status": report.status,
                "reason": report.reason,
                "distribution": report.distribution,
                "title": (plugin.title or plugin.name) if plugin is not None else report.name,
                "describe": app.description_etag if app is not None else "",
                "ui_config": dict(plugin.ui_config()) if plugin is not None else {},
            }
        endpoint: dict[str, object] = {
            "host": identity.host,
            "pid": os.getpid(),
            "python": identity.python,
            "system": identity.system,
            "version": __version__,
            "started_at": identity.started_at,
        }
        return Announce(plugins=plugins, endpoint=endpoint)

    def _announce(self) -> None:
        self._announcing = None
        if self._link is not None:
            self._link.notify(encode_note(self.announcement()))

    def _reported(self, report: PluginReport) -> None:
        log.info("plugin %s: %s %s", report.name, report.status, report.reason)
        if self._announcing is None:
            self._announcing = asyncio.get_running_loop().call_later(_SETTLE_S, self._announce)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            try:
                await self.plugins.sweep()
                await self.journal.prune()
            except Exception:
                log.exception("what is too old could not be dropped")

    def _context(self, name: str) -> PluginContext:
        setup = self.setup
        return PluginContext(
            edge=setup.name,
            host=setup.host,
            name=name,
            config=setup.tables.get(name, {}),
            state_dir=private_folder(setup.state_dir / "plugins" / name),
            job_dir=setup.job_dir,
            monotonic=setup.monotonic,
            publish=self._publish,
            listening=lambda plugin, topic: f"{plugin}/{topic}" in self._wanted_topics,
            on_listening=lambda plugin, callback: self._on_listening.setdefault(plugin, []).append(callback),
            documents=Documents(self.journal, name),
        )

    def _publish(
        self, plugin: str, topic: str, data: object, owner: str, durable: bool, once: str | None = None
    ) -> Future[None]:
        kept = self.outbox.publish(plugin, topic, data, owner, durable, once)
        event = EdgeEvent(
            edge=self.setup.name, plugin=plugin, topic=topic, data=data, owner=owner, durable=durable
        )
        if self.hooks.has_observers("edge_event"):
            self.outbox.in_loop(self.hooks.edge_event, event)
        return kept
