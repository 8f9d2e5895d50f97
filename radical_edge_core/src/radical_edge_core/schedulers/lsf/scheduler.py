"""LSF as one of the schedulers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from typing import ClassVar

from radical_edge_core.schedulers.backend import RARELY_S, SELDOM_S, Jobs, OwnJob, Refusal, Scheduler
from radical_edge_core.schedulers.collector import AS_USUAL, Collector, Freshness, Query, Snapshot
from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import CommandFailed
from radical_edge_core.schedulers.lsf.jobs import ask_jobs
from radical_edge_core.schedulers.lsf.queues import (
    Host,
    ask_groups,
    ask_hosts,
    ask_machines,
    ask_queues,
    join,
    with_machines,
    with_queues,
)
from radical_edge_core.schedulers.records import Job, Node, Queue, SchedulerName
from radical_edge_core.schedulers.values import count, names

_MAX_IDS = 500
_UNKNOWN = re.compile(r"no matching job found|is not found", re.IGNORECASE)
_FORBIDDEN = re.compile(r"permission denied", re.IGNORECASE)
_OVER = re.compile(r"already finished", re.IGNORECASE)


class Lsf(Scheduler):
    """LSF; the arguments are those of ``Scheduler``."""

    name: ClassVar[SchedulerName] = "lsf"
    job_id_form: ClassVar[re.Pattern[str]] = re.compile(r"\d+(?:\[\d+\])?")

    def __init__(self, collector: Collector, user: str | None = None) -> None:
        super().__init__(collector, user)
        self._queues = Query[tuple[tuple[Queue, tuple[str, ...]], ...]](name="lsf queues", ask=ask_queues)
        self._machines = Query[Mapping[str, Host]](name="lsf machines", ask=ask_machines)
        self._groups = Query[Mapping[str, tuple[str, ...]]](name="lsf groups", ask=ask_groups)

    def ask_own_jobs(self, runner: Runner) -> Jobs:
        """Run ``bjobs`` for the edge's user; what ended is shown for as long as the site keeps it."""
        return ask_jobs(runner, ["-a", "-u", self.user])

    def ask_all_jobs(self, runner: Runner) -> Jobs:
        """Run ``bjobs`` for everybody."""
        return ask_jobs(runner, ["-u", "all"])

    def ask_past_jobs(self, runner: Runner, ids: Collection[str]) -> Jobs:
        """Run ``bjobs`` for some ids."""
        wanted = sorted(set(ids))
        found: list[Job] = []
        for begin in range(0, len(wanted), _MAX_IDS):
            found += ask_jobs(runner, ["-a", *wanted[begin : begin + _MAX_IDS]])
        return tuple(found)

    def ask_nodes(self, runner: Runner) -> tuple[Node, ...]:
        """Run ``bhosts``."""
        return ask_hosts(runner)

    async def queues(self, fresh: Freshness = AS_USUAL) -> Snapshot[tuple[Queue, ...]]:
        """Return the queues; without their hosts where these can't be had."""
        answer, hosts, machines, groups = await asyncio.gather(
            self.collector.fetch(self._queues, fresh),
            self.beside(self.node_list, SELDOM_S, ()),
            self.beside(self._machines, RARELY_S, {}),
            self.beside(self._groups, RARELY_S, {}),
        )
        complete = with_machines(hosts, machines)
        return answer.of(join(answer.value, complete, groups))

    async def nodes(self, fresh: Freshness = AS_USUAL) -> Snapshot[tuple[Node, ...]]:
        """Return the hosts, with what ``lshosts`` knows of them and the queues that they serve."""
        answer, machines, groups, queues = await asyncio.gather(
            super().nodes(fresh),
            self.beside(self._machines, RARELY_S, {}),
            self.beside(self._groups, RARELY_S, {}),
            self.beside(self._queues, SELDOM_S, ()),
        )
        complete = with_machines(answer.value, machines)
        return answer.of(with_queues(complete, queues, groups))

    def end_job(self, runner: Runner, job_id: str) -> Refusal | None:
        """Run ``bkill``; one that is over already is no failure."""
        try:
            runner.run(["bkill", job_id])
        except CommandFailed as failure:
            said = str(failure.data.get("stderr", ""))
            if _OVER.search(said):
                return None
            if _UNKNOWN.search(said):
                return "unknown"
            if _FORBIDDEN.search(said):
                return "forbidden"
            raise
        return None

    def own_job(self, environ: Mapping[str, str]) -> OwnJob | None:
        """Read the variables that LSF sets; source: "Environment variables set for job execution"."""
        job_id = environ.get("LSB_JOBID")
        if not job_id:
            return None
        words = environ.get("LSB_MCPU_HOSTS", "").split()
        slots = [number for word in words[1::2] if (number := count(word)) is not None]
        return OwnJob(
            job_id=job_id,
            cpus_per_node=max(slots, default=None),
            gpus_per_node=len(names(environ.get("CUDA_VISIBLE_DEVICES", ""))),
        )

    def prefetch(self) -> None:
        """Begin to ask for queues, hosts and jobs."""
        super().prefetch()
        self.collector.poll(self._queues)
        self.collector.poll(self.node_list, interval_s=SELDOM_S)
