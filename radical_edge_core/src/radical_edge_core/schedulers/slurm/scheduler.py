"""SLURM, 22.05 to 25.05: text with separators of our own, as the JSON of its commands differs in each version."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

from attrs import evolve

from radical_edge_core.schedulers.backend import (
    COUNTS_S,
    EVERYBODY,
    RARELY_S,
    SELDOM_S,
    Jobs,
    OwnJob,
    Refusal,
    Scheduler,
)
from radical_edge_core.schedulers.collector import AS_USUAL, Collector, Freshness, Query, Snapshot
from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import CommandFailed, SchedulerUnavailable
from radical_edge_core.schedulers.records import Allocation, Node, Queue, Reservation, SchedulerName
from radical_edge_core.schedulers.slurm.accounts import (
    Share,
    ask_associations,
    ask_cluster,
    ask_shares,
    join,
)
from radical_edge_core.schedulers.slurm.jobs import ask_accounting, ask_accounting_of, ask_queue
from radical_edge_core.schedulers.slurm.nodes import ask_nodes, ask_reservations
from radical_edge_core.schedulers.slurm.partitions import (
    Rules,
    ask_partitions,
    ask_rules,
    ask_user_limits,
    count_jobs,
)
from radical_edge_core.schedulers.values import count, names

T = TypeVar("T")
_REPEATED = re.compile(r"(\d+)(?:\(x\d+\))?")
_UNKNOWN = re.compile("Invalid job id", re.IGNORECASE)
_FORBIDDEN = re.compile("permission denied", re.IGNORECASE)
_KNOWN_WORDS = re.compile("Invalid job id|permission denied|already completing or completed", re.IGNORECASE)


class Slurm(Scheduler):
    """SLURM; the arguments are those of ``Scheduler``."""

    name: ClassVar[SchedulerName] = "slurm"
    job_id_form: ClassVar[re.Pattern[str]] = re.compile(r"\d+(?:_(?:\d+|\[[\d,%-]+\])|\+\d+)?")

    def __init__(self, collector: Collector, user: str | None = None) -> None:
        super().__init__(collector, user)
        self._partitions = Query[tuple[Queue, ...]](name="slurm partitions", ask=ask_partitions)
        self._rules = Query[Mapping[str, Rules]](name="slurm partition rules", ask=ask_rules)
        self._user_limits = Query[Mapping[str, int]](name="slurm qos", ask=ask_user_limits)
        self._cluster = Query[str](name="slurm cluster", ask=ask_cluster)

    def ask_own_jobs(self, runner: Runner) -> Jobs:
        """Run ``squeue`` for the edge's user; what ended is shown for as long as the site keeps it."""
        return ask_queue(runner, ["--states=all", f"--user={self.user}"])

    def ask_all_jobs(self, runner: Runner) -> Jobs:
        """Run ``squeue`` for everybody; sites may hide the jobs of others."""
        return ask_queue(runner, [])

    def ask_past_jobs(self, runner: Runner, ids: Collection[str]) -> Jobs:
        """Run ``sacct``."""
        return ask_accounting_of(runner, ids)

    def ask_nodes(self, runner: Runner) -> tuple[Node, ...]:
        """Run ``sinfo``."""
        return ask_nodes(runner)

    def ask_reservations(self, runner: Runner) -> tuple[Reservation, ...]:
        """Run ``scontrol``."""
        return ask_reservations(runner)

    def find_named(self, names: Collection[str], *, since: float) -> Jobs:
        """
        Return the edge user's jobs of some names, of now or of the time since an instant; blocking.

        The queue is asked anew: what was submitted before this call and is known to the controller is found.
        Only names that it does not show are looked for in the accounting, which lags behind by seconds. One
        call for many names costs as much as for one.

        Args:
            names: Job names, which hold no commas.
            since: Seconds since 1970; before that the accounting is not searched.

        Raises:
            SchedulerUnavailable: The queue or the accounting can't be asked: which is not to say that there are
                no such jobs.
        """
        queue = self.collector.fetch_blocking(self.own_jobs, newer_than=self.collector.monotonic())
        found = tuple(job for job in queue.value if job.job_name in names or job.comment in names)
        missing = set(names) - {word for job in found for word in (job.job_name, job.comment)}
        if not missing:
            return found
        start = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%S")  # as TZ is for the command
        arguments = [f"--user={self.user}", f"--name={','.join(sorted(missing))}", f"--starttime={start}"]
        return (*found, *ask_accounting(self.collector.runner, arguments))

    async def queues(self, fresh: Freshness = AS_USUAL) -> Snapshot[tuple[Queue, ...]]:
        """Return the partitions; limits of users and numbers of jobs are left out where they can't be had."""
        counted = self.beside(self.all_jobs, COUNTS_S, None)
        answer, rules, limits, jobs = await asyncio.gather(
            self.collector.fetch(self._partitions, fresh),
            self.beside(self._rules, SELDOM_S, {}),
            self.beside(self._user_limits, RARELY_S, {}),
            counted,
        )
        numbers = None if jobs is None else count_jobs(jobs)
        return answer.of(tuple(_completed(queue, rules, limits, numbers) for queue in answer.value))

    async def allocations(
        self, user: str | None = None, fresh: Freshness = AS_USUAL
    ) -> Snapshot[tuple[Allocation, ...]]:
        """Return accounts with their limits (of the database) and shares (of the controller)."""
        wanted = user or self.user
        about = self.user if wanted == self.user else EVERYBODY
        associations = Query[tuple[tuple[str, Allocation], ...]](
            name="slurm associations", user=about, ask=lambda runner: ask_associations(runner, about)
        )
        shares = Query[tuple[Share, ...]](
            name="slurm shares", user=about, ask=lambda runner: ask_shares(runner, about)
        )
        granted, used, cluster = await asyncio.gather(
            self._attempt(associations, fresh),
            self._attempt(shares, fresh),
            self.beside(self._cluster, RARELY_S, ""),
        )
        known = [each for each in (granted, used) if isinstance(each, Snapshot)]
        problems = [each.problem if isinstance(each, Snapshot) else each for each in (granted, used)]
        problem = next(filter(None, problems), None)
        if not known:
            assert problem is not None
            raise problem
        found = join(
            granted.value if isinstance(granted, Snapshot) else (),
            used.value if isinstance(used, Snapshot) else (),
            cluster,
        )
        as_of = min(each.as_of for each in known)
        return Snapshot(
            value=tuple(each for each in found if wanted in {EVERYBODY, each.user}),
            as_of=as_of,
            unknown_since=None if problem is None else as_of,
            problem=problem,
            began=min(each.began for each in known),
        )

    async def _attempt(self, query: Query[T], fresh: Freshness) -> Snapshot[T] | SchedulerUnavailable:
        try:
            return await self.collector.fetch(query, fresh.seldom(SELDOM_S))
        except SchedulerUnavailable as failure:
            return failure

    def end_job(self, runner: Runner, job_id: str) -> Refusal | None:
        """Run ``scancel``, which ends well whatever it is told, and only says why if it is asked to speak."""
        try:
            said = runner.run(["scancel", "--verbose", job_id]).stderr
        except CommandFailed as failure:
            said = str(failure.data.get("stderr", ""))
            if not _KNOWN_WORDS.search(said):
                raise
        if _UNKNOWN.search(said):
            return "unknown"
        return "forbidden" if _FORBIDDEN.search(said) else None

    def own_job(self, environ: Mapping[str, str]) -> OwnJob | None:
        """Read the variables that ``sbatch`` sets; source: "OUTPUT ENVIRONMENT VARIABLES" of sbatch(1)."""
        job_id = environ.get("SLURM_JOB_ID") or environ.get("SLURM_JOBID")
        if not job_id:
            return None
        cpus = [int(number) for number in _REPEATED.findall(environ.get("SLURM_JOB_CPUS_PER_NODE", ""))]
        return OwnJob(
            job_id=job_id,
            cpus_per_node=max(cpus, default=None) or count(environ.get("SLURM_CPUS_ON_NODE", "")),
            gpus_per_node=count(environ.get("SLURM_GPUS_ON_NODE", ""))
            or len(names(environ.get("SLURM_JOB_GPUS", ""))),
        )

    def prefetch(self) -> None:
        """Begin to ask for partitions and jobs."""
        super().prefetch()
        self.collector.poll(self._partitions)
        self.collector.poll(self._rules, interval_s=SELDOM_S)


def _completed(
    queue: Queue,
    rules: Mapping[str, Rules],
    limits: Mapping[str, int],
    numbers: Mapping[tuple[str, str], int] | None,
) -> Queue:
    rule = rules.get(queue.name)
    return evolve(
        queue,
        max_jobs_per_user=limits.get(rule.qos) if rule else None,
        accounts=rule.accounts if rule else (),
        jobs_running=None if numbers is None else numbers.get((queue.name, "running"), 0),
        jobs_pending=None if numbers is None else numbers.get((queue.name, "pending"), 0),
    )
