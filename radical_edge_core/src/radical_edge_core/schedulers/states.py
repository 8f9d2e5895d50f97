"""
What became of jobs that somebody knows by their ids: all at once, and without waiting.

The queue is looked at first: it shows what waits, what runs and what ended a moment ago, of all the user's
jobs in one answer. What it does not show is looked up in the accounting, all such ids in one command, and what
is over is not looked up again. Both go through the collector, so that it costs the same to ask four times a
second as once a minute.

An id counts as not there only by answers that are younger than the first question about it: the queue as it
was before a job was submitted says nothing about the job. Accounting lags behind by seconds, so that a job can
be in neither for a while; ``gone`` says since when, and the caller decides how long that may last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

from attrs import define, frozen

from radical_edge_core.schedulers.collector import Collector, Query, Snapshot
from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.records import Job

FORGET_S = 600.0
Jobs = tuple[Job, ...]
Past = Callable[[Runner, Collection[str]], Jobs]


@frozen(kw_only=True)
class Sightings:
    """
    What is known of some jobs.

    Attributes:
        jobs: By the id that was asked for.
        gone: Those that neither queue nor accounting knows, and since when (seconds since 1970).
        unheard: Those that nobody has told of yet; ask again.
        as_of: The instant that the queue's part is true of; ``None``: it was never heard.
        unknown_since: Set where the newest attempt to read the queue failed.
        problem: Why it did, or why accounting can't be asked.
    """

    jobs: Mapping[str, Job]
    gone: Mapping[str, float]
    unheard: frozenset[str]
    as_of: float | None
    unknown_since: float | None = None
    problem: str = ""


@frozen(kw_only=True)
class _PastAnswer:
    asked: frozenset[str]
    jobs: Mapping[str, Job]


@define
class _Known:
    """What is kept of one id; answers count from ``since`` on: the first question, or the queue's last sight of it."""

    since: float
    last_asked: float
    past: Job | None = None
    gone_since: float | None = None

    @property
    def over(self) -> bool:
        """Whether nothing new will be heard of it, unless it is queued again."""
        return self.past is not None and self.past.phase == "over"

    def seen(self, at: float) -> None:
        """The queue shows it, perhaps again; what accounting said before is of an earlier run."""
        self.since = max(self.since, at)
        self.past = self.gone_since = None


class JobStates:
    """
    Looks jobs up by their ids; may be called from any thread, and never waits.

    Args:
        collector: Asks the scheduler.
        live: The question that shows the user's jobs, those that ended a moment ago too.
        past: Looks up jobs by their ids where that does not show them.
        name: The second question's name.
    """

    def __init__(self, collector: Collector, live: Query[Jobs], past: Past, *, name: str) -> None:
        self.live = live
        self._collector = collector
        self._past = Query[_PastAnswer](name=name, user=live.user, ask=self._ask_past)
        self._look_up = past
        self._known: dict[str, _Known] = {}
        self._wanted: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def look_up(self, ids: Collection[str], *, interval_s: float | None = None) -> Sightings:
        """
        Return what is known of jobs at this moment, and see to it that it gets newer where that is due.

        Args:
            ids: As the scheduler gave them when they were submitted.
            interval_s: How old the answer may be; by default the collector's interval.
        """
        with self._lock:
            known = self._note(ids)
        live = self._collector.poll(self.live, interval_s=interval_s)
        with self._lock:
            if live is None:
                problem = self._collector.problem_of(self.live)
                return Sightings(
                    jobs={}, gone={}, unheard=frozenset(ids), as_of=None,
                    problem="" if problem is None else problem.detail,
                )  # fmt: skip
            shown = by_id(live.value)
            for name in self._known.keys() & shown.keys():
                self._known[name].seen(live.began)
            self._wanted = wanted = frozenset(
                name
                for name, each in self._known.items()
                if name not in shown and not each.over and each.since <= live.began
            )
        past_problem = self._hear_past(interval_s) if wanted & known.keys() else ""
        with self._lock:
            jobs = {name: job for name, each in known.items() if (job := shown.get(name) or each.past)}
            gone = {
                name: each.gone_since
                for name, each in known.items()
                if name not in jobs and each.gone_since is not None
            }
        return Sightings(
            jobs=jobs,
            gone=gone,
            unheard=frozenset(known.keys() - jobs.keys() - gone.keys()),
            as_of=live.as_of,
            unknown_since=live.unknown_since,
            problem=live.problem.detail if live.problem else past_problem,
        )

    def _note(self, ids: Collection[str]) -> dict[str, _Known]:
        now = self._collector.monotonic()
        for name in ids:
            self._known.setdefault(name, _Known(now, now)).last_asked = now
        if len(self._known) > 2 * len(ids) + 100:
            self._known = {
                name: each for name, each in self._known.items() if now - each.last_asked < FORGET_S
            }
        return {name: self._known[name] for name in ids}

    def _hear_past(self, interval_s: float | None) -> str:
        answer = self._collector.poll(self._past, interval_s=interval_s)
        problem = self._collector.problem_of(self._past)
        if answer is not None:
            with self._lock:
                for name in answer.value.asked:
                    self._take(name, answer.value.jobs.get(name), answer)
        return "" if problem is None else problem.detail

    def _take(self, name: str, job: Job | None, answer: Snapshot[_PastAnswer]) -> None:
        each = self._known.get(name)
        if each is None or each.over or name not in self._wanted or answer.began < each.since:
            return
        each.past = job
        if job is not None:
            each.gone_since = None
        elif each.gone_since is None:
            each.gone_since = answer.as_of

    def _ask_past(self, runner: Runner) -> _PastAnswer:
        with self._lock:
            wanted = self._wanted
        return _PastAnswer(asked=wanted, jobs=by_id(self._look_up(runner, wanted)) if wanted else {})


def by_id(jobs: Collection[Job]) -> dict[str, Job]:
    """Return jobs by every id that they go by; the waiting rest of an array goes by the array's own."""
    found: dict[str, Job] = {}
    for job in jobs:
        found[job.job_id] = job
    for job in jobs:
        found.setdefault(job.raw_id, job)
    return found
