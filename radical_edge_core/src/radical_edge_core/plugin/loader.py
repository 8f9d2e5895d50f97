"""
Finding and importing installed plugins: sorted, isolated, reported.

pluggy's own loader stops at the first broken import and skips duplicate names silently. This one stops at
nothing, and every entry point gets a report.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from attrs import frozen

from radical_edge_core.errors import PluginUnavailable
from radical_edge_core.hooks.calls import HOOK_NAMES, Hooks
from radical_edge_core.hooks.markers import PROJECT, hookimpl
from radical_edge_core.plugin.base import Plugin
from radical_edge_core.plugin.client import PluginClient
from radical_edge_core.plugin.report import PluginReport

GROUPS: Final = {
    "edge": "radical_edge.plugins",
    "bridge": "radical_edge.bridge",
    "client": "radical_edge.clients",
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Wanted:
    """
    Which of the installed entry points to load.

    Attributes:
        only: These names; ``None``: all.
        disabled: Not these.
    """

    only: frozenset[str] | None = None
    disabled: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        """Say whether a name is to be loaded."""
        return name not in self.disabled and (self.only is None or name in self.only)


def installed(group: str) -> Collection[EntryPoint]:
    """Return the entry points of a group, as they are installed now."""
    return entry_points(group=group)


def load_hooks(hooks: Hooks, found: Iterable[EntryPoint], wanted: Wanted) -> list[PluginReport]:
    """
    Import and register the implementations that entry points name.

    Args:
        hooks: Where they are registered, under the entry points' names.
        found: The entry points; loaded in the order of their names.
        wanted: Which of them to load; the others are reported ``disabled``, and wanted ones that are not
            installed ``failed``.

    Returns:
        One report an entry point; ``loaded`` means imported and registered, nothing more.
    """
    reports: list[PluginReport] = []
    ordered = sorted(found, key=lambda entry: (entry.name, entry.value))
    for entry in ordered:
        distribution = entry.dist.name if entry.dist is not None else ""
        version = entry.dist.version if entry.dist is not None else ""
        report = partial(PluginReport, name=entry.name, distribution=distribution, version=version)
        if not wanted.takes(entry.name):
            reports.append(report(status="disabled", reason="disabled by the configuration"))
        elif not _NAME.fullmatch(entry.name):
            reports.append(report(status="failed", reason=f"{entry.name!r} can't be a segment of a URL"))
        elif hooks.manager.has_plugin(entry.name):
            first = next(r.distribution for r in reports if r.name == entry.name and r.status == "loaded")
            reason = f"the name is already taken by distribution {first}"
            log.warning("plugin %s of %s skipped: %s", entry.name, distribution, reason)
            reports.append(report(status="failed", reason=reason))
        else:
            reports.append(guarded(report, partial(_register, hooks, entry)))
    missing = sorted((wanted.only or frozenset()) - {entry.name for entry in ordered})
    reason = "no installed distribution has this plugin"
    reports.extend(PluginReport(name=name, status="failed", reason=reason) for name in missing)
    return reports


def guarded(report: Callable[..., PluginReport], step: Callable[[], object]) -> PluginReport:
    """Run one step for one plugin and report what became of it: loaded, unavailable or failed."""
    try:
        step()
    except KeyboardInterrupt:
        raise
    except PluginUnavailable as error:
        failed = report(status="unavailable", reason=error.detail)
        log.warning("plugin %s is unavailable: %s", failed.name, failed.reason)
        return failed
    except BaseException as error:  # isolation point: an import may even try to exit
        failed = report(status="failed", reason=reason_of(error))
        log.warning("plugin %s skipped: %s", failed.name, failed.reason, exc_info=error)
        return failed
    return report(status="loaded")


def reason_of(error: BaseException) -> str:
    """Tell in one line what an exception says."""
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first[:500]}".rstrip(": ")


def _register(hooks: Hooks, entry: EntryPoint) -> None:
    implementation = _implementation(entry.load(), entry)
    try:
        hooks.manager.register(implementation, name=entry.name)
        hooks.manager.check_pending()  # a misspelt hook is an error, not silence
        for caller in hooks.manager.get_hookcallers(implementation) or ():
            for found in caller.get_hookimpls():
                if found.plugin is implementation and (found.wrapper or found.hookwrapper):
                    raise TypeError(f"{caller.name} is a wrapper; hooks here are plain functions")
    except BaseException:
        if hooks.manager.has_plugin(entry.name):
            hooks.manager.unregister(name=entry.name)
        raise


def _implementation(loaded: Any, entry: EntryPoint) -> object:
    """Return an object of this entry's own that holds the hooks: two entries may name one module."""
    if isinstance(loaded, type) and issubclass(loaded, Plugin):
        return _OfferedPlugin(loaded)
    if isinstance(loaded, type) and issubclass(loaded, PluginClient):
        return _OfferedClient(loaded, entry.name)
    found = {name: value for name, value in vars(loaded).items() if hasattr(value, f"{PROJECT}_impl")}
    unmarked = [name for name in HOOK_NAMES if name not in found and callable(getattr(loaded, name, None))]
    if unmarked:
        raise TypeError(f"{unmarked[0]} in {entry.value} is not marked with hookimpl")
    if not found:
        raise TypeError(f"{entry.value} holds no function marked with hookimpl, and is no Plugin class")
    return _HooksOf(found)


class _HooksOf:
    """The hook implementations of one module, for one entry point."""

    def __init__(self, found: dict[str, object]) -> None:
        vars(self).update(found)


class _OfferedPlugin:
    """The hook implementation of an entry point that names a bare ``Plugin`` subclass."""

    def __init__(self, cls: type[Plugin]) -> None:
        self._cls = cls

    @hookimpl
    def edge_plugin(self, context: Any) -> Plugin | None:
        return self._cls(context) if context.host in self._cls.hosts else None


class _OfferedClient:
    """The hook implementation of an entry point that names a bare ``PluginClient`` subclass."""

    def __init__(self, cls: type[PluginClient], name: str) -> None:
        self._cls = cls
        self._name = name

    @hookimpl
    def client_plugin(self, description: Any, transport: Any, edge: str) -> PluginClient | None:
        mine = description["plugin"]["name"] == self._name
        return self._cls(transport, description, edge) if mine else None
