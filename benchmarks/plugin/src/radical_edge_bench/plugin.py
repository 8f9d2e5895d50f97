"""The application of the benchmarks as a plugin of an edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from starlette.routing import BaseRoute, Route

from radical_edge_bench.app import ROUTES
from radical_edge_core.plugin import Plugin


class BenchPlugin(Plugin):
    """Serve what the benchmarks ask for."""

    name: ClassVar[str] = "bench"
    version: ClassVar[str] = "0.1.0"
    title: ClassVar[str] = "Benchmark"
    summary: ClassVar[str] = "The far end of the benchmarks."

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes as raw ASGI, so that the benchmark measures the proxy."""
        return [
            Route(path, app, methods=["POST" if path == "/upload" else "GET"]) for path, app in ROUTES.items()
        ]
