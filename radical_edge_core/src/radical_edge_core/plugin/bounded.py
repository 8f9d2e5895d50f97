"""Running one step of plugin code so that neither what it raises nor how long it takes reaches its host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Step = Callable[[], Awaitable[object]]


async def bounded(step: Step, deadline_s: float, name: str) -> BaseException | None:
    """
    Run one step as a task of its own and return what it raised; ``None``: it is done.

    A step that does not end by its deadline is cancelled; one that ignores this too is left behind, as
    nothing can end it. Where the caller itself is cancelled, so is the step.

    Args:
        step: What to run.
        deadline_s: How long it may take.
        name: The task's name, for logs.
    """
    task = asyncio.get_running_loop().create_task(_caught(step), name=name)
    try:
        done, _ = await asyncio.wait({task}, timeout=deadline_s)
    finally:
        task.cancel()
    if not done:
        return TimeoutError(f"not done within {deadline_s:g} s")
    return asyncio.CancelledError("it cancelled itself") if task.cancelled() else task.result()


async def _caught(step: Step) -> BaseException | None:
    try:
        await step()
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - a SystemExit of a plugin must not end its host
        return error
    return None
