"""A plugin's own Starlette routes, found by canonical segments."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from attrs import frozen
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Scope

from radical_edge_core.plugin.declare import PluginDefinitionError
from radical_edge_core.plugin.paths import raw_path


@frozen(kw_only=True)
class Found:
    """
    What is at a path.

    Attributes:
        endpoint: The application that serves it; ``None`` where the path exists under other methods only.
        scope: What it needs in its scope beside the request's own.
        allow: The methods that exist there, where the one asked for does not.
    """

    endpoint: ASGIApp | None = None
    scope: dict[str, Any]
    allow: tuple[str, ...] = ()


class StreamRoutes:
    """
    The routes of one plugin.

    Matching sees the encoded path, so that an escaped slash stays inside its segment; endpoints get decoded
    ``path_params``.
    """

    def __init__(self, plugin: str, routes: Sequence[BaseRoute]) -> None:
        self._routes = tuple(routes)
        for route in self._routes:
            if isinstance(route, Route) and not _is_async(route.endpoint):
                raise PluginDefinitionError(
                    f"{plugin}: the endpoint of route {route.path!r} must be async def; "
                    "a blocking one would take threads that all plugins share"
                )
        self.paths = [str(getattr(route, "path", "")).lstrip("/") for route in self._routes]

    def find(self, scope: Scope, segments: Sequence[str]) -> Found | None:
        """Return what the routes have at a path; ``None`` where they have nothing."""
        if not self._routes or not segments:
            return None
        encoded = {**scope, "path": raw_path(segments), "root_path": "", "app_root_path": ""}
        allow: set[str] = set()
        for route in self._routes:
            match, child = route.matches(encoded)
            if match is Match.FULL:
                values = child.get("path_params", {})
                child["path_params"] = {
                    name: unquote(value) if isinstance(value, str) else value
                    for name, value in values.items()
                }
                return Found(endpoint=route.handle, scope={**encoded, **child})
            if match is Match.PARTIAL:
                allow |= set(getattr(route, "methods", None) or ())
        return Found(scope={}, allow=tuple(sorted(allow))) if allow else None


def _is_async(endpoint: Any) -> bool:
    while hasattr(endpoint, "func"):
        endpoint = endpoint.func
    if inspect.isclass(endpoint) or inspect.iscoroutinefunction(endpoint):
        return True
    return inspect.iscoroutinefunction(getattr(endpoint, "__call__", None))  # noqa: B004 - a callable object's own
