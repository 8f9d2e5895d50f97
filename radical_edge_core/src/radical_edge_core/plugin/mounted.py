"""One plugin in its host, from the moment it is known to the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from attrs import define, field
from starlette.types import Receive, Scope, Send

from radical_edge_core.errors import PluginUnavailable
from radical_edge_core.plugin.base import Plugin
from radical_edge_core.plugin.mount import PluginApp
from radical_edge_core.plugin.problems import problem_response, send_response
from radical_edge_core.plugin.report import PluginReport

# Most plugins start at once: who calls in that moment, after a restart for example, need not hear of it.
_PATIENCE_S: Final = 3.0
_RETRY_AFTER_S: Final = {"starting": 2, "unavailable": 300, "failed": 300, "disabled": 300}


@define
class MountedPlugin:
    """
    What a host has of one plugin; an ASGI application that answers 503 unless the plugin is loaded.

    Attributes:
        report: What became of it so far.
        plugin: The plugin, where there is one.
        app: What serves it, once it is loaded.
        settled: Set when it is no longer starting.
    """

    report: PluginReport
    plugin: Plugin | None = None
    app: PluginApp | None = None
    settled: asyncio.Event = field(factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self.report.status == "starting":
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self.settled.wait()
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
