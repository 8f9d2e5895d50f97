"""
Taking a job on: checked, written down, then handed to its executor.

Once the folder is made the job is the plugin's: it is carried through whether its caller waits or not, and
an edge that dies in between finds it and goes on. The payload runs once all the same, as the shim's claim
sees to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from radical_edge_core.crash_points import crash_point
from radical_edge_core.errors import EdgeError, InvalidRequest
from radical_edge_core.jobs.claim import VOID, Claim
from radical_edge_core.jobs.command import Command
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.status import JobState, JobStatus
from radical_edge_core.plugin.threads import Workers
from radical_edge_psij.checks import check_files, directory_of, path_of
from radical_edge_psij.collector import Collector
from radical_edge_psij.executors.base import Executor, NotSubmitted, Undecided
from radical_edge_psij.job import Job, Origin, data_of
from radical_edge_psij.models import LOCAL, JobSpec
from radical_edge_psij.table import JobTable

log = logging.getLogger(__name__)
RESUME_S = 600.0  # what was left half submitted is handed over again if that is so long ago at most
CARRY_S = 15.0
HANDS = 4  # submissions to schedulers at the same time


class Submissions:
    """
    The submissions of one plugin, also those whose callers have left.

    Args:
        roots: Where job folders are made, by the kind of executor.
        table: Where jobs are entered.
        executors: By name.
        collector: Told of new jobs.
        workers: Threads for what blocks.
    """

    def __init__(
        self,
        roots: Mapping[str, Path],
        table: JobTable,
        executors: Mapping[str, Executor],
        collector: Collector,
        workers: Workers,
    ) -> None:
        self._roots = roots
        self._table = table
        self._executors = executors
        self._collector = collector
        self._workers = workers
        self._hands = Workers(threads=HANDS, max_waiting=5000)
        self._running: dict[asyncio.Task[Job], Origin] = {}
        self._resuming: dict[str, asyncio.Task[Job]] = {}
        self._again = asyncio.Event()
        self._again.set()

    async def submit(self, spec: JobSpec, origin: Origin) -> Job:
        """
        Submit a job; go on with it where the caller leaves.

        Raises:
            InvalidRequest: A file or directory is missing, or the key was used for another job.
            NoRoom: There is no room for its folder.
            NotSubmitted: The executor did not take it.
            Undecided: It may have taken it; the same call with the same key finds out, and this goes on by itself.
            EdgeError: The executor refuses it.
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
        """
        Carry a job through whose submission was cut off, or left undecided; one attempt serves all who ask.

        Raises:
            NotSubmitted: Not now.
            Undecided: It still can't be found out.
            EdgeError: The executor refuses it; there is no such job any more.
        """
        if job.native_id is not None or job.final:
            return job
        task = self._resuming.get(job.id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._resume(job), name="resume submission")
            self._resuming[job.id] = task
            task.add_done_callback(lambda done: self._resumed(job.id, done))
        return await asyncio.shield(task)

    async def resume_all(self, jobs: Iterable[Job]) -> None:
        """Carry through what an earlier process left with an executor that does so at once."""
        for job in jobs:
            if self._executors[job.origin.executor].kind != LOCAL:
                continue  # `carry_on` does: a scheduler may take its time
            try:
                await self.resume(job)
            except NotSubmitted as error:
                log.warning("job %s: %s", job.id, error.detail)
                await self._give_up(job)

    async def carry_on(self) -> None:
        """Carry through, until cancelled, what nobody asks for."""
        while True:
            undecided = [job for job in self._table.unfinished() if job.native_id is None]
            busy = set(self._running.values())
            await asyncio.gather(*(self._carry(job) for job in undecided if job.origin not in busy))
            self._again.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CARRY_S if undecided else None):
                    await self._again.wait()

    async def _carry(self, job: Job) -> None:
        try:
            await self.resume(job)
        except (NotSubmitted, Undecided) as error:
            log.info("job %s: %s", job.id, error.detail)
        except EdgeError as error:
            log.warning("job %s is refused: %s", job.id, error.detail)
        except Exception:  # isolation point: one job's trouble must not hold up the others
            log.exception("job %s can't be carried through now", job.id)

    def being_started(self) -> set[str]:
        """Return the names of the edges that jobs are just being submitted for."""
        return {origin.edge_name for origin in self._running.values() if origin.edge_name}

    async def finish(self) -> None:
        """Wait for what is being submitted."""
        if tasks := [*self._running, *self._resuming.values()]:
            await asyncio.wait(tasks)

    def _done(self, task: asyncio.Task[Job]) -> None:
        self._running.pop(task, None)
        if not task.cancelled():
            task.exception()  # told to whoever waits; nobody may wait any more

    def _resumed(self, job_id: str, task: asyncio.Task[Job]) -> None:
        self._resuming.pop(job_id, None)
        if not task.cancelled():
            task.exception()

    async def _submit(self, spec: JobSpec, origin: Origin) -> Job:
        executor = self._executors[origin.executor]
        folder = await self._workers.run(
            lambda: make_folder(self._roots[executor.kind], executor, spec, origin)
        )
        crash_point("job.made")
        job = Job(folder=folder, spec=spec, origin=origin, since=folder.created_at)
        self._table.add(job)
        try:
            await self._hand_over(job)
        except Undecided as error:
            self._again.set()
            error.data["job_id"] = job.id
            raise
        except EdgeError:
            if not await self._drop(job):
                return job
            raise
        return job

    async def _resume(self, job: Job) -> Job:
        claim = await self._workers.run(job.folder.claim)
        if claim is not None:
            self._take_id_of(job, claim)
        elif time.time() - job.folder.created_at <= RESUME_S:
            try:
                await self._hand_over(job)
            except (NotSubmitted, Undecided):
                raise
            except EdgeError:
                if await self._drop(job):
                    raise
        else:
            executor = self._executors[job.origin.executor]
            native_id = await self._hands_of(executor).run(lambda: executor.find(job.folder))
            if native_id is None:
                await self._give_up(job)
            else:
                self._enter(job, native_id)
        return job

    async def _drop(self, job: Job) -> bool:
        """Undo a submission that was refused; ``False`` where the job runs all the same."""
        claim = await self._workers.run(lambda: job.folder.withdraw("unstarted"))
        if claim.kind != VOID:
            self._take_id_of(job, claim)
            return False
        self._table.remove(job.id)
        await self._workers.run(lambda: shutil.rmtree(job.folder.path, ignore_errors=True))
        return True

    async def _give_up(self, job: Job) -> None:
        """See to it that a job never runs, unless it does already."""
        claim = await self._workers.run(lambda: job.folder.withdraw("unstarted"))
        self._take_id_of(job, claim)

    async def _hand_over(self, job: Job) -> None:
        executor = self._executors[job.origin.executor]
        hands = self._hands_of(executor)
        native_id = await hands.run(lambda: executor.submit(job.folder, job.spec))
        crash_point("job.handed_over")
        self._enter(job, native_id)

    def _enter(self, job: Job, native_id: str) -> None:
        job.native_id = native_id
        if job.status.state is JobState.NEW:
            job.status = JobStatus(state=JobState.QUEUED)
        self._collector.poke()

    def _take_id_of(self, job: Job, claim: Claim) -> None:
        """Name a job by its claim: it runs, or it never will, and the executor's id for it is lost."""
        job.native_id = str(claim.process.pid) if claim.process else claim.name
        self._collector.poke()

    def _hands_of(self, executor: Executor) -> Workers:
        """Return the threads for handing over: a scheduler that hangs must not hold up everything else."""
        return self._workers if executor.kind == LOCAL else self._hands


def make_folder(root: Path, executor: Executor, spec: JobSpec, origin: Origin) -> JobFolder:
    """
    Check what the file system says, and make the job's folder; blocking.

    Raises:
        InvalidRequest: Something that the job needs is not there.
        NoRoom: There is no room for the folder.
    """
    executor.check(spec)
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
            kind=executor.kind,
            data=data_of(spec, origin),
            outputs=outputs,
        )
    except ValueError as exc:
        raise InvalidRequest(str(exc)) from exc
    except (PermissionError, FileNotFoundError, IsADirectoryError) as exc:
        raise InvalidRequest(f"{exc.filename}: {exc.strerror}") from exc
