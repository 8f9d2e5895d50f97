"""Two connections in one process, joined without a socket: how the bridge speaks to the edge that it hosts."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from radical_edge_core.wire.connection import Connection


async def join(one: Connection, other: Connection) -> None:
    """Carry messages between two connections until cancelled; then both are closed."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_carry(one, other))
            group.create_task(_carry(other, one))
    finally:
        for connection in (one, other):
            with suppress(Exception):
                connection.close("the process is stopping")


async def _carry(source: Connection, target: Connection) -> None:
    while True:
        await source.wake.wait()
        source.wake.clear()
        while (message := source.next_message()) is not None:
            target.feed(message)
