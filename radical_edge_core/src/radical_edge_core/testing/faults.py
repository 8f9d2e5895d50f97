"""
A TCP connection that goes wrong on demand.

The proxy stands between an edge and its bridge, or between a client and the bridge, and knows nothing of what it
carries. Every fault that it really did is counted.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from attrs import define, field

from radical_edge_core.testing.tally import Tally

_PIECE: Final = 16 * 1024


@define(eq=False)
class _Pair:
    """One connection of a caller's, and ours to the target."""

    caller: socket.socket
    target: socket.socket
    task: asyncio.Task[None] | None = None
    orderly: bool = False
    stranded: asyncio.Event = field(factory=asyncio.Event)
    moving: asyncio.Event = field(factory=asyncio.Event)


class FaultProxy:
    """
    Forwards connections to one port of this machine.

    Args:
        port: Where they go.
        tally: Counts the faults.

    Attributes:
        port: Where it listens itself.
        forwarded: Bytes forwarded so far, in both directions.
        accepted: Connections taken so far.
        delay_s: Each piece waits so long before it goes on.
        bytes_per_s: As many go through at most, in each direction of each connection; ``None``: all.
    """

    def __init__(self, port: int, tally: Tally) -> None:
        self.target = port
        self.tally = tally
        self.port = 0
        self.forwarded = 0
        self.accepted = 0
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self._cut_at: int | None = None
        self._refusing = False
        self._pairs: set[_Pair] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._pairs)

    def cut(self) -> None:
        """Break every open connection now, both ends at once, without a goodbye."""
        for pair in self._pairs:
            if pair.task is not None and not pair.task.cancelling():
                self.tally.count("cut")
                pair.task.cancel()

    def cut_after(self, count: int) -> None:
        """Break every connection once ``count`` more bytes went through, in the middle of whatever they are."""
        self._cut_at = self.forwarded + count

    def freeze(self) -> None:
        """Forward nothing more on the connections that are open, and close none of them: they are half-open."""
        for pair in self._pairs:
            self.tally.count("freeze")
            pair.moving.clear()

    def strand(self) -> None:
        """Break the callers' ends of every open connection, while the target sees nothing of it."""
        for pair in self._pairs:
            if not pair.stranded.is_set():
                self.tally.count("strand")
                pair.stranded.set()

    def thaw(self) -> None:
        """Forward again what was held back."""
        for pair in self._pairs:
            pair.moving.set()

    def refuse(self) -> None:
        """Break every new connection at once; those that are open go on."""
        self._refusing = True

    def accept(self) -> None:
        """Take new connections again."""
        self._refusing = False

    async def start(self) -> None:
        """Begin to listen."""
        listener = self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        listener.setblocking(False)
        self.port = int(listener.getsockname()[1])
        self._accepting = asyncio.create_task(self._accept(listener))

    async def stop(self) -> None:
        """End everything; idempotent."""
        tasks = [pair.task for pair in self._pairs if pair.task is not None]
        if self._accepting is not None:
            tasks.append(self._accepting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            caller, _ = await loop.sock_accept(listener)
            if self._refusing:
                self.tally.count("refused")
                _break(caller)
                continue
            target = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            target.setblocking(False)
            for end in (caller, target):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            pair = _Pair(caller, target)
            pair.moving.set()
            self._pairs.add(pair)
            pair.task = asyncio.create_task(self._carry(pair))
            pair.task.add_done_callback(partial(self._closed, pair))

    async def _carry(self, pair: _Pair) -> None:
        """Run one connection."""
        pumping = asyncio.create_task(self._forward(pair))
        stranding = asyncio.create_task(pair.stranded.wait())
        try:
            await asyncio.wait({pumping, stranding}, return_when=asyncio.FIRST_COMPLETED)
            pair.orderly = pumping.done() and pumping.exception() is None
            if stranding.done():
                await _ended(pumping)
                _break(pair.caller)
                await asyncio.Event().wait()
        finally:
            await _ended(pumping, stranding)

    def _closed(self, pair: _Pair, _task: asyncio.Task[None]) -> None:
        """Close both ends, once nothing waits on them any more; also of a connection that was cut before it began."""
        self._pairs.discard(pair)
        for end in (pair.caller, pair.target):
            if pair.orderly:
                end.close()
            else:
                _break(end)

    async def _forward(self, pair: _Pair) -> None:
        await asyncio.get_running_loop().sock_connect(pair.target, ("127.0.0.1", self.target))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(pair, pair.caller, pair.target))
            group.create_task(self._pump(pair, pair.target, pair.caller))

    async def _pump(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(source, _PIECE):
            if self.delay_s:
                self.tally.count("delay")
                await asyncio.sleep(self.delay_s)
            if self.bytes_per_s:
                self.tally.count("throttle")
                await asyncio.sleep(len(data) / self.bytes_per_s)
            await pair.moving.wait()
            room = len(data) if self._cut_at is None else max(0, self._cut_at - self.forwarded)
            await loop.sock_sendall(sink, data[:room])
            self.forwarded += min(room, len(data))
            if self._cut_at is not None and self.forwarded >= self._cut_at:
                self._cut_at = None
                self.cut()
                return  # a next piece would follow the rest of this one, which never went out
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@asynccontextmanager
async def fault_proxy(port: int, tally: Tally) -> AsyncIterator[FaultProxy]:
    """Run a proxy before a port of this machine."""
    proxy = FaultProxy(port, tally)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _break(end: socket.socket) -> None:
    """Reset a connection instead of closing it in good order."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
