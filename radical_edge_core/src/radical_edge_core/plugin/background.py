"""Tasks of a plugin that outlive a call, each owned and guarded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context

from radical_edge_core.plugin.problems import is_cancellation

Main = Callable[[], Awaitable[None]]


class Background:
    """
    The running background tasks of one plugin; a crash is logged and remembered, never silent.

    Attributes:
        failed: The type of the exception that ended a task, by the task's name.
    """

    def __init__(self, plugin: str, log: logging.Logger) -> None:
        self.failed: dict[str, str] = {}
        self._plugin = plugin
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, name: str, main: Main) -> None:
        """Start ``main()``; must be called in the event loop."""
        loop = asyncio.get_running_loop()
        # An empty context: work that a call begins must not pass for that caller's once the call is over.
        task = loop.create_task(self._supervise(name, main), name=f"{self._plugin}.{name}", context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, deadline_s: float) -> None:
        """Cancel every task and wait for the ends; what does not end in time is logged and left."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=deadline_s)
            for task in late:
                self._log.error("background task %s ignores its cancellation", task.get_name())

    async def _supervise(self, name: str, main: Main) -> None:
        try:
            await main()
        except BaseException as error:
            if is_cancellation(error):
                raise
            self.failed[name] = type(error).__name__
            self._log.exception("background task %s stopped", name)
