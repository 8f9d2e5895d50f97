"""Where the synchronous client runs its callbacks: in a thread that is neither the loop's nor the user's."""

from __future__ import annotations

import queue
import threading
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable
from contextlib import suppress

Job = tuple[Callable[..., object], tuple[object, ...], AbstractEventLoop, "Future[object]"]


class CallbackThread:
    """
    Runs callbacks one after the other.

    A callback may block, and may call the client it belongs to. The thread begins with the first callback.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, callback: Callable[..., object], *arguments: object) -> object:
        """Run one callback and return what it returns; this is a ``Runner``."""
        if self._thread is None:
            # A daemon, so that a callback that never returns does not keep the interpreter from ending.
            self._thread = threading.Thread(target=self._main, name="radical-edge-callbacks", daemon=True)
            self._thread.start()
        loop = get_running_loop()
        done: Future[object] = loop.create_future()
        self._jobs.put((callback, arguments, loop, done))
        return await done

    def close(self) -> None:
        """Let the thread end after the callback it is in; for that one it waits briefly."""
        self._jobs.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def _main(self) -> None:
        while (job := self._jobs.get()) is not None:
            callback, arguments, loop, done = job
            outcome: object = None
            error: Exception | None = None
            try:
                outcome = callback(*arguments)
            except Exception as caught:  # noqa: BLE001  # raised again where the callback was asked for
                error = caught
            except SystemExit:
                error = RuntimeError("a callback tried to end the program")
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, done, outcome, error)


def _settle(done: Future[object], outcome: object, error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(outcome)
    else:
        done.set_exception(error)
