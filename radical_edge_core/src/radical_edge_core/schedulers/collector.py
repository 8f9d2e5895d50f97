"""
One question, one command, whoever asks.

A scheduler's controller is one process that everybody on a cluster shares, and a loop over ``squeue`` is what
its administrators complain about most. So every question goes through here. For each question there is at
most one command at a time and one in an interval, for any number of callers; all share its answer. What the
answer says is true of the instant at which the command *started*, and carries it as ``as_of``.

An answer is kept when the next attempt fails, and is then marked: what it says is unknown since ``as_of``. An
attempt that fails counts as one: a scheduler that is down is not asked more often. A command that took long
rests for as long again.

Attempts run in threads of their own, which nobody joins, and callers come from event loops and from threads
alike: ``poll`` never waits, ``fetch`` waits in a loop, ``fetch_blocking`` in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

from attrs import define, evolve, field, frozen

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import OutputUnreadable, SchedulerUnavailable

MIN_INTERVAL_S = 10.0
FORCE_INTERVAL_S = 2.0
T = TypeVar("T")
U = TypeVar("U")
log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Query(Generic[T]):
    """
    A question.

    Attributes:
        name: What is asked, scheduler included; with ``user`` it tells questions apart.
        user: About whom; empty where it is about nobody.
        ask: Runs the command (or another one where the first is not understood) and reads what it printed; in a
            thread. Raises ``SchedulerUnavailable``.
    """

    name: str
    user: str = ""
    ask: Callable[[Runner], T] = field(eq=False)


@frozen(kw_only=True)
class Freshness:
    """
    How new an answer has to be.

    Attributes:
        force: Ask anew, unless the command was started a moment ago (the collector's ``force_interval_s``).
        interval_s: How old an answer may be; by default the collector's ``min_interval_s``.
        patience_s: How long to wait where an older answer is there, which is returned then. Without it the
            command's own deadline is the bound.
    """

    force: bool = False
    interval_s: float | None = None
    patience_s: float | None = None

    def seldom(self, interval_s: float) -> Freshness:
        """Return the same for what changes seldom: at least that interval."""
        return evolve(self, interval_s=max(interval_s, self.interval_s or 0.0))


AS_USUAL = Freshness()


@frozen(kw_only=True)
class Snapshot(Generic[T]):
    """
    An answer.

    Attributes:
        value: What the scheduler said.
        as_of: The instant that it is true of (seconds since 1970): when the command started.
        unknown_since: Set where the newest attempt failed: since then nothing is known for certain.
        problem: Why it failed.
        began: ``as_of`` by the collector's monotonic clock.
    """

    value: T
    as_of: float
    unknown_since: float | None = None
    problem: SchedulerUnavailable | None = None
    began: float

    def of(self, value: U) -> Snapshot[U]:
        """Return another value, made from this one, that is true of the same instant."""
        return Snapshot(
            value=value,
            as_of=self.as_of,
            unknown_since=self.unknown_since,
            problem=self.problem,
            began=self.began,
        )


@define(eq=False)
class _Entry:
    """What is kept of one question; guarded by the collector's lock."""

    good: Snapshot[Any] | None = None
    problem: SchedulerUnavailable | None = None
    began: float = -math.inf  # when the newest attempt did, landed or not
    landed: float = -math.inf  # when the newest one that landed had begun
    rests_until: float = -math.inf
    expired: bool = False
    flight: Future[None] | None = None


class Collector:
    """
    Asks, and keeps the answers.

    Args:
        runner: Runs the commands.
        min_interval_s: Between two starts of one question's command, where a caller wants no other.
        force_interval_s: The same for callers who want it anew.
        monotonic: The clock of intervals.
        now: The clock of ``as_of``.
        pause: Waits, in an attempt's thread.
        begin: Runs an attempt in a thread other than the caller's; by default in a daemon thread, as nobody can end
            one whose command hangs.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        min_interval_s: float = MIN_INTERVAL_S,
        force_interval_s: float = FORCE_INTERVAL_S,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], object] = time.sleep,
        begin: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self.runner = runner
        self.monotonic = monotonic
        self._min_interval_s = min_interval_s
        self._force_interval_s = force_interval_s
        self.now = now
        self._pause = pause
        self._begin = begin or _in_thread
        self._entries: dict[Query[Any], _Entry] = {}
        self._lock = threading.Lock()
        self._closed = False

    def poll(self, query: Query[T], *, interval_s: float | None = None) -> Snapshot[T] | None:
        """
        Return what is known at this moment, and see to it that it gets newer where that is due; never waits.

        Returns:
            ``None`` while nothing was ever heard; the attempt is under way, or failed (``problem_of``).
        """
        entry = self._entry(query)
        with self._lock:
            with suppress(SchedulerUnavailable):
                self._launch_if_due(query, entry, self._interval(Freshness(interval_s=interval_s)))
            return self._told(entry)

    async def fetch(self, query: Query[T], fresh: Freshness = AS_USUAL) -> Snapshot[T]:
        """
        Return an answer that is as new as is wanted; wait for the command where one is needed.

        Raises:
            SchedulerUnavailable: The attempt failed, and there is no older answer.
        """
        entry = self._entry(query)
        with self._lock:
            flight = self._launch_if_due(query, entry, self._interval(fresh))
        if flight is not None:
            landing = asyncio.wrap_future(flight)
            await asyncio.wait({landing}, timeout=fresh.patience_s)
            if not landing.done():
                landing.cancel()  # this caller's own view of it; the attempt goes on
                if entry.good is None:
                    await asyncio.wrap_future(flight)
        return self._answer(entry)

    def fetch_blocking(
        self, query: Query[T], fresh: Freshness = AS_USUAL, *, newer_than: float | None = None
    ) -> Snapshot[T]:
        """
        Do as ``fetch`` does, in a thread that may wait; it has no ``patience_s``.

        Args:
            query: The question.
            fresh: How new the answer has to be.
            newer_than: An instant of the monotonic clock: only a command that started later counts, even where
                it has to be waited for. An older answer is then no answer.

        Raises:
            SchedulerUnavailable: As there; with ``newer_than`` whenever the attempt failed.
        """
        entry = self._entry(query)
        if newer_than is None:
            with self._lock:
                flight = self._launch_if_due(query, entry, self._interval(fresh))
            if flight is not None:
                flight.result()
            return self._answer(entry)
        while True:
            with self._lock:
                if entry.landed >= newer_than:
                    break
                flight = entry.flight or self._launch(query, entry, self._force_interval_s)
            flight.result()
        if (problem := entry.problem) is not None:
            raise problem.again()
        return self._answer(entry)

    def expire(self, query: Query[Any]) -> None:
        """Let the next caller ask as if with ``force``: what is known has changed by our own doing."""
        self._entry(query).expired = True

    def problem_of(self, query: Query[Any]) -> SchedulerUnavailable | None:
        """Return why the newest attempt failed; ``None``: it did not, or there was none."""
        return self._entry(query).problem

    def problems(self) -> dict[str, str]:
        """Return what can't be asked at this moment and why, by the question's name."""
        with self._lock:
            return {
                " ".join(filter(None, (query.name, query.user))): entry.problem.detail
                for query, entry in self._entries.items()
                if entry.problem is not None
            }

    def close(self) -> None:
        """Ask nothing any more, and end the commands that run."""
        with self._lock:
            self._closed = True
        self.runner.stop()

    def _entry(self, query: Query[Any]) -> _Entry:
        with self._lock:
            return self._entries.setdefault(query, _Entry())

    def _interval(self, fresh: Freshness) -> float:
        if fresh.force:
            return self._force_interval_s
        wanted = self._min_interval_s if fresh.interval_s is None else fresh.interval_s
        return max(self._force_interval_s, wanted)

    def _launch_if_due(self, query: Query[Any], entry: _Entry, interval_s: float) -> Future[None] | None:
        if entry.flight is not None:
            return entry.flight
        if entry.expired:
            interval_s = min(interval_s, self._force_interval_s)
        if self.monotonic() < max(entry.began + interval_s, entry.rests_until):
            return None
        return self._launch(query, entry, 0.0)

    def _launch(self, query: Query[Any], entry: _Entry, interval_s: float) -> Future[None]:
        """Start an attempt, after a pause where the interval wants one; the lock is held."""
        if self._closed:
            raise SchedulerUnavailable("the scheduler is not asked any more: the edge is stopping")
        due = max(entry.began + interval_s, entry.rests_until) if interval_s else -math.inf
        delay = max(0.0, due - self.monotonic())
        flight: Future[None] = Future()
        flight.set_running_or_notify_cancel()  # so that no waiter can cancel it for the others
        entry.flight, entry.expired = flight, False
        try:
            self._begin(lambda: self._fly(query, entry, flight, delay))
        except RuntimeError as exc:  # the limit of threads is reached
            entry.flight = None
            raise SchedulerUnavailable(f"the scheduler can't be asked: {exc}") from exc
        return flight

    def _fly(self, query: Query[Any], entry: _Entry, flight: Future[None], delay: float) -> None:
        if delay:
            self._pause(delay)
        with self._lock:
            began, as_of = self.monotonic(), self.now()
            entry.began = began
        value: Any = None
        problem: SchedulerUnavailable | None = None
        try:
            value = query.ask(self.runner)
        except SchedulerUnavailable as exc:
            problem = exc.again()  # without the traceback, which would keep what the command printed
        except BaseException as exc:  # whatever happens, those who wait must hear of it
            log.exception("what %s printed can't be read", query.name)
            problem = OutputUnreadable(
                f"what the scheduler printed can't be read ({type(exc).__name__})", command=query.name
            )
        with self._lock:
            ended = self.monotonic()
            entry.rests_until = ended + (ended - began)
            entry.problem = problem
            if problem is None:
                entry.good = Snapshot(value=value, as_of=as_of, began=began)
            entry.flight, entry.landed = None, began
        flight.set_result(None)

    def _told(self, entry: _Entry) -> Snapshot[T] | None:
        """Return the newest good answer, marked where a later attempt failed; the lock is held."""
        if entry.good is None or entry.problem is None:
            return entry.good
        return cast(
            "Snapshot[T]",
            evolve(entry.good, unknown_since=entry.good.as_of, problem=entry.problem),
        )

    def _answer(self, entry: _Entry) -> Snapshot[Any]:
        with self._lock:
            told: Snapshot[Any] | None = self._told(entry)
            problem = entry.problem
        if told is not None:
            return told
        assert problem is not None
        raise problem.again()


def _in_thread(attempt: Callable[[], None]) -> None:
    threading.Thread(target=attempt, name="scheduler", daemon=True).start()
