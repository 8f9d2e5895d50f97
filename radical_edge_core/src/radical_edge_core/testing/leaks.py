"""What a test must not leave behind: tasks, threads, child processes, environment variables."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

_PATIENCE_S = 5.0


@contextmanager
def no_leaked_threads(*, environment: bool = True) -> Iterator[None]:
    """
    Fail what leaves a thread, a child process or a changed environment behind.

    Threads that are about to end get a few seconds; what was forgotten to be closed is collected, so that its warning
    comes here.

    Args:
        environment: Whether to look at the environment.

    Raises:
        AssertionError: Something was left; it is named.
    """
    threads, children, variables = set(threading.enumerate()), child_processes(), dict(os.environ)
    yield
    gc.collect()
    left = [thread for thread in threading.enumerate() if thread not in threads]
    until = time.monotonic() + _PATIENCE_S
    for thread in left:
        thread.join(max(0.0, until - time.monotonic()))
    alive = [thread.name for thread in left if thread.is_alive()]
    while (running := child_processes() - children) and time.monotonic() < until:
        time.sleep(0.01)
    changed = {name for name, _ in dict(os.environ).items() ^ variables.items()} - {"PYTEST_CURRENT_TEST"}
    if not environment:
        changed.clear()
    for found, what in ((alive, "threads"), (running, "child processes"), (changed, "environment variables")):
        if found:
            raise AssertionError(f"{what} left behind: {', '.join(map(str, sorted(found, key=str)))}")


@asynccontextmanager
async def no_leaked_tasks() -> AsyncIterator[None]:
    """
    Fail what leaves a task in the running loop; those that are about to end get a few seconds.

    Raises:
        AssertionError: A task was left; it is named.
    """
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, pending = await asyncio.wait(left, timeout=_PATIENCE_S)
        if pending:
            raise AssertionError(f"tasks left behind: {', '.join(sorted(map(repr, pending)))}")


def child_processes() -> set[int]:
    """Return the process ids of this process's children, where the system tells (Linux)."""
    found: set[int] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found.update(map(int, task.read_text(encoding="ascii").split()))
    return found
