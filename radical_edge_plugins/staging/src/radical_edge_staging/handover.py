"""Making a thing in a worker thread for a caller who may leave before it is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from radical_edge_core.plugin import Plugin

T = TypeVar("T")


async def made(plugin: Plugin, make: Callable[[], T], undo: Callable[[T], None]) -> T:
    """
    Return what ``make`` returns in a worker thread.

    A cancelled caller leaves at once. What the thread makes all the same is undone: by the thread, or,
    where it was finished in that instant, by one of its own.

    Args:
        plugin: Whose threads are used.
        make: Blocks.
        undo: Blocks; given what ``make`` returned and nobody took.
    """
    lock = threading.Lock()
    taken: list[T] = []
    gone = False

    def work() -> T:
        thing = make()
        with lock:
            if not gone:
                taken.append(thing)
                return thing
        undo(thing)
        return thing

    try:
        return await plugin.workers.run(work)
    except BaseException:
        with lock:
            gone = True
        for thing in taken:
            threading.Thread(target=undo, args=(thing,), name="staging undo", daemon=True).start()
        raise
