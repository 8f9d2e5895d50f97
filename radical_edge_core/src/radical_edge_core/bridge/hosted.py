"""
The edge named ``bridge``: the bridge's own, in its process, for plugins that are hosted there.

It is an edge like any other but for its link, which is in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from importlib.metadata import EntryPoint
from pathlib import Path

from radical_edge_core.bridge.config import BridgeConfig
from radical_edge_core.bridge.registry import Registry
from radical_edge_core.edge.identity import this_host
from radical_edge_core.edge.runtime import EdgeRuntime, EdgeSetup
from radical_edge_core.link.mux import Mux
from radical_edge_core.link.notes import decode_note
from radical_edge_core.names import HOSTED
from radical_edge_core.plugin.loader import Wanted
from radical_edge_core.state import private_folder
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.memory import join


class HostedEdge:
    """The bridge's own edge and its link in memory."""

    def __init__(
        self,
        config: BridgeConfig,
        folder: Path,
        registry: Registry,
        note: Callable[[str, bytes], None],
        last_event: Callable[[str], tuple[str, int]],
        found: Collection[EntryPoint] | None = None,
    ) -> None:
        self._config = config
        self._folder = folder
        self._registry = registry
        self._note = note
        self._last_event = last_event
        self._found = found
        self._runtime: EdgeRuntime | None = None
        self._joined: asyncio.Task[None] | None = None
        self._near: Connection | None = None

    async def start(self) -> None:
        """Load the plugins and join the link; the plugins start in the background."""
        only = frozenset(self._config.plugins) if self._config.plugins else None
        runtime = self._runtime = EdgeRuntime(
            EdgeSetup(
                name=HOSTED,
                host="bridge",
                identity=this_host(),
                state_dir=private_folder(self._folder / "hosted"),
                job_dir=self._folder / "hosted" / "jobs",
                wanted=Wanted(only=only),
            )
        )
        near = self._near = Connection(Mux(opens=True), note=lambda payload: self._note(HOSTED, payload))
        far = Connection(Mux(opens=False), note=lambda payload: runtime.take(decode_note(payload)))
        await runtime.open()
        runtime.load(self._found)
        runtime.prepare(far)
        self._joined = asyncio.get_running_loop().create_task(join(near, far))
        self._registry.attach(HOSTED, near)
        runtime.connected(far, *self._last_event(HOSTED))
        runtime.start()

    async def stop(self) -> None:
        """Stop the plugins and the link."""
        if self._runtime is not None:
            await self._runtime.stop()
        if self._near is not None:
            self._registry.detach(HOSTED, self._near, "the bridge is stopping")
        if self._joined is not None:
            self._joined.cancel()
            await asyncio.gather(self._joined, return_exceptions=True)
