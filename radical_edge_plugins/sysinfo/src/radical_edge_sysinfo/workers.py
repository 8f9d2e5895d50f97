"""
Threads that may be left behind.

A measurement can hang where nothing ends it: ``statvfs`` on a dead NFS mount, ``wait`` for a program that
the driver keeps in the kernel. Each one therefore runs in a daemon thread of its own, which nobody joins.
Who asked stops waiting at a deadline; the thread is left behind, and until it ends the same measurement is
not begun again, so that however long the fault lasts there is one hanging thread for it and not one a
second. Daemon threads, because a pool's threads would hold up the end of the process for as long as the
mount hangs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import TypeVar

from radical_edge_sysinfo.outcome import ProbeError

T = TypeVar("T")


class Workers:
    """The threads at work, by the name of what they measure; every method may be called from any thread."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def start(self, name: str, function: Callable[[], T]) -> Future[T]:
        """
        Run ``function`` in a thread of its own and return the future of its result.

        Raises:
            ProbeError: The thread of an earlier call with this name has not ended.
        """
        with self._lock:
            if (since := self._since.get(name)) is not None:
                raise ProbeError(
                    f"hanging for {time.monotonic() - since:.0f} s; not started again until it ends"
                )
            self._since[name] = time.monotonic()
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        try:
            threading.Thread(
                target=self._work, args=(name, function, future), name=f"sysinfo {name}", daemon=True
            ).start()
        except RuntimeError as exc:  # the limit of threads is reached
            self._forget(name)
            raise ProbeError(str(exc)) from exc
        return future

    def hanging(self) -> tuple[str, ...]:
        """Return the names of what is being measured at this instant."""
        with self._lock:
            return tuple(self._since)

    def fan_out(
        self, tasks: Mapping[str, Callable[[], T]], deadline_s: float
    ) -> tuple[dict[str, T], dict[str, str]]:
        """
        Run all ``tasks`` side by side and wait, at most ``deadline_s`` seconds.

        Returns:
            The results of those that returned, and for each other one the reason why there is none.
        """
        futures: dict[str, Future[T]] = {}
        results: dict[str, T] = {}
        reasons: dict[str, str] = {}
        for name, function in tasks.items():
            try:
                futures[name] = self.start(name, function)
            except ProbeError as exc:
                reasons[name] = str(exc)
        done, _ = wait(futures.values(), timeout=deadline_s)
        for name, future in futures.items():
            if future not in done:
                reasons[name] = f"no answer within {deadline_s:.3g} s"
            elif (error := future.exception()) is not None:
                reasons[name] = describe(error)
            else:
                results[name] = future.result()
        return results, reasons

    def _work(self, name: str, function: Callable[[], T], future: Future[T]) -> None:
        try:
            result = function()
        except Exception as exc:  # noqa: BLE001 - the waiter gets it; a thread has nobody else to tell
            self._forget(name)
            future.set_exception(exc)
        except BaseException as exc:  # noqa: BLE001 - a SystemExit would end the waiter's event loop
            self._forget(name)
            future.set_exception(ProbeError(describe(exc)))
        else:
            self._forget(name)  # first, so that who is woken may start the same measurement
            future.set_result(result)

    def _forget(self, name: str) -> None:
        with self._lock:
            del self._since[name]


def describe(error: BaseException) -> str:
    """Return one line that tells what went wrong, without a traceback."""
    if isinstance(error, ProbeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"
