"""
Edges for tests: the real ones, over real sockets, in the test's own event loop.

``running_edge`` runs what ``radical-edge-service`` does, but for signals and the process; ``running_application``
puts any ASGI application in the place of the plugins.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define

from radical_edge_core.edge import service
from radical_edge_core.edge.config import EdgeConfig
from radical_edge_core.edge.identity import this_host
from radical_edge_core.edge.link_client import Address, Exit, LinkClient
from radical_edge_core.edge.runtime import EdgeRuntime
from radical_edge_core.state import CREDENTIAL, private_folder
from radical_edge_core.testing.bridges import RunningBridge
from radical_edge_core.testing.given import Given, entry_points_of
from radical_edge_core.testing.waiting import wait_until
from radical_edge_core.wire.asgi import Application, connect
from radical_edge_core.wire.patience import Patience

_STOP_S: Final = 20.0


@define(eq=False)
class RunningEdge:
    """
    An edge that dials.

    Attributes:
        runtime: The real one; ``None`` where a bare application answers.
        link: The real one.
        task: Ends with the edge's exit code.
        stopping: Set to end it in good order.
    """

    runtime: EdgeRuntime | None
    link: LinkClient
    task: asyncio.Task[int]
    stopping: asyncio.Event

    async def stop(self) -> int:
        """End it in good order, and return its exit code; idempotent."""
        self.stopping.set()
        return await self.exit()

    async def exit(self, deadline_s: float = _STOP_S) -> int:
        """Wait until the edge has ended by itself, and return its exit code."""
        async with asyncio.timeout(deadline_s):
            return await asyncio.shield(self.task)

    async def kill(self) -> None:
        """End it without any goodbye, as a lost process would."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        if self.runtime is not None:
            self.runtime.journal.close()  # a process that is gone holds no lock either


@asynccontextmanager
async def running_edge(
    bridge: RunningBridge,
    name: str = "here",
    plugins: Iterable[Given] = (),
    *,
    port: int | None = None,
    folder: Path | None = None,
    tables: str = "",
    only: tuple[str, ...] = (),
    patience: Patience | None = None,
    wait: bool = True,
    **settings: Any,
) -> AsyncIterator[RunningEdge]:
    """
    Run an edge.

    Args:
        bridge: Where it registers.
        name: Its name.
        plugins: What it offers.
        port: Where it dials instead, for a proxy in between.
        folder: Its home; by default the bridge's.
        tables: The text of its configuration file, with the plugins' tables.
        only: Names of those plugins that are mounted (``--plugins``); by default all that it offers.
        patience: How long the bridge is waited for.
        wait: Whether to begin only when its link is up and its plugins have started, or failed to.
        settings: More fields of ``EdgeConfig``.
    """
    home = folder or bridge.home
    own = private_folder(private_folder(private_folder(home) / "edges") / name)
    file = own / "config.toml"
    file.write_text(tables, encoding="utf-8")
    url = f"ws://127.0.0.1:{port or bridge.port}"
    config = EdgeConfig(name=name, url=url, plugins=only, **{"drain_s": 5.0, **settings})
    stopping = asyncio.Event()
    runtime, link = service.build(config, home, own, file, stopping, patience=patience)
    runtime.load(entry_points_of(plugins))
    edge = RunningEdge(
        runtime, link, asyncio.create_task(service.run(config, runtime, link, stopping)), stopping
    )
    async with _stopped_at_the_end(edge):
        if wait:
            await linked(bridge, name, edge)
            await wait_until(lambda: all(r.status != "starting" for r in runtime.plugins.reports()))
            announced = runtime.announcement().plugins
            await wait_until(lambda: bridge.bridge.registry.record(name).plugins == announced)
        yield edge


@asynccontextmanager
async def running_application(
    bridge: RunningBridge,
    app: Application,
    name: str = "here",
    *,
    port: int | None = None,
    patience: Patience | None = None,
    window: int = 256 * 1024,
    wait: bool = True,
) -> AsyncIterator[RunningEdge]:
    """Run an edge that is nothing but an ASGI application behind a link; the arguments are ``running_edge``'s."""
    folder = private_folder(private_folder(private_folder(bridge.home) / "edges") / name)
    link = LinkClient(
        name,
        Address(
            url=f"ws://127.0.0.1:{port or bridge.port}",
            cert=None,
            credential=folder / CREDENTIAL,
            join_token=lambda: bridge.join_token,
        ),
        this_host(),
        window=window,
        begin=lambda connection: _serve(app, connection),
        up=lambda _connection, _epoch, _seq: None,
        down=lambda: None,
        note=lambda _payload: None,
        patience=patience,
    )
    stopping = asyncio.Event()

    async def run() -> int:
        linking = asyncio.create_task(link.run())
        asked = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({linking, asked}, return_when=asyncio.FIRST_COMPLETED)
            if linking.done():
                return int(linking.result())
            await link.leave(5.0)
            return int(Exit.STOPPED)
        finally:
            for task in (linking, asked):
                task.cancel()
            await asyncio.gather(linking, asked, return_exceptions=True)

    edge = RunningEdge(None, link, asyncio.create_task(run()), stopping)
    async with _stopped_at_the_end(edge):
        if wait:
            await linked(bridge, name, edge)
        yield edge


async def linked(bridge: RunningBridge, name: str, edge: RunningEdge | None = None) -> None:
    """Wait until an edge has a live link, on its own side too; fails at once where the edge has ended."""

    def up() -> bool:
        if edge is not None and edge.task.done():
            raise AssertionError(f"the edge ended with {edge.task.result()}: {edge.link.last_error}")
        known = edge is None or edge.link.connected.is_set()
        return known and bridge.bridge.registry.live(name) is not None

    await wait_until(up)


@asynccontextmanager
async def _stopped_at_the_end(edge: RunningEdge) -> AsyncIterator[None]:
    try:
        yield
    finally:
        edge.stopping.set()
        try:
            async with asyncio.timeout(_STOP_S):
                await asyncio.wait({edge.task})
        finally:
            await edge.kill()


def _serve(app: Application, connection: Any) -> None:
    connect(app, connection)
