"""The plugin and its sessions: operations over the scheduler that the host knows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from radical_edge_core.errors import NotFound
from radical_edge_core.plugin import Plugin, PluginContext, PluginSession, operation
from radical_edge_core.schedulers import Freshness, Scheduler, Snapshot
from radical_edge_queue_info import __version__
from radical_edge_queue_info.config import QueueInfoConfig
from radical_edge_queue_info.models import (
    AllocationList,
    Available,
    BackendName,
    Canceled,
    JobList,
    NodeList,
    OwnAllocation,
    QueueList,
    QueueMap,
    ReservationList,
)
from radical_edge_queue_info.views import CANCEL_CONFIRM, USER_FORM, VIEWS


class _Told(TypedDict):
    as_of: float
    unknown_since: float | None
    problem: str


class QueueInfoSession(PluginSession):
    """One caller's session; it owns nothing, as all callers share what the scheduler said."""

    plugin: QueueInfoPlugin

    def snapshot(self) -> object:
        """Return nothing in particular: the session outlives the process."""
        return {}

    @operation.get("get_info/{sid}", title="Queues", ui=USER_FORM)
    async def get_info(self, user: str | None = None, force: bool = False) -> QueueMap:  # noqa: ARG002
        """
        Tell what queues there are, with their limits, nodes and numbers of jobs.

        The queues are the same for every user; ``user`` is taken as everywhere.
        """
        told = await self._queues(force)
        return QueueMap(queues={queue.name: queue for queue in told.value}, **_told(told))

    @operation.get("list_queues/{sid}", title="Queues as a list", result="table")
    async def list_queues(self, force: bool = False) -> QueueList:
        """Tell the same as a list."""
        told = await self._queues(force)
        return QueueList(queues=told.value, **_told(told))

    @operation.get("list_jobs/{sid}/{queue}", title="Jobs in a queue", result="table", ui=USER_FORM)
    async def list_jobs(self, queue: str, user: str | None = None, force: bool = False) -> JobList:
        """
        List the jobs in one queue that are not over.

        They are the edge user's own; those of ``user``; or with ``*`` everybody's.
        """
        told = await self._jobs(user, force)
        jobs = tuple(job for job in told.value if queue in job.partition.split(","))
        return JobList(jobs=jobs, **_told(told))

    @operation.get("list_all_jobs/{sid}", title="Jobs in all queues", result="table", ui=USER_FORM)
    async def list_all_jobs(self, user: str | None = None, force: bool = False) -> JobList:
        """
        List the jobs in all queues that are not over.

        They are the edge user's own; those of ``user``; or with ``*`` everybody's.
        """
        told = await self._jobs(user, force)
        return JobList(jobs=told.value, **_told(told))

    @operation.get("list_allocations/{sid}", title="Allocations", result="table", ui=USER_FORM)
    async def list_allocations(self, user: str | None = None, force: bool = False) -> AllocationList:
        """List what accounts grant to the edge's user; to ``user``; or with ``*`` to everybody."""
        scheduler = await self.plugin.scheduler()
        told = await scheduler.allocations(user, self.plugin.fresh(force)) if scheduler else _nothing()
        return AllocationList(allocations=told.value, **_told(told))

    @operation.get("nodes/{sid}", title="Nodes", result="table")
    async def nodes(self, force: bool = False) -> NodeList:
        """List the nodes, what is used of them, and why some are away."""
        scheduler = await self.plugin.scheduler()
        told = await scheduler.nodes(self.plugin.fresh(force)) if scheduler else _nothing()
        return NodeList(nodes=told.value, **_told(told))

    @operation.get("reservations/{sid}", title="Reservations", result="table")
    async def reservations(self, force: bool = False) -> ReservationList:
        """List the nodes that are set aside for a while, for whom and when."""
        scheduler = await self.plugin.scheduler()
        told = await scheduler.reservations(self.plugin.fresh(force)) if scheduler else _nothing()
        return ReservationList(reservations=told.value, **_told(told))

    @operation.post(
        "cancel/{sid}/{job_id}",
        title="Cancel job",
        effect="destructive",
        retry="safe",
        confirm=CANCEL_CONFIRM,
    )
    async def cancel_job(self, job_id: str) -> Canceled:
        """
        End a job, with the rights of the edge's user and no others; one that is over stays as it is.

        The list shows it until the scheduler has ended it.
        """
        scheduler = await self.plugin.scheduler()
        if scheduler is None:
            raise NotFound(
                f"there is no job {job_id[:80]!r}: this host has no batch scheduler", job_id=job_id
            )
        await scheduler.cancel(job_id)
        return Canceled(job_id=job_id)

    async def _queues(self, force: bool) -> Snapshot[Any]:
        scheduler = await self.plugin.scheduler()
        return await scheduler.queues(self.plugin.fresh(force)) if scheduler else _nothing()

    async def _jobs(self, user: str | None, force: bool) -> Snapshot[Any]:
        scheduler = await self.plugin.scheduler()
        return await scheduler.jobs(user, self.plugin.fresh(force)) if scheduler else _nothing()


class QueueInfoPlugin(Plugin):
    """Tells what the batch scheduler has and does."""

    name: ClassVar[str] = "queue_info"
    version: ClassVar[str] = __version__
    title: ClassVar[str] = "Queues"
    summary: ClassVar[str] = "Queues, jobs, nodes and allocations of the batch scheduler."
    icon: ClassVar[str] = "queue"
    session_class: ClassVar[type[PluginSession] | None] = QueueInfoSession
    config_class: ClassVar[type[Any] | None] = QueueInfoConfig
    config: QueueInfoConfig

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self._found: Scheduler | None = None

    async def start(self) -> None:
        """Look which scheduler is here, and begin to ask it, so that the first caller finds answers."""
        if (found := await self.scheduler()) is not None:
            found.prefetch()

    def health(self) -> Mapping[str, object]:
        """Name the scheduler, and what it can't be asked."""
        return {
            "backend": self._found.name if self._found else "none",
            "problems": self.context.schedulers.collector.problems(),
        }

    def views(self) -> Mapping[str, object]:
        """Place utilisation, jobs and allocations on the portal's page."""
        return VIEWS

    @operation.get("is_enabled", title="Scheduler available")
    async def is_enabled(self) -> Available:
        """Tell whether there is a batch scheduler here."""
        return Available(available=await self.scheduler() is not None)

    @operation.get("backend", title="Scheduler")
    async def backend(self) -> BackendName:
        """Tell which batch scheduler is here; ``none`` where there is none."""
        found = await self.scheduler()
        return BackendName(backend=found.name if found else "none")

    @operation.get("job_allocation", title="Own allocation")
    async def job_allocation(self) -> OwnAllocation:
        """Tell of the batch job that this edge runs in; null where it runs in none."""
        found = await self.scheduler()
        return OwnAllocation(allocation=await found.job_allocation() if found else None)

    async def scheduler(self) -> Scheduler | None:
        """Return the scheduler that is here; ``None``: there is none, or the settings say so."""
        wanted = self.config.scheduler
        if wanted == "none":
            return None
        if self._found is None:
            schedulers = self.context.schedulers
            self._found = (
                await self.workers.run(schedulers.detect) if wanted == "auto" else schedulers.get(wanted)
            )
        return self._found

    def fresh(self, force: bool) -> Freshness:
        """Return how new an answer has to be."""
        return Freshness(
            force=force, interval_s=self.config.min_interval_s, patience_s=self.config.patience_s
        )


def _told(snapshot: Snapshot[Any]) -> _Told:
    return {
        "as_of": snapshot.as_of,
        "unknown_since": snapshot.unknown_since,
        "problem": snapshot.problem.detail if snapshot.problem else "",
    }


def _nothing() -> Snapshot[tuple[Any, ...]]:
    return Snapshot(value=(), as_of=time.time(), began=time.monotonic())
