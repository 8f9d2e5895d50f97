"""The plugin: jobs through PSI/J, kept in folders that outlive the edge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from itertools import chain
from pathlib import Path
from typing import ClassVar

import anyio

from radical_edge_core.errors import InvalidRequest
from radical_edge_core.jobs.reader import FileReaders
from radical_edge_core.jobs.retention import Keep, expired, folders_in, remove, sweep
from radical_edge_core.plugin import Plugin, PluginContext, PluginSession, current_caller, operation
from radical_edge_psij import __version__
from radical_edge_psij.advice import Choices
from radical_edge_psij.checks import teach
from radical_edge_psij.collector import Collector
from radical_edge_psij.config import PsijConfig
from radical_edge_psij.executors.base import Executor as Backend
from radical_edge_psij.executors.batch import BatchExecutor
from radical_edge_psij.executors.flavours import FLAVOURS, BatchSettings
from radical_edge_psij.executors.local import LocalExecutor
from radical_edge_psij.job import Job, Origin, found_again
from radical_edge_psij.models import LOCAL, Executor, ExecutorList, Submitted, Tunnel
from radical_edge_psij.places import shared_root
from radical_edge_psij.preflight import choices
from radical_edge_psij.session import PsijSession
from radical_edge_psij.submission import Submissions
from radical_edge_psij.table import JobTable
from radical_edge_psij.views import views

PRUNE_S = 3600.0
_STOP_S = 5.0
_SCHEDULER_S = 45.0  # it has a patience of its own between TERM and KILL
_DAY_S = 86_400.0
_MIB = 1024 * 1024


class PsijPlugin(Plugin):
    """Submit, follow and cancel jobs."""

    name: ClassVar[str] = "psij"
    version: ClassVar[str] = __version__
    title: ClassVar[str] = "Jobs"
    summary: ClassVar[str] = "Submit, follow and cancel jobs through PSI/J."
    icon: ClassVar[str] = "queue"
    session_class: ClassVar[type[PluginSession] | None] = PsijSession
    topics: ClassVar[Mapping[str, str]] = {"job_status": "durable"}
    config_class: ClassVar[type | None] = PsijConfig

    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self.root = context.job_dir.absolute() / self.name
        self.shared_root = shared_root(context.job_dir, context.state_dir, self.config.shared_dir)
        self.backends: Mapping[str, Backend] = {each.name: each for each in self._backends()}
        teach(self.converter, self._usable)
        self.table = JobTable()
        self.collector = Collector(self.table, self.backends, self._publish)
        roots = {
            each.kind: self.root if each.kind == LOCAL else self.shared_root
            for each in self.backends.values()
        }
        self.submissions = Submissions(roots, self.table, self.backends, self.collector, self.workers)
        self.readers = FileReaders(anyio.CapacityLimiter(8))

    async def start(self) -> None:
        """Find the jobs of earlier processes again, and watch."""
        for job in await self.workers.run(self._find):
            self.table.add(job)
        await self.submissions.resume_all(self.table.unfinished())
        await self.collector.scan()  # so that the first answer is true
        self.run_in_background("collector", self.collector.run)
        self.run_in_background("submissions", self.submissions.carry_on)
        self.run_in_background("retention", self._keep_house)

    async def stop(self) -> None:
        """Finish what is being submitted; the jobs go on."""
        for each in self.backends.values():
            each.close()
        async with asyncio.timeout(_STOP_S):
            await self.submissions.finish()
            await self.collector.close()

    def health(self) -> Mapping[str, object]:
        """Count the jobs."""
        return {"jobs": len(self.table), "unfinished_jobs": len(self.table.unfinished())}

    def views(self) -> Mapping[str, object]:
        """Return how a portal shows the jobs."""
        return views()

    @operation.get("executors", title="Executors")
    async def executors(self) -> ExecutorList:
        """Tell which executors can be used here, and why others can't."""
        details = tuple(
            Executor(name=name, available=not (why := executor.problem()), reason=why)
            for name, executor in self.backends.items()
        )
        return ExecutorList(executors=tuple(each.name for each in details if each.available), details=details)

    @operation.get("submit_choices", title="Queues and accounts")
    async def submit_choices(self, executor: str = "") -> Choices:
        """Tell which queues and accounts a job may name; without an executor, of the first scheduler that is here."""
        usable = [name for name in self._usable() if name != LOCAL]
        name = executor or next(iter(usable), str(LOCAL))
        if name not in self.backends:
            raise InvalidRequest(
                problems=[{"path": "$.executor", "message": f"there is {', '.join(self.backends)}"}]
            )
        return await choices(name, self.backends[name])

    @operation.get("tunnel_status/{edge_name}", title="Tunnel of an edge")
    async def tunnel_status(self, edge_name: str) -> Tunnel:
        """Tell how the tunnel of an edge is; this plugin makes none, so that there is none."""
        return Tunnel(edge_name=edge_name, status="no_tunnel")

    async def cancel(self, job: Job) -> None:
        """Begin to end a job; nothing happens to one that is over."""
        if job.final:
            return

        def work() -> None:
            job.folder.ask_to_cancel()
            self.backends[job.origin.executor].cancel(job.folder, job.native_id)

        await self.workers.run(work)
        self.collector.poke()

    async def adopt(self, key: str, operation_name: str) -> Submitted | None:
        """
        Return what came of the caller's submission with this key; ``None``: nothing did, and nothing will.

        A submission that an earlier process left half done is carried through.
        """
        owner = current_caller().subject
        job = await self.submissions.known(
            Origin(owner=owner, sid="", executor="", key=key, operation=operation_name)
        )
        return None if job is None else Submitted(job_id=job.id, native_id=job.native_id or "")

    def edges_being_started(self) -> set[str]:
        """Return the names of the edges that unfinished jobs start."""
        names = {job.origin.edge_name for job in self.table.unfinished() if job.origin.edge_name}
        return names | self.submissions.being_started()

    def unfinished(self) -> list[str]:
        """Return one line for each job that goes on when the edge stops."""
        return [f"job {job.id} ({job.command_line})" for job in self.table.unfinished()]

    async def cancel_unfinished(self) -> None:
        """End every job, and wait until all are over."""
        for job in self.table.unfinished():
            await self.cancel(job)
        patience = self.config.cancel_grace_s + 10
        if any(job.origin.executor != LOCAL for job in self.table.unfinished()):
            patience += self.config.interval_s + _SCHEDULER_S
        async with asyncio.timeout(patience):
            await self.collector.wait_for(lambda: not self.table.unsettled())

    @property
    def _roots(self) -> list[Path]:
        return list(dict.fromkeys((self.root, self.shared_root)))

    def _backends(self) -> Iterator[Backend]:
        config, context = self.config, self.context
        yield LocalExecutor(context.state_dir, config.cancel_grace_s)
        settings = BatchSettings(
            root=self.shared_root,
            state_dir=context.state_dir,
            interval_s=config.interval_s,
            submit_s=config.submit_s,
            margin_s=config.margin_s,
            defaults=config.custom_attributes,
        )
        for flavour in FLAVOURS:
            yield BatchExecutor(flavour, settings, context.schedulers)

    def _find(self) -> list[Job]:
        jobs = []
        for folder in chain.from_iterable(map(folders_in, self._roots)):
            try:
                job = found_again(folder, self.converter)
                if job.origin.executor not in self.backends:
                    raise ValueError(f"{folder.path}: its executor {job.origin.executor!r} is not here")
            except (ValueError, TypeError, KeyError, OSError) as exc:
                self.log.warning("job folder skipped: %s", exc)
                continue
            jobs.append(job)
        return jobs

    def _usable(self) -> list[str]:
        return [name for name, executor in self.backends.items() if not executor.problem()]

    def _publish(self, job: Job, data: Mapping[str, object]) -> Future[None]:
        return self.notify("job_status", data, owner=job.origin.owner, once=f"{job.id}.{data['state']}")

    async def _keep_house(self) -> None:
        while True:
            await self.prune()
            await asyncio.sleep(PRUNE_S)

    async def prune(self) -> None:
        """Remove the folders of jobs that ended long ago, or that take too much room; none that is in use."""
        settled = [(job.folder, job.status.ended_at or job.since) for job in self.table if job.settled]
        keep = Keep(age_s=self.config.keep_days * _DAY_S, total_bytes=self.config.keep_mib * _MIB)
        for folder in await self.workers.run(partial(expired, settled, keep, now=time.time())):
            if not self.readers.viewed(folder.path):
                self.table.remove(folder.job_id)  # first, so that nobody begins to view it
                await self.workers.run(partial(remove, folder))
        for root in self._roots:
            await self.workers.run(partial(sweep, root))
