"""What both console scripts do as processes: the event loop, signals, limits."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any, Final

LEAVE_S: Final = 3.0
log = logging.getLogger(__name__)


def run(main: Coroutine[Any, Any, int]) -> int:
    """
    Run a process's main coroutine, on uvloop where it is installed, and return its exit code.

    What hangs when the coroutine has ended, be it a thread or a task that ignores its cancellation, is left behind
    after ``LEAVE_S``: the process then ends at once, with that code.
    """
    threads = set(threading.enumerate())
    factory = None
    if importlib.util.find_spec("uvloop") is not None:
        import uvloop  # noqa: PLC0415 - optional

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        code = runner.run(main)
        guard = threading.Timer(LEAVE_S, _end, (code,))
        guard.daemon = True
        guard.start()
    # The interpreter would wait for them without end.
    for thread in set(threading.enumerate()) - threads - {guard}:
        if not thread.daemon:
            thread.join()
    guard.cancel()
    return code


def _end(code: int) -> None:
    left = sum(not thread.daemon for thread in threading.enumerate()) - 1
    log.warning("ending, and leaving behind what hangs: %d threads", left)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Set ``stopping`` on the first SIGINT or SIGTERM; the second one ends the process at once."""

    def signalled(number: signal.Signals) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        log.info("stopping on %s; once more stops at once", number.name)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signalled, number)


def raise_descriptor_limit() -> int:
    """Raise the number of open files to what the system allows, log it, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError) as exc:
        log.debug("the limit of open files stays at %d: %s", soft, exc)
    log.info("up to %d open files", soft)
    return soft
