"""A plugin that runs jobs, with the operations that the jobs commands need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Literal

from radical_edge_core.errors import NotFound
from radical_edge_core.plugin import Plugin, PluginSession, operation


class Job:
    """One program and what it wrote."""

    def __init__(self, job_id: str, spec: dict[str, Any], executor: str) -> None:
        self.job_id = job_id
        self.spec = spec
        self.executor = executor
        self.state = "NEW"
        self.exit_code: int | None = None
        self.submitted_at = time.time()
        self.written = {"stdout": bytearray(), "stderr": bytearray()}
        self.changed = asyncio.Condition()
        self.process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            self.spec["executable"],
            *self.spec.get("arguments", []),
            env=self.spec.get("environment"),
            cwd=self.spec.get("directory"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await self.become("ACTIVE")
        assert self.process.stdout
        assert self.process.stderr
        await asyncio.gather(
            self.read(self.process.stdout, "stdout"), self.read(self.process.stderr, "stderr")
        )
        self.exit_code = await self.process.wait()
        if self.state != "CANCELED":
            await self.become("COMPLETED" if self.exit_code == 0 else "FAILED")

    async def read(self, source: asyncio.StreamReader, stream: str) -> None:
        while chunk := await source.read(4096):
            async with self.changed:
                self.written[stream] += chunk
                self.changed.notify_all()

    async def become(self, state: str) -> None:
        async with self.changed:
            self.state = state
            self.changed.notify_all()

    @property
    def final(self) -> bool:
        return self.state in {"COMPLETED", "FAILED", "CANCELED"}

    def told(self) -> dict[str, Any]:
        return {
            "job_id": self.job_id,
            "state": self.state,
            "exit_code": self.exit_code,
            "submitted_at": self.submitted_at,
            "executor": self.executor,
            "stdout": self.written["stdout"].decode(errors="replace"),
            **self.spec,
        }


class JobsSession(PluginSession):
    """Operations on jobs."""

    plugin: JobsPlugin

    def job(self, job_id: str) -> Job:
        if job_id not in self.plugin.jobs:
            raise NotFound(f"there is no job {job_id!r}")
        return self.plugin.jobs[job_id]

    @operation.post("submit/{sid}")
    async def submit_job(self, job_spec: dict[str, Any], executor: str = "local") -> dict[str, Any]:
        """Run a program."""
        job = Job(f"job-{len(self.plugin.jobs)}", job_spec, executor)
        self.plugin.jobs[job.job_id] = job
        self.plugin.run_in_background(job.job_id, job.run)
        return {"job_id": job.job_id, "native_id": None}

    @operation.get("status/{sid}/{job_id}")
    async def get_job_status(self, job_id: str) -> dict[str, Any]:
        """Tell of a job."""
        return self.job(job_id).told()

    @operation.get("list_jobs/{sid}")
    async def list_jobs(self, scope: Literal["session", "mine"] = "session") -> dict[str, Any]:
        """List jobs."""
        return {"jobs": [job.told() for job in self.plugin.jobs.values()], "scope": scope}

    @operation.post("cancel/{sid}/{job_id}", effect="destructive")
    async def cancel_job(self, job_id: str) -> dict[str, Any]:
        """End a job."""
        job = self.job(job_id)
        await job.become("CANCELED")
        if job.process is not None and job.process.returncode is None:
            job.process.terminate()
        return {"job_id": job_id, "status": "canceled", "ok": True}

    @operation.get("output/{sid}/{job_id}", stream="bytes")
    async def output(
        self,
        job_id: str,
        stream: Literal["stdout", "stderr"] = "stdout",
        offset: int = 0,
        follow: bool = False,
    ) -> AsyncIterator[bytes]:
        """Send what a job wrote."""
        job = self.job(job_id)

        async def pieces() -> AsyncIterator[bytes]:
            yield b""
            at = offset
            while True:
                async with job.changed:
                    if follow:
                        await job.changed.wait_for(lambda at=at: job.final or len(job.written[stream]) > at)
                    chunk = bytes(job.written[stream][at:])
                    final = job.final or not follow
                at += len(chunk)
                if chunk:
                    yield chunk
                if final:
                    return

        return pieces()


class JobsPlugin(Plugin):
    """The plugin."""

    name: ClassVar[str] = "jobs"
    version: ClassVar[str] = "1.0"
    session_class: ClassVar[type[PluginSession] | None] = JobsSession

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.jobs: dict[str, Job] = {}
