"""
A bridge for tests: the real one, over a real socket, in the test's own event loop.

It is hypercorn on a free loopback port with ``bridge.app.Bridge`` behind it; only the process is missing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define

from radical_edge_core.bridge import server
from radical_edge_core.bridge.access_log import AccessLog
from radical_edge_core.bridge.app import Bridge
from radical_edge_core.bridge.config import BridgeConfig
from radical_edge_core.state import ADMIN_TOKEN, JOIN_TOKEN, private_folder, read_secret
from radical_edge_core.testing.api import Api
from radical_edge_core.testing.given import Given, entry_points_of
from radical_edge_core.testing.waiting import wait_until
from radical_edge_core.wire.patience import Patience

_STOP_S: Final = 20.0


@define(eq=False)
class RunningBridge:
    """
    A bridge that serves.

    Attributes:
        home: The state folder; the bridge's own part is ``bridge/`` in it.
        bridge: The real one.
        url: Where it is reached.
        api: A caller with the admin token.
        done: Ends when the bridge has stopped.
    """

    home: Path
    bridge: Bridge
    url: str
    api: Api
    stack: AsyncExitStack
    listener: socket.socket
    stopping: asyncio.Event
    done: asyncio.Task[None]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def join_token(self) -> str:
        """What edges join with."""
        return read_secret(self.home / "bridge" / JOIN_TOKEN) or ""

    @property
    def admin_token(self) -> str:
        """What may do everything."""
        return read_secret(self.home / "bridge" / ADMIN_TOKEN) or ""

    async def caller(self, token: str | None) -> Api:
        """Return another caller; closed together with the bridge."""
        return await self.stack.enter_async_context(Api(self.url, token))

    async def token(self, *scopes: str, **fields: object) -> str:
        """Make a token and return its secret; keywords are fields of ``POST /tokens``."""
        answer = await self.api.post("/tokens", {"scopes": scopes, **fields})
        if answer.status != 200:
            raise AssertionError(f"POST /tokens answered {answer.status}: {answer.body!r}")
        return str(answer.json["token"])

    async def caller_with(self, *scopes: str, **fields: object) -> Api:
        """Return a caller with a token of its own, as in ``token``."""
        return await self.caller(await self.token(*scopes, **fields))

    async def stop(self) -> None:
        """Stop in good order; idempotent."""
        self.stopping.set()
        async with asyncio.timeout(_STOP_S):
            await asyncio.shield(self.done)
        self.listener.close()


@asynccontextmanager
async def running_bridge(
    folder: Path,
    *,
    port: int = 0,
    patience: Patience | None = None,
    heartbeat_s: float = 15.0,
    hosted: Iterable[Given] = (),
    access_log: AccessLog | None = None,
    **settings: Any,
) -> AsyncIterator[RunningBridge]:
    """
    Run a bridge.

    Args:
        folder: Its state folder (``RADICAL_EDGE_HOME``); another bridge may go on with it later.
        port: Where it listens; 0 takes a free one.
        patience: How long edges are waited for.
        heartbeat_s: How often an event stream shows that it is alive.
        hosted: Plugins for the edge in its own process.
        access_log: Where finished requests are written; by default nowhere.
        settings: More fields of ``BridgeConfig``.
    """
    config = BridgeConfig(port=port, **{"drain_s": 5.0, **settings})
    listener = server.bind(config)
    stopping = asyncio.Event()
    bridge = Bridge(
        config,
        private_folder(private_folder(folder) / "bridge"),
        url=server.url_of(config, listener),
        terminate=lambda _reason: stopping.set(),
        access_log=access_log or AccessLog(),
        patience=patience,
        heartbeat_s=heartbeat_s,
        found=entry_points_of(hosted),
    )
    await bridge.start()

    async def drained() -> None:
        await stopping.wait()
        await bridge.stop()

    done = asyncio.create_task(server.serve(bridge, config, listener, drained))
    async with AsyncExitStack() as stack:
        token = read_secret(folder / "bridge" / ADMIN_TOKEN)
        api = await stack.enter_async_context(Api(bridge.url, token))
        running = RunningBridge(folder, bridge, bridge.url, api, stack, listener, stopping, done)
        try:
            await wait_until(lambda: _answers(listener))
            yield running
        finally:
            await stack.aclose()
            await running.stop()


def _answers(listener: socket.socket) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(listener.getsockname()) == 0
