"""The worker threads of one plugin."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

import anyio
import anyio.to_thread

from radical_edge_core.errors import Overloaded

T = TypeVar("T")


class Workers:
    """
    Runs blocking functions, a bounded number at once, so that a plugin whose calls hang starves only itself.

    A cancelled caller leaves at once. Its thread can't be ended, and keeps its place in the bound until it
    ends by
    itself: callers that give up and come again must not gather threads without end.
    """

    def __init__(self, threads: int, *, max_waiting: int = 1000) -> None:
        self.threads = threads
        self._max_waiting = max_waiting
        self._limiter: anyio.CapacityLimiter | None = None
        self._unbounded: anyio.CapacityLimiter | None = None

    async def run(self, function: Callable[[], T], *, begins: bool = False) -> T:
        """
        Run ``function`` in a thread, with the caller's context variables.

        Args:
            function: What blocks.
            begins: Nothing of the call was done before this, so that one which is refused here may begin anew.

        Raises:
            Overloaded: Too many calls wait for a thread already.
        """
        if self._limiter is None or self._unbounded is None:
            self._limiter = anyio.CapacityLimiter(self.threads)
            self._unbounded = anyio.CapacityLimiter(math.inf)
        if self._limiter.statistics().tasks_waiting >= self._max_waiting:
            error = Overloaded("too many calls wait for a worker thread of this plugin", retry_after_s=5)
            raise error.before_acting() if begins else error
        place = _Place(self._limiter, asyncio.get_running_loop())
        await self._limiter.acquire_on_behalf_of(place)

        def body() -> Callable[[], T]:
            # What was raised is handed over as a value: a future can't carry every exception (GeneratorExit).
            if not place.enter():
                return _raising(RuntimeError("the caller left before the thread began"))
            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 - raised again below
                return _raising(error)
            else:
                return lambda: value
            finally:
                place.leave()

        try:
            outcome = await anyio.to_thread.run_sync(body, abandon_on_cancel=True, limiter=self._unbounded)
        finally:
            place.give_up()
        return outcome()


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def outcome() -> NoReturn:
        raise error

    return outcome


class _Place:
    """One thread's place in the bound: given back by the thread that entered, or by the loop if none did."""

    def __init__(self, limiter: anyio.CapacityLimiter, loop: asyncio.AbstractEventLoop) -> None:
        self._limiter = limiter
        self._loop = loop
        self._lock = threading.Lock()
        self._taken = False

    def enter(self) -> bool:
        """Take the place, in the thread; ``False`` where the caller has left."""
        with self._lock:
            mine = not self._taken
            self._taken = True
            return mine

    def leave(self) -> None:
        """Give the place back, from the thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._release)

    def give_up(self) -> None:
        """Give the place back, from the loop, unless a thread has it."""
        if self.enter():
            self._release()

    def _release(self) -> None:
        self._limiter.release_on_behalf_of(self)
