"""
Noticing what blocks the event loop.

A blocked loop can't be freed from outside, but it can be named: a thread asks the loop to answer four times a
second, and where no answer comes it logs which operations run there and where the loop's thread stands.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

log = logging.getLogger(__name__)


class Watchdog:
    """
    Watches the event loop that runs when ``start`` is called.

    Args:
        threshold_s: How long the loop may take for one turn before that is logged.
    """

    def __init__(self, threshold_s: float = 0.5) -> None:
        self._threshold_s = threshold_s
        self._names: WeakKeyDictionary[asyncio.Task[object], list[str]] = WeakKeyDictionary()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._beat_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Note that the current task runs the operation of this name."""
        task = asyncio.current_task()
        if task is None:
            yield
            return
        names = self._names.setdefault(task, [])
        names.append(name)
        try:
            yield
        finally:
            names.remove(name)

    def start(self) -> None:
        """Begin to watch the running loop; once started, do nothing."""
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._beat()
        self._thread = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; may be called twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        self._beat_at = time.monotonic()

    def _watch(self) -> None:
        assert self._loop is not None
        told = 0.0
        while not self._stop.wait(min(0.25, self._threshold_s / 2)):
            late = time.monotonic() - self._beat_at
            if late > self._threshold_s:
                if told != self._beat_at:
                    told = self._beat_at
                    self._tell(late)
                continue
            if told:
                log.warning("the event loop runs again")
                told = 0.0
            try:
                self._loop.call_soon_threadsafe(self._beat)
            except RuntimeError:  # the loop is closed
                return

    def _tell(self, late: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the documented way to another thread's stack
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "(no stack)\n"
        log.error(
            "the event loop is blocked for %.1f s by %s; it stands at\n%s", late, self._suspects(), stack
        )

    def _suspects(self) -> str:
        task = asyncio.current_task(self._loop)
        if task is not None:
            names = self._names.get(task, [])
            return names[-1] if names else f"task {task.get_name()}"
        running = sorted({name for found in list(self._names.values()) for name in found})
        return f"a callback (operations in progress: {', '.join(running) or 'none'})"
