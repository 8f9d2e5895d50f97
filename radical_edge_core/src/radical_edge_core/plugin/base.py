"""The plugin: one per edge and entry point."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, ClassVar, Final

from starlette.routing import BaseRoute

from radical_edge_core.converter import build_converter, parse
from radical_edge_core.errors import InvalidRequest
from radical_edge_core.plugin import collect
from radical_edge_core.plugin.background import Background, Main
from radical_edge_core.plugin.context import PluginContext, current_caller
from radical_edge_core.plugin.declare import PluginDefinitionError
from radical_edge_core.plugin.operation import Operation
from radical_edge_core.plugin.session import PluginSession, SessionRequest
from radical_edge_core.plugin.sessions import SessionTable
from radical_edge_core.plugin.standard import standard_operations
from radical_edge_core.plugin.threads import Workers

WEEK_S: Final = 7 * 24 * 3600.0
TOPIC_KINDS: Final = ("durable", "ephemeral")


class Plugin:
    """
    What an edge (or the bridge) mounts at ``/{edge}/{name}``.

    Subclasses set ``name`` and ``version`` and declare operations; everything else has a default.

    Attributes:
        name: The URL segment; on an instance, the name of the entry point that it was loaded by.
        version: The plugin's own version.
        title: A few words for people.
        summary: One sentence for people.
        icon: One of the portal's icon names.
        session_class: Whose methods are the operations with ``{sid}``; ``None`` where there are none.
        hosts: Which hosts mount it: ``edge``, ``bridge``.
        topics: Its notification topics: ``durable`` (kept and replayed) or ``ephemeral`` (the newest only).
        worker_threads: How many of its ``def`` operations run at once; more wait.
        idle_timeout_s: After how long an idle session expires.
        config_class: An attrs class of its configuration table.
        context: What the host gave it.
        config: An instance of ``config_class``, or the raw table.
        log: Its logger.
        converter: Its own; a plugin may register structure hooks for types of its own.
        sessions: Its sessions.
        workers: Its worker threads.
        operations: What it answers, by name, the standard operations included.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "0"
    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    icon: ClassVar[str] = "plugin"
    session_class: ClassVar[type[PluginSession] | None] = None
    hosts: ClassVar[frozenset[str]] = frozenset({"edge"})
    topics: ClassVar[Mapping[str, str]] = {}
    worker_threads: ClassVar[int] = 8
    idle_timeout_s: ClassVar[float] = WEEK_S
    config_class: ClassVar[type[Any] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        collect.check(cls, "plugin")

    def __init__(self, context: PluginContext) -> None:
        self.context = context
        if context.name:
            # An instance's public name is its entry point's: two entries may share one class.
            vars(self)["name"] = context.name
        if not self.name:
            raise PluginDefinitionError(f"{type(self).__qualname__} has no name")
        self.log = logging.getLogger(f"radical_edge.plugin.{self.name}")
        self.converter = build_converter()
        self.config = self._read_config()
        self.workers = Workers(self.worker_threads)
        self.background = Background(self.name, self.log)
        self.sessions = SessionTable(
            create=self.create_session, monotonic=context.monotonic, idle_timeout_s=self.idle_timeout_s
        )
        self.operations = operations_of(type(self))  # a wrong declaration fails here at the latest

    async def start(self) -> None:
        """
        Get ready: probe, connect, start background work with ``run_in_background``.

        Runs after the edge has registered, under the host's deadline; until it returns every call is 503.
        Raise ``errors.PluginUnavailable`` where something needed is missing here.
        """

    async def stop(self) -> None:
        """Let go of what ``start`` took; sessions are closed before. Bounded in time by the host."""

    def health(self) -> Mapping[str, object]:
        """Return what GET ``health`` shows beside the standard fields; ``status`` may be replaced."""
        return {}

    async def adopt(self, key: str, operation_name: str) -> object | None:
        """
        Return the answer of an earlier attempt at an operation declared ``retry="adopt"``.

        Asked in the caller's context, when the same key comes again and nobody knows how the first attempt ended.

        Args:
            key: The caller's ``Idempotency-Key``.
            operation_name: Which operation was attempted.

        Returns:
            What the operation would have returned; ``None`` where the attempt took no effect and never will: the
            operation is run then.
        """
        del key, operation_name
        return None

    def unfinished(self) -> Sequence[str]:
        """Return a line for each piece of work that goes on when the plugin stops, such as a local job."""
        return ()

    async def cancel_unfinished(self) -> None:
        """End that work; called before ``stop`` where the user asked for it."""

    def ui_config(self) -> Mapping[str, object]:
        """Return the ``ui`` object of GET ``ui_config``."""
        return {"title": self.title or self.name, "icon": self.icon, "summary": self.summary}

    def routes(self) -> Sequence[BaseRoute]:
        """
        Return Starlette routes for what is no operation: byte streams, both ways.

        Paths are relative to the plugin. GET and HEAD need the ``read`` scope, every other method ``write``;
        bodies have no size limit. ``current_caller()`` and ``session(sid)`` work in endpoints, which must be
        ``async def``.
        """
        return ()

    def views(self) -> Mapping[str, object]:
        """Return the parts of the description that place operations on a page: resources, streams, views."""
        return {}

    def create_session(self, request: SessionRequest) -> PluginSession:
        """Make the session object; ``open`` is awaited by the host afterwards."""
        cls = self.session_class or PluginSession
        return cls(self, request.sid, request.owner, request.options)

    def session(self, sid: str) -> Any:
        """
        Return a session of the current caller (typed ``Any``: the plugin knows its session class).

        Raises:
            NotFound: There is none of that id, or it is another subject's.
            Expired: It was idle for too long.
        """
        return self.sessions.get(sid, current_caller().subject)

    def notify(self, topic: str, data: object, owner: str = "", *, once: str | None = None) -> Future[None]:
        """
        Publish an event; may be called from any thread.

        Args:
            topic: One of ``topics``; any other counts as durable.
            data: JSON values, or records that have a JSON form.
            owner: The subject that sees it; empty: whoever may read this plugin.
            once: An event with the same mark is kept once, however often it is published: by a plugin that tells
                again, after a crash, what it may have told before.

        Returns:
            Done once a durable event is kept and can't get lost any more; it raises what hindered that.

        Raises:
            TooLarge: The event has more than 256 KiB.
            Overloaded: Too many events wait for the bridge already.
        """
        durable = self.topics.get(topic, "durable") == "durable"
        more = {} if once is None else {"once": once}
        return self.context.publish(self.name, topic, data, owner, durable, **more) or _kept()

    def run_in_background(self, name: str, main: Main) -> None:
        """Run ``main()`` as this plugin's task: a crash is logged and shown in ``health``, a stop ends it."""
        self.background.run(name, main)

    def _read_config(self) -> Any:
        if self.config_class is None:
            return self.context.config
        try:
            return parse(dict(self.context.config), self.config_class, self.converter)
        except InvalidRequest as error:
            raise ValueError(f"the configuration of {self.name} does not fit: {error.detail}") from None


def operations_of(cls: type[Plugin]) -> Mapping[str, Operation]:
    """
    Return everything that a plugin class answers, by name: its own, its sessions', then what every plugin
    has.

    Raises:
        PluginDefinitionError: A declaration is wrong, or two operations claim one name or one path.
    """
    label = f"{cls.__module__}.{cls.__qualname__}"
    found = collect.collect(cls, "plugin")
    if cls.session_class is not None:
        for name, operation in collect.collect(cls.session_class, "session").items():
            if name in found:
                raise PluginDefinitionError(f"{label}: the plugin and its session both declare {name!r}")
            found[name] = operation
    for topic, kind in cls.topics.items():
        if kind not in TOPIC_KINDS:
            raise PluginDefinitionError(f"{label}: topic {topic!r} is {kind!r}, not durable or ephemeral")
    for name, operation in found.items():
        live = operation.hints.live_topic
        if live is not None and live not in cls.topics:
            raise PluginDefinitionError(f"{label}.{name}: live_topic {live!r} is none of the plugin's topics")
    found = found | {n: o for n, o in standard_operations(cls).items() if n not in found}
    claimed: dict[tuple[str, ...], str] = {}
    for name, operation in found.items():
        shape = (operation.method, *("{}" if s.startswith("{") else s for s in operation.segments))
        if shape in claimed:
            raise PluginDefinitionError(f"{label}: {claimed[shape]!r} and {name!r} claim one path")
        claimed[shape] = name
    return found


def _kept() -> Future[None]:
    """Return what stands for an event that the host keeps nothing of."""
    done: Future[None] = Future()
    done.set_result(None)
    return done
