"""One group of measurements: taken for all callers together, kept for a while, cut off at a deadline."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from radical_edge_sysinfo.outcome import Outcome, ProbeError
from radical_edge_sysinfo.workers import Workers, describe

T = TypeVar("T")

# A group rests for so many times as long as it took: a tool that needs a second, or hangs, is not run all
# the time.
REST_FACTOR = 4.0
# What never changes is asked again after so long where it was incomplete.
RETRY_S = 60.0


class Cell(Generic[T]):
    """
    A group, its latest outcome, and the measurement that is under way.

    Used in one event loop; ``read`` runs in a thread that is left behind if it hangs.

    Args:
        name: The group's name.
        read: Measures; returns the value, or an `Outcome` where parts may be missing.
        empty: The value of a group that gave nothing.
        workers: Where the threads come from.
        deadline_s: How long a measurement may take.
        keep_s: How long it serves every caller; infinite for what does not change.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], T | Outcome[T]],
        *,
        empty: T,
        workers: Workers,
        deadline_s: float,
        keep_s: float,
    ) -> None:
        self.name = name
        self._read = read
        self._empty = empty
        self._workers = workers
        self._deadline_s = deadline_s
        self._keep_s = keep_s
        self.latest: Outcome[T] = Outcome(empty, ("not measured yet",))
        self._due = -math.inf
        self._flight: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start a measurement if one is due and none is under way."""
        if self._flight is None and time.monotonic() >= self._due:
            self._flight = asyncio.get_running_loop().create_task(
                self._measure(), name=f"sysinfo {self.name}"
            )
            self._flight.add_done_callback(self._landed)

    async def fresh(self) -> None:
        """Wait until `latest` is not older than this group's age allows; a failure is an outcome too."""
        self.begin()
        if self._flight is not None:
            await asyncio.shield(self._flight)  # a caller who leaves takes the measurement from nobody

    async def close(self) -> None:
        """Stop waiting for what is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.result()

    async def _measure(self) -> None:
        started = time.monotonic()
        try:
            self.latest = await self._answer()
        except Exception as exc:  # noqa: BLE001 - whatever a measurement raises is this group's gap, nobody else's
            self.latest = Outcome(self._empty, (describe(exc),))
        finished = time.monotonic()
        keep_s = min(self._keep_s, RETRY_S) if self.latest.gaps else self._keep_s
        self._due = max(finished + REST_FACTOR * (finished - started), started + keep_s)

    async def _answer(self) -> Outcome[T]:
        answer = asyncio.wrap_future(self._workers.start(self.name, self._read))
        try:
            await asyncio.wait([answer], timeout=self._deadline_s)
            if not answer.done():
                raise ProbeError(f"no answer within {self._deadline_s:.3g} s")
            found = answer.result()
        finally:
            answer.cancel()  # the thread, if it hangs, has nobody to tell any more
        return found if isinstance(found, Outcome) else Outcome(found)
