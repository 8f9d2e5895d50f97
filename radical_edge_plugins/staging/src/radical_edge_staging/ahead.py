"""One blocking job at a time, while the event loop gathers what the next one needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from radical_edge_core.plugin import Plugin


class OneAhead:
    """
    Runs jobs in a plugin's worker threads, each after the one before it.

    Used as an asynchronous context; leaving it early cancels the job that is under way, whose thread then ends by
    itself.
    """

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._job: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._job is not None:
            self._job.cancel()
            await asyncio.wait([self._job])
            if not self._job.cancelled():
                self._job.exception()  # seen: the error that ends the context says more

    async def start(self, job: Callable[[], None]) -> None:
        """Wait for the job before, then begin this one; raises what the job before raised."""
        await self.finish()
        self._job = asyncio.get_running_loop().create_task(self._plugin.workers.run(job))

    async def finish(self) -> None:
        """Wait for the job that is under way; raises what it raises."""
        if self._job is not None:
            await self._job
            self._job = None
