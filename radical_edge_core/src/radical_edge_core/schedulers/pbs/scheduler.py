"""PBS as one of the schedulers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from typing import ClassVar

from radical_edge_core.schedulers.backend import RARELY_S, SELDOM_S, Jobs, OwnJob, Refusal, Scheduler
from radical_edge_core.schedulers.collector import AS_USUAL, Collector, Freshness, Query, Snapshot
from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import CommandFailed
from radical_edge_core.schedulers.pbs.jobs import ask_jobs
from radical_edge_core.schedulers.pbs.queues import (
    Host,
    ask_default_queue,
    ask_hosts,
    ask_queues,
    join,
    with_queues,
)
from radical_edge_core.schedulers.records import Job, Node, Queue, SchedulerName
from radical_edge_core.schedulers.values import count, names

_MAX_IDS = 200
_UNKNOWN = re.compile(r"unknown job", re.IGNORECASE)
_FORBIDDEN = re.compile(r"unauthorized|not authorized|permission", re.IGNORECASE)
_OVER = re.compile(r"has finished|invalid (?:job )?state", re.IGNORECASE)


class Pbs(Scheduler):
    """PBS; the arguments are those of ``Scheduler``."""

    name: ClassVar[SchedulerName] = "pbs"
    shows_all: ClassVar[bool] = True
    job_id_form: ClassVar[re.Pattern[str]] = re.compile(r"\d+(?:\[\d*\])?(?:\.[\w.-]+)?")

    def __init__(self, collector: Collector, user: str | None = None) -> None:
        super().__init__(collector, user)
        self._queues = Query[Mapping[str, Mapping[str, str]]](name="pbs queues", ask=ask_queues)
        self._hosts = Query[tuple[Host, ...]](name="pbs hosts", ask=ask_hosts)
        self._default = Query[str](name="pbs server", ask=ask_default_queue)

    def ask_own_jobs(self, runner: Runner) -> Jobs:
        """Do as ``ask_all_jobs`` does."""
        return self.ask_all_jobs(runner)

    def ask_all_jobs(self, runner: Runner) -> Jobs:
        """Run ``qstat -f``, which tells of everybody's jobs as far as the site shows them."""
        return ask_jobs(runner)

    def ask_past_jobs(self, runner: Runner, ids: Collection[str]) -> Jobs:
        """Run ``qstat -x -f``, which tells of jobs that are over for as long as the site keeps them."""
        wanted = sorted(set(ids))
        found: list[Job] = []
        for begin in range(0, len(wanted), _MAX_IDS):
            found += ask_jobs(runner, ["-x", *wanted[begin : begin + _MAX_IDS]])
        return tuple(found)

    def ask_nodes(self, runner: Runner) -> tuple[Node, ...]:
        """Run ``pbsnodes`` and ``qstat -Qf``."""
        return with_queues(ask_hosts(runner), ask_queues(runner))

    async def queues(self, fresh: Freshness = AS_USUAL) -> Snapshot[tuple[Queue, ...]]:
        """Return the queues; without their nodes where these can't be had."""
        answer, hosts, default = await asyncio.gather(
            self.collector.fetch(self._queues, fresh),
            self.beside(self._hosts, SELDOM_S, ()),
            self.beside(self._default, RARELY_S, ""),
        )
        return answer.of(join(answer.value, hosts, default))

    def end_job(self, runner: Runner, job_id: str) -> Refusal | None:
        """Run ``qdel``; one that is over already is no failure."""
        try:
            runner.run(["qdel", job_id])
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
        """Read the variables that PBS sets; source: qsub(1B)."""
        job_id = environ.get("PBS_JOBID")
        if not job_id:
            return None
        return OwnJob(
            job_id=job_id,
            cpus_per_node=count(environ.get("NCPUS", environ.get("PBS_NUM_PPN", ""))),
            gpus_per_node=len(names(environ.get("CUDA_VISIBLE_DEVICES", ""))),
        )

    def prefetch(self) -> None:
        """Begin to ask for queues, nodes and jobs."""
        super().prefetch()
        self.collector.poll(self._queues)
        self.collector.poll(self._hosts, interval_s=SELDOM_S)
