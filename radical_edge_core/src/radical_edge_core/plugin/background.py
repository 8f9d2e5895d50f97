"""Tasks of a plugin that outlive a call, each owned and guarded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

Main = Callable[[], Awaitable[None]]


class Background:
    """The running background tasks of one plugin; a crash is logged and remembered, never silent."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._tasks: dict[asyncio.Task[None], str] = {}
        self.failed: dict[str, str] = {}

    def run(self, name: str, main: Main) -> None:
        """Start ``main()``; must be called in the event loop."""
        task = asyncio.get_running_loop().create_task(self._supervise(name, main), name=name)
        self._tasks[task] = name
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def stop(self, deadline_s: float) -> None:
        """Cancel every task and wait for their ends; what does not end in time is named in the log and left."""
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
        except asyncio.CancelledError:
            raise
        except (Exception, SystemExit) as error:  # isolation point: a plugin's task ends alone
            self.failed[name] = type(error).__name__
            self._log.exception("background task %s stopped", name)
