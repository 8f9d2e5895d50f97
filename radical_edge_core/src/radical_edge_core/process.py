"""What both console scripts do as processes: the event loop, signals, limits."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import resource
import signal
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a process's main coroutine, on uvloop where it is installed, and return its exit code."""
    factory = None
    if importlib.util.find_spec("uvloop") is not None:
        import uvloop  # noqa: PLC0415 - optional

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


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
