"""
An event loop in a thread of its own.

It belongs to nobody else, so the synchronous client works from any number of threads, and in a notebook,
whose own loop is running already.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

T = TypeVar("T")


class LoopThread:
    """The loop; it runs from the beginning until ``close``."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(
            start_blocking_portal(name="radical-edge-client")
        )
        self._ident = self._portal.call(threading.get_ident)

    def call(self, function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        """
        Run a function or coroutine function in the loop, wait, and return what it returns.

        An interruption (Ctrl-C) of the waiting thread cancels the call.

        Raises:
            RuntimeError: The loop was closed.
        """
        future = self._portal.start_task_soon(functools.partial(function, *args, **kwargs))
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def context(self, manager: AbstractAsyncContextManager[T]) -> AbstractContextManager[T]:
        """Return a context manager that enters and leaves ``manager`` in one task of the loop."""
        return self._portal.wrap_async_context_manager(manager)

    def is_here(self) -> bool:
        """Say whether the calling thread is the loop's own, where nothing may wait for it."""
        return threading.get_ident() == self._ident

    def close(self) -> None:
        """End the loop and wait for its thread; may be called again."""
        self._stack.close()
