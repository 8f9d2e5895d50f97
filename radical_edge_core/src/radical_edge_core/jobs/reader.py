"""
One reader for a file that grows, for any number of viewers, each at an offset of its own.

A viewer is a cursor into the file, with no queue: a slow one costs nothing. What viewers share is one look
at the file's length each quarter of a second, however many wait, and the blocks read last: a hundred
viewers of the same bytes are one read. Files are opened anew for each look and each read, since on a
network file system opening is what makes another node's bytes visible; nothing stays open, and a folder
that nobody views can be removed.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
from attrs import frozen

T = TypeVar("T")
BLOCK = 64 * 1024
_BLOCKS_KEPT = 8
_PATIENCE_S = 5.0
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in the file's place must not hold up a thread


@frozen(kw_only=True)
class End:
    """
    The writer is done.

    Attributes:
        size: How many bytes it wrote; ``None`` where nobody counted.
    """

    size: int | None = None


class FileReader:
    """
    Reads one file.

    Args:
        path: The file; it may not be there yet.
        end: Tells whether the writer is done; called in the loop, cheap.
        limiter: Bounds the threads that read, so that a file system that hangs holds up nothing else.
        poll_s: How often a waiting reader looks.
    """

    def __init__(
        self,
        path: Path,
        end: Callable[[], End | None],
        limiter: anyio.CapacityLimiter,
        *,
        poll_s: float = 0.2,
    ) -> None:
        self.path = path
        self.viewers = 0
        self.looks = 0
        self.reads = 0
        self._end = end
        self._limiter = limiter
        self._poll_s = poll_s
        self._look: asyncio.Task[int] | None = None
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._loading: dict[int, asyncio.Task[bytes]] = {}

    async def read(self, offset: int, limit: int = BLOCK) -> bytes:
        """Return what is in the file from ``offset`` on, up to a block; empty at the file's end."""
        index, within = divmod(offset, BLOCK)
        block = self._blocks.get(index, b"")
        if len(block) <= within:
            block = await self._load(index)
        return block[within : within + limit]

    async def follow(self, offset: int = 0) -> AsyncIterator[bytes]:
        """
        Yield the file's bytes from ``offset`` on as they are written; end when the writer is done and all
        is sent.

        A count that the file never reaches (the job itself cut its output) ends it a few seconds after the
        writer.
        """
        self.viewers += 1
        done_since: float | None = None
        try:
            while True:
                end = (
                    self._end()
                )  # asked before the read: what was written before the end is in the file by then
                if data := await self.read(offset):
                    offset += len(data)
                    yield data
                    continue
                if end is None:
                    while await self._length() <= offset and self._end() is None:
                        pass
                    continue
                now = asyncio.get_running_loop().time()
                if end.size is not None and offset >= end.size:
                    return
                if done_since is None:
                    done_since = now
                elif end.size is None or now - done_since > _PATIENCE_S:
                    return
                await self._length()
        finally:
            self.viewers -= 1
            if not self.viewers:
                self.close()

    async def rest(self, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield what is in the file now, from ``offset`` on."""
        self.viewers += 1
        try:
            while data := await self.read(offset):
                offset += len(data)
                yield data
        finally:
            self.viewers -= 1

    def close(self) -> None:
        """Forget what was read and stop looking; viewers that are there still go on."""
        self._blocks.clear()
        if self._look is not None and not self.viewers:
            self._look.cancel()
            self._look = None

    async def _length(self) -> int:
        """Wait for the next look at the file, and return its length; one look serves all who wait."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._one_look(), name=f"look {self.path.name}")
            self._look.add_done_callback(_heard)
        return await asyncio.shield(self._look)

    async def _one_look(self) -> int:
        await asyncio.sleep(self._poll_s)
        self.looks += 1
        return await self._in_thread(lambda: _size(self.path))

    async def _load(self, index: int) -> bytes:
        loading = self._loading.get(index)
        if loading is None:
            loading = asyncio.create_task(self._load_block(index), name=f"read {self.path.name}")
            self._loading[index] = loading
            loading.add_done_callback(lambda _: self._loading.pop(index, None))
            loading.add_done_callback(_heard)
        return await asyncio.shield(loading)

    async def _load_block(self, index: int) -> bytes:
        self.reads += 1
        block = await self._in_thread(lambda: read_range(self.path, index * BLOCK, BLOCK))
        self._blocks[index] = block
        self._blocks.move_to_end(index)
        while len(self._blocks) > _BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return block

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)


class FileReaders:
    """The readers of many files: one for each that is being viewed."""

    def __init__(self, limiter: anyio.CapacityLimiter, *, poll_s: float = 0.2) -> None:
        self._limiter = limiter
        self._poll_s = poll_s
        self._open: dict[Path, FileReader] = {}

    def of(self, path: Path, end: Callable[[], End | None]) -> FileReader:
        """Return the reader of ``path``; while somebody views it, always the same."""
        self._open = {each: reader for each, reader in self._open.items() if reader.viewers}
        if path not in self._open:
            self._open[path] = FileReader(path, end, self._limiter, poll_s=self._poll_s)
        return self._open[path]

    def viewed(self, folder: Path) -> bool:
        """Say whether somebody views a file in ``folder``."""
        return any(reader.viewers for path, reader in self._open.items() if path.parent == folder)


def read_range(path: Path, offset: int, limit: int) -> bytes:
    """Return up to ``limit`` bytes from ``offset`` on; empty where the file ends before, or is not there."""
    try:
        handle = os.open(path, _OPEN)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(handle, limit, offset)
    finally:
        os.close(handle)


def _heard(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # whoever waited has it; where nobody waits any more, nobody need be told


def _size(path: Path) -> int:
    try:
        handle = os.open(path, _OPEN)
    except FileNotFoundError:
        return 0
    try:
        return os.fstat(handle).st_size
    finally:
        os.close(handle)
