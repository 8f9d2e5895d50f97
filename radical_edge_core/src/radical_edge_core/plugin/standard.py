"""The operations that every plugin has, declared like any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import msgspec
from attrs import frozen

from radical_edge_core.errors import InvalidRequest
from radical_edge_core.plugin import collect
from radical_edge_core.plugin.context import current_caller
from radical_edge_core.plugin.declare import PluginDefinitionError, standard
from radical_edge_core.plugin.operation import Operation
from radical_edge_core.records import fields_of

if TYPE_CHECKING:
    from radical_edge_core.plugin.base import Plugin

SessionName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


@frozen(kw_only=True)
class SessionOpened:
    """A session, open; plugins may add fields."""

    sid: str


@frozen(kw_only=True)
class SessionClosed:
    """A session, closed."""

    ok: bool


@frozen(kw_only=True)
class Version:
    """Which version of the plugin answers."""

    version: str


@frozen(kw_only=True)
class SessionList:
    """The caller's own sessions, oldest first."""

    sessions: tuple[str, ...]


@frozen(kw_only=True)
class Health:
    """How the plugin is; plugins may add fields."""

    status: str
    plugin: str
    version: str
    uptime_seconds: float
    active_sessions: int


@frozen(kw_only=True)
class UiConfig:
    """What older portals ask for; newer ones use ``describe``."""

    plugin_name: str
    instance_name: str
    version: str
    ui: Mapping[str, object]


class StandardOperations:
    """What every plugin answers, on behalf of one plugin."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._started_at = plugin.context.monotonic()

    @standard("POST", "register_session", effect="write", retry="safe")
    async def register_session(self, name: SessionName | None = None, **options: object) -> SessionOpened:
        """Open a session, or return the caller's session of that name."""
        owner = current_caller().subject
        session = await self._plugin.sessions.register(owner, name, self._options(options))
        return {**session.registered(), "sid": session.sid}  # type: ignore[return-value] # plugins add fields

    def adopt(self, sid: str | None) -> SessionClosed | None:
        """Return what an earlier attempt to close a session would have answered, where the session is gone."""
        open_ones = self._plugin.sessions.of(current_caller().subject)
        return None if sid in open_ones else SessionClosed(ok=True)

    @standard("POST", "unregister_session/{sid}", effect="write", retry="adopt")
    async def unregister_session(self, sid: str) -> SessionClosed:
        """Close a session of the caller."""
        await self._plugin.sessions.unregister(sid, current_caller().subject)
        return SessionClosed(ok=True)

    @standard("GET", "version")
    async def version(self) -> Version:
        """Tell the plugin's version."""
        return Version(version=self._plugin.version)

    @standard("GET", "list_sessions")
    async def list_sessions(self) -> SessionList:
        """List the caller's own sessions."""
        return SessionList(sessions=tuple(self._plugin.sessions.of(current_caller().subject)))

    @standard("GET", "health")
    async def health(self) -> Health:
        """Tell how the plugin is."""
        plugin = self._plugin
        failed = dict(plugin.background.failed)
        fields: dict[str, object] = {
            "status": "degraded" if failed else "ok",
            "plugin": plugin.name,
            "version": plugin.version,
            "uptime_seconds": round(plugin.context.monotonic() - self._started_at, 3),
            "active_sessions": len(plugin.sessions),
        }
        if failed:
            fields["failed"] = failed
        return {**fields, **plugin.health()}  # type: ignore[return-value] # plugins add fields

    @standard("GET", "ui_config")
    async def ui_config(self) -> UiConfig:
        """Tell how the plugin presents itself."""
        plugin = self._plugin
        return UiConfig(
            plugin_name=type(plugin).name or plugin.name,
            instance_name=plugin.name,
            version=plugin.version,
            ui=plugin.ui_config(),
        )

    def _options(self, given: Mapping[str, object]) -> object | None:
        cls = options_class_of(type(self._plugin))
        if cls is None:
            return None
        fields = fields_of(cls)
        try:
            made: object = cls(**{fields[name].argument: value for name, value in given.items()})
        except (ValueError, TypeError) as error:  # what the class's own validators raise
            raise InvalidRequest(str(error.args[0]) if error.args else "the options do not fit") from None
        return made


def options_class_of(plugin: type[Plugin]) -> type[Any] | None:
    """Return the class of what a plugin's ``register_session`` takes beside ``name``."""
    return plugin.session_class.options_class if plugin.session_class is not None else None


def standard_operations(plugin: type[Plugin]) -> dict[str, Operation]:
    """Return the standard operations; ``register_session`` takes the fields of the session's options too."""
    found = collect.collect(StandardOperations, "standard")
    options = options_class_of(plugin)
    if options is not None:
        given = {
            field.name: attrs.field(type=field.type, default=field.default) for field in _fields(options)
        }
        if "name" in given:
            raise PluginDefinitionError(f"{options}: 'name' is the session's own name; call it otherwise")
        given["name"] = attrs.field(type=SessionName | None, default=None)  # type: ignore[arg-type]
        model = attrs.make_class("RegisterSessionInput", given, frozen=True, kw_only=True)
        found["register_session"] = attrs.evolve(found["register_session"], model=model)
    return found


def _fields(cls: type[Any]) -> Iterable[attrs.Attribute[Any]]:
    return (field for field in attrs.fields(attrs.resolve_types(cls)) if field.init)
