"""One plugin in its host, from the moment it is known to the end."""

from __future__ import annotations

from typing import Final

from attrs import define
from starlette.types import Receive, Scope, Send

from radical_edge_core.errors import PluginUnavailable
from radical_edge_core.plugin.base import Plugin
from radical_edge_core.plugin.mount import PluginApp
from radical_edge_core.plugin.problems import problem_response, send_response
from radical_edge_core.plugin.report import PluginReport

_RETRY_AFTER_S: Final = {"starting": 2, "unavailable": 300, "failed": 300, "disabled": 300}


@define
class MountedPlugin:
    """
    What a host has of one plugin; an ASGI application that answers 503 unless the plugin is loaded.

    Attributes:
        report: What became of it so far.
        plugin: The plugin, where there is one.
        app: What serves it, once it is loaded.
    """

    report: PluginReport
    plugin: Plugin | None = None
    app: PluginApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        report = self.report
        if report.status == "loaded" and self.app is not None:
            await self.app(scope, receive, send)
            return
        reason = report.reason or (
            "it is starting" if report.status == "starting" else "it offers no operations"
        )
        error = PluginUnavailable(
            f"plugin {report.name} is {report.status}: {reason}",
            plugin=report.name,
            status=report.status,
            reason=reason,
            retry_after_s=_RETRY_AFTER_S.get(report.status, 60),
        )
        await send_response(problem_response(error), scope, send)
