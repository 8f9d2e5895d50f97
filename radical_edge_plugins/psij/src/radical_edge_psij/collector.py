"""
States in bulk: one look at all jobs that are not over, a few times a second, whoever asks.

Each change is published once, in order. What was published is written down right after it is kept, so that the
process that comes next knows; a crash exactly between the two publishes it again, and its mark keeps it single.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import TypeVar

import anyio
import anyio.to_thread

from radical_edge_core.errors import NoRoom
from radical_edge_core.jobs.status import JobState, JobStatus
from radical_edge_psij.executors.base import Executor, Observed
from radical_edge_psij.job import Job
from radical_edge_psij.output import read_tails
from radical_edge_psij.table import JobTable

T = TypeVar("T")
SCAN_S = 0.25
_KEEP_S = 30.0
Publish = Callable[[Job, Mapping[str, object]], Future[None]]
log = logging.getLogger(__name__)


class Collector:
    """
    Looks, and tells.

    Args:
        table: The jobs.
        executors: By name.
        publish: Sends the data of one ``job_status`` event to the job's owner; done when it is kept.
        scan_s: Seconds between two looks.
    """

    def __init__(
        self, table: JobTable, executors: Mapping[str, Executor], publish: Publish, *, scan_s: float = SCAN_S
    ) -> None:
        self._table = table
        self._executors = executors
        self._publish = publish
        self._scan_s = scan_s
        self._wake = asyncio.Event()
        self._scanned = asyncio.Condition()
        self._scanning = asyncio.Lock()
        self._closed = False
        self._unsaved: dict[str, Job] = {}
        self._limiter = anyio.CapacityLimiter(1)

    def poke(self) -> None:
        """Look now: a job came, or is to end."""
        self._wake.set()

    async def run(self) -> None:
        """Look until cancelled; a look that fails is logged, and the next one comes all the same."""
        while True:
            self._wake.clear()
            try:
                await self.scan()
            except Exception:
                log.exception("a look at the jobs failed")
            async with self._scanned:
                self._scanned.notify_all()
            idle = not self._table.unsettled() and not self._unsaved
            try:
                async with asyncio.timeout(None if idle else self._scan_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on the jobs holds; looked at after every scan."""
        self.poke()
        async with self._scanned:
            while not condition():
                await self._scanned.wait()

    async def scan(self) -> None:
        """Look once at every job that is not settled, publish what changed, and write down what was published."""
        async with self._scanning:
            if not self._closed:
                await self._scan()

    async def close(self) -> None:
        """Finish the look that is under way and look no more: what was published is written down."""
        async with self._scanning:
            self._closed = True

    async def _scan(self) -> None:
        jobs = [job for job in self._table.unsettled() if job.native_id is not None]
        for name, executor in self._executors.items():
            await self._observe(executor, [job for job in jobs if job.origin.executor == name])
        due = [job for job in jobs if job.due()]
        if due or self._unsaved:
            await self._in_thread(lambda: self._tell(due))

    async def _observe(self, executor: Executor, jobs: list[Job]) -> None:
        running = [(job.folder, job.native_id) for job in jobs if not job.final]
        if not running:
            return
        found = await self._in_thread(lambda: executor.observe(running))
        for job in jobs:
            if (seen := found.get(job.id)) is not None and _take(job, seen):
                self._unsaved[job.id] = job

    def _tell(self, due: list[Job]) -> None:
        """Publish and write down, job by job and with nothing in between; blocking."""
        for job in due:
            try:
                for data in _events(job):
                    self._publish(job, data).result(timeout=_KEEP_S)
                    job.announced = JobState(str(data["state"]))
            except Exception:  # isolation point: one job that can't be told must not silence the others
                log.exception("the state of job %s can't be told yet", job.id)
            self._save(job)
        for job in list(self._unsaved.values()):
            self._save(job)

    def _save(self, job: Job) -> None:
        try:
            job.save()
        except NoRoom as exc:
            if job.id not in self._unsaved:
                log.warning("the state of job %s can't be written down yet: %s", job.id, exc.detail)
            self._unsaved[job.id] = job
            return
        except FileNotFoundError:
            log.warning("the folder of job %s is gone", job.id)
        self._unsaved.pop(job.id, None)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)


def _events(job: Job) -> Iterator[Mapping[str, object]]:
    tails: Mapping[str, str] = read_tails(job) if job.final else {"stdout": "", "stderr": ""}
    for state in job.due():
        final = state.final
        yield {
            "job_id": job.id,
            "state": state.value,
            "exit_code": job.status.exit_code if final else None,
            "stdout": tails["stdout"] if final else "",
            "stderr": tails["stderr"] if final else "",
            "message": job.status.message if final else "",
            "native_id": job.native_id,
        }


def _take(job: Job, seen: Observed) -> bool:
    """Take in what was seen; say whether the job goes by another id now, which is to be written down."""
    job.reason, job.reason_text, job.unknown_since = seen.reason, seen.reason_text, seen.unknown_since
    if seen.status.state is not job.status.state:
        job.since = _since(job, seen.status)
    job.status = seen.status
    if seen.native_id is None:
        return False
    job.native_id = seen.native_id
    return True


def _since(job: Job, status: JobStatus) -> float:
    moment = {JobState.QUEUED: job.folder.created_at, JobState.ACTIVE: status.started_at}
    return moment.get(status.state, status.ended_at) or time.time()
