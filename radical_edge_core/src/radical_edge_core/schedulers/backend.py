"""
One batch scheduler, asked through the collector, whichever it is.

Each kind gives the questions. What they have in common is here: which answer may be how old, which question is
needed and which only adds to another's answer.
"""

from __future__ import annotations

import abc
import asyncio
import os
import pwd
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import ClassVar, Literal, TypeVar

import anyio
import anyio.to_thread
from attrs import frozen

from radical_edge_core.errors import Forbidden, InvalidRequest, NotFound, PluginFailure
from radical_edge_core.schedulers.collector import AS_USUAL, Collector, Freshness, Query, Snapshot
from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import SchedulerUnavailable
from radical_edge_core.schedulers.records import (
    Allocation,
    Job,
    JobAllocation,
    Node,
    Queue,
    Reservation,
    SchedulerName,
)
from radical_edge_core.schedulers.states import JobStates

EVERYBODY = "*"
# How old an answer may be that changes seldom, or that only adds to another.
SELDOM_S = 60.0
RARELY_S = 600.0
COUNTS_S = 30.0
# How long one is waited for that only adds to another.
EXTRA_S = 5.0
T = TypeVar("T")
D = TypeVar("D")
Jobs = tuple[Job, ...]
Refusal = Literal["unknown", "forbidden"]


@frozen(kw_only=True)
class OwnJob:
    """
    What the environment tells of the job that a process runs in.

    Attributes:
        job_id: The scheduler's id.
        cpus_per_node: On the node with the most; ``None``: not told.
        gpus_per_node: The same for GPUs.
    """

    job_id: str
    cpus_per_node: int | None = None
    gpus_per_node: int | None = None


class Scheduler(abc.ABC):
    """
    A scheduler.

    Answers are true as of the instant at which the command started, and marked where the scheduler could not be
    asked since. ``user`` is a name, ``*`` for everybody, or ``None`` for the edge's own user. ``fresh`` says
    how new an answer has to be.

    Args:
        collector: Asks.
        user: Who the edge runs as.
    """

    name: ClassVar[SchedulerName]
    job_id_form: ClassVar[re.Pattern[str]]
    shows_all: ClassVar[bool] = False  # its command can't be asked for one user's jobs

    def __init__(self, collector: Collector, user: str | None = None) -> None:
        self.collector = collector
        self.user = user or edge_user()
        self.all_jobs = Query[Jobs](name=f"{self.name} jobs", user=EVERYBODY, ask=self.ask_all_jobs)
        self.own_jobs = (
            self.all_jobs
            if self.shows_all
            else Query[Jobs](name=f"{self.name} jobs", user=self.user, ask=self.ask_own_jobs)
        )
        self.node_list = Query[tuple[Node, ...]](name=f"{self.name} nodes", ask=self.ask_nodes)
        self.reserved = Query[tuple[Reservation, ...]](
            name=f"{self.name} reservations", ask=self.ask_reservations
        )
        self.states = JobStates(collector, self.own_jobs, self.ask_past_jobs, name=f"{self.name} past jobs")
        self._limiter: anyio.CapacityLimiter | None = None

    # What each kind gives.

    @abc.abstractmethod
    def ask_own_jobs(self, runner: Runner) -> Jobs:
        """Return the edge user's jobs; those that ended a moment ago may be among them."""

    @abc.abstractmethod
    def ask_all_jobs(self, runner: Runner) -> Jobs:
        """Return everybody's jobs that are not over, as far as the scheduler shows them."""

    @abc.abstractmethod
    def ask_past_jobs(self, runner: Runner, ids: Collection[str]) -> Jobs:
        """Return jobs by their ids, those that are over too; ids that are not known are left out."""

    @abc.abstractmethod
    def ask_nodes(self, runner: Runner) -> tuple[Node, ...]:
        """Return the nodes."""

    def ask_reservations(self, runner: Runner) -> tuple[Reservation, ...]:  # noqa: ARG002
        """Return the reservations; none where they are not read."""
        return ()

    @abc.abstractmethod
    async def queues(self, fresh: Freshness = AS_USUAL) -> Snapshot[tuple[Queue, ...]]:
        """Return the queues, with what is known of their nodes and jobs."""

    async def allocations(
        self,
        user: str | None = None,  # noqa: ARG002
        fresh: Freshness = AS_USUAL,  # noqa: ARG002
    ) -> Snapshot[tuple[Allocation, ...]]:
        """Return what a user's accounts grant; nothing where the scheduler keeps no accounts."""
        return Snapshot(value=(), as_of=self.collector.now(), began=self.collector.monotonic())

    @abc.abstractmethod
    def end_job(self, runner: Runner, job_id: str) -> Refusal | None:
        """Run the command that ends a job; return why it did not, or raise where it says nothing known."""

    @abc.abstractmethod
    def own_job(self, environ: Mapping[str, str]) -> OwnJob | None:
        """Read from an environment in which job the process runs; ``None``: in none of this scheduler's."""

    # What all have.

    async def jobs(self, user: str | None = None, fresh: Freshness = AS_USUAL) -> Snapshot[Jobs]:
        """Return jobs that are not over."""
        wanted = user or self.user
        answer = await self.collector.fetch(self.own_jobs if wanted == self.user else self.all_jobs, fresh)
        shown = (job for job in answer.value if job.phase != "over" and wanted in {EVERYBODY, job.user})
        return answer.of(tuple(shown))

    async def nodes(self, fresh: Freshness = AS_USUAL) -> Snapshot[tuple[Node, ...]]:
        """Return the nodes."""
        return await self.collector.fetch(self.node_list, fresh)

    async def reservations(self, fresh: Freshness = AS_USUAL) -> Snapshot[tuple[Reservation, ...]]:
        """Return the reservations that are or will be."""
        return await self.collector.fetch(self.reserved, fresh.seldom(SELDOM_S))

    async def cancel(self, job_id: str) -> None:
        """
        End a job, with the rights of the edge's user and no others; one that is over stays as it is.

        Raises:
            InvalidRequest: No job can have that id.
            NotFound: The scheduler knows no such job.
            Forbidden: The job is somebody else's.
            SchedulerUnavailable: The scheduler can't be asked.
        """
        if not self.job_id_form.fullmatch(job_id):
            raise InvalidRequest(
                problems=[{"path": "$.job_id", "message": f"{job_id[:80]!r} is no job id of {self.name}"}]
            )
        runner = self.collector.runner
        refusal = await self._in_thread(lambda: self.end_job(runner, job_id))
        if refusal == "forbidden":
            raise Forbidden(
                f"{self.user} may not end the job {job_id}: {self.name} refuses it", job_id=job_id
            )
        if refusal == "unknown" and not await self._in_thread(lambda: self.ask_past_jobs(runner, [job_id])):
            raise NotFound(f"{self.name} knows no job {job_id} of {self.user}", job_id=job_id)
        self.collector.expire(self.own_jobs)
        self.collector.expire(self.all_jobs)

    async def job_allocation(self, environ: Mapping[str, str] | None = None) -> JobAllocation | None:
        """
        Return the batch job that this process runs in; ``None``: in none.

        Raises:
            PluginFailure: It runs in one, and the scheduler does not tell of it.
        """
        here = self.own_job(os.environ if environ is None else environ)
        if here is None:
            return None
        try:
            answer = await self.collector.fetch(self.own_jobs, Freshness(interval_s=SELDOM_S))
        except SchedulerUnavailable as failure:
            raise PluginFailure(
                f"this edge runs in job {here.job_id}, and {self.name} can't be asked about it: {failure.detail}",
                job_id=here.job_id,
            ) from failure
        job = next((job for job in answer.value if here.job_id in {job.job_id, job.raw_id}), None)
        if job is None:
            raise PluginFailure(
                f"this edge runs in job {here.job_id}, and {self.name} shows no such job of {self.user}",
                job_id=here.job_id,
            )
        evenly = -(-job.cpus // job.nodes) if job.nodes else job.cpus
        return JobAllocation(
            job_id=here.job_id,
            partition=job.partition,
            n_nodes=job.nodes,
            nodelist=job.node_list,
            cpus_per_node=evenly if here.cpus_per_node is None else here.cpus_per_node,
            gpus_per_node=here.gpus_per_node or 0,
            account=job.account,
            job_name=job.job_name,
            runtime=job.walltime,
        )

    def prefetch(self) -> None:
        """Begin to ask what will be asked first; never waits."""
        self.collector.poll(self.own_jobs)

    async def beside(self, query: Query[T], interval_s: float, default: D) -> T | D:
        """Return what only adds to another answer; the default where it can't be had soon."""
        with suppress(SchedulerUnavailable, TimeoutError):
            async with asyncio.timeout(EXTRA_S):
                return (await self.collector.fetch(query, Freshness(interval_s=interval_s))).value
        return default

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(4)
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)


def edge_user() -> str:
    """Return the name of the user that this process runs as; the number where there is no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
