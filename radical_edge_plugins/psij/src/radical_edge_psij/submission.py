"""
Taking a job on: checked, written down, then handed to its executor.

Once the folder is made the job is the plugin's: it is carried through whether its caller waits or not, and
an edge that dies in between finds it and goes on. The payload runs once all the same, as the shim's claim
sees to it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from radical_edge_core.crash_points import crash_point
from radical_edge_core.errors import InvalidRequest
from radical_edge_core.jobs.claim import VOID, Claim
from radical_edge_core.jobs.command import Command
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.status import JobState, JobStatus
from radical_edge_core.plugin.threads import Workers
from radical_edge_psij.checks import check_files, directory_of, path_of
from radical_edge_psij.collector import Collector
from radical_edge_psij.executors.base import Executor, NotSubmitted
from radical_edge_psij.job import Job, Origin, data_of
from radical_edge_psij.models import JobSpec
from radical_edge_psij.table import JobTable

log = logging.getLogger(__name__)
RESUME_S = 600.0  # what an edge left half submitted is carried through if the next comes that soon


class Submissions:
    """
    The submissions of one plugin, also those whose callers have left.

    Args:
        root: Where job folders are made.
        table: Where jobs are entered.
        executors: By name.
        collector: Told of new jobs.
        workers: Threads for what blocks.
    """

    def __init__(
        self,
        root: Path,
        table: JobTable,
        executors: Mapping[str, Executor],
        collector: Collector,
        workers: Workers,
    ) -> None:
        self._root = root
        self._table = table
        self._executors = executors
        self._collector = collector
        self._workers = workers
        self._running: dict[asyncio.Task[Job], Origin] = {}

    async def submit(self, spec: JobSpec, origin: Origin) -> Job:
        """
        Submit a job; go on with it where the caller leaves.

        Raises:
            InvalidRequest: A file or directory is missing, or the key was used for another job.
            NoRoom: There is no room for its folder.
            NotSubmitted: The executor did not take it.
        """
        job = await self.known(origin)
        if job is None:
            task = asyncio.get_running_loop().create_task(self._submit(spec, origin), name="submit")
            self._running[task] = origin
            task.add_done_callback(self._done)
            job = await asyncio.shield(task)
        elif (job.spec, job.origin.executor) != (spec, origin.executor):
            raise InvalidRequest("this Idempotency-Key was used for another job")
        return job

    async def known(self, origin: Origin) -> Job | None:
        """Return the job that was, or is being, submitted with the same key."""
        if origin.key is None:
            return None
        identity = (origin.owner, origin.operation, origin.key)
        for task, other in list(self._running.items()):
            if (other.owner, other.operation, other.key) == identity:
                return await asyncio.shield(task)
        job = self._table.with_key(*identity)
        return await self.resume(job) if job is not None else None

    async def resume(self, job: Job) -> Job:
        """Carry a job through whose submission was cut off by the end of an earlier process."""
        if job.native_id is None and not job.final:
            claim = await self._workers.run(job.folder.claim)
            if claim is not None:
                _take_id_of(job, claim)
                self._collector.poke()
            elif time.time() - job.folder.created_at > RESUME_S:
                await self._workers.run(lambda: job.folder.withdraw("unstarted"))
                return await self.resume(job)
            else:
                await self._hand_over(job)
        return job

    async def resume_all(self, jobs: Iterable[Job]) -> None:
        """Carry through what an earlier process left; what can't be is given up, and told."""
        for job in jobs:
            try:
                await self.resume(job)
            except NotSubmitted as error:
                log.warning("job %s: %s", job.id, error.detail)
                claim = await self._workers.run(partial(job.folder.withdraw, "unstarted"))
                _take_id_of(job, claim)

    def being_started(self) -> set[str]:
        """Return the names of the edges that jobs are just being submitted for."""
        return {origin.edge_name for origin in self._running.values() if origin.edge_name}

    async def finish(self) -> None:
        """Wait for what is being submitted."""
        if self._running:
            await asyncio.wait(list(self._running))

    def _done(self, task: asyncio.Task[Job]) -> None:
        self._running.pop(task, None)
        if not task.cancelled():
            task.exception()  # told to whoever waits; nobody may wait any more

    async def _submit(self, spec: JobSpec, origin: Origin) -> Job:
        kind = self._executors[origin.executor].kind
        folder = await self._workers.run(lambda: make_folder(self._root, kind, spec, origin))
        job = Job(folder=folder, spec=spec, origin=origin, since=folder.created_at)
        self._table.add(job)
        try:
            await self._hand_over(job)
        except NotSubmitted:
            claim = await self._workers.run(lambda: folder.withdraw("unstarted"))
            if claim.kind == VOID:
                self._table.remove(job.id)
                await self._workers.run(lambda: shutil.rmtree(folder.path, ignore_errors=True))
                raise
            _take_id_of(job, claim)
        return job

    async def _hand_over(self, job: Job) -> None:
        executor = self._executors[job.origin.executor]

        job.native_id = await self._workers.run(lambda: executor.submit(job.folder, job.spec))
        crash_point("job.handed_over")
        if job.status.state is JobState.NEW:
            job.status = JobStatus(state=JobState.QUEUED)
        self._collector.poke()


def _take_id_of(job: Job, claim: Claim) -> None:
    """Name a job by its claim: it runs, or it never will, and the executor's id for it is lost."""
    job.native_id = str(claim.process.pid) if claim.process else claim.name


def make_folder(root: Path, kind: str, spec: JobSpec, origin: Origin) -> JobFolder:
    """
    Check what the file system says, and make the job's folder; blocking.

    Raises:
        InvalidRequest: Something that the job needs is not there.
        NoRoom: There is no room for the folder.
    """
    check_files(spec)
    outputs = {
        stream: path_of(spec, path)
        for stream, path in (("stdout", spec.stdout_path), ("stderr", spec.stderr_path))
        if path is not None
    }
    command = Command(
        executable=spec.executable,
        arguments=spec.arguments,
        environment={name: str(value) for name, value in spec.environment.items()},
        directory=str(directory_of(spec)),
        stdin=str(path_of(spec, spec.stdin_path)) if spec.stdin_path is not None else None,
    )
    try:
        return JobFolder.create(
            root,
            secrets.token_hex(8),
            command=command,
            kind=kind,
            data=data_of(spec, origin),
            outputs=outputs,
        )
    except ValueError as exc:
        raise InvalidRequest(str(exc)) from exc
    except (PermissionError, FileNotFoundError, IsADirectoryError) as exc:
        raise InvalidRequest(f"{exc.filename}: {exc.strerror}") from exc
