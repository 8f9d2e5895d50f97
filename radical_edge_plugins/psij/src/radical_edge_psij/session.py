"""One subject's session: its jobs, and the operations on all jobs of the subject."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Literal, cast

from radical_edge_core.errors import Conflict, InvalidRequest, NotSupported
from radical_edge_core.plugin import PluginSession, current_caller, operation
from radical_edge_psij.advice import Validation
from radical_edge_psij.job import Job, Origin
from radical_edge_psij.models import (
    LOCAL,
    Canceled,
    ExecutorName,
    JobList,
    JobReport,
    JobSpec,
    Offset,
    Stream,
    Submitted,
    SubmittedEdge,
)
from radical_edge_psij.output import read_text, stream_bytes
from radical_edge_psij.preflight import validate
from radical_edge_psij.views import SUBMIT_EXAMPLES, SUBMIT_FORM

if TYPE_CHECKING:
    from radical_edge_psij.service import PsijPlugin


class PsijSession(PluginSession):
    """
    A session.

    Jobs belong to the subject, not to the session: any live session of the same subject may address them,
    and they go on when it ends.
    """

    @property
    def service(self) -> PsijPlugin:
        """The plugin."""
        return cast("PsijPlugin", self.plugin)

    def busy(self) -> bool:
        """Say whether a job that was submitted here is not over."""
        return any(job.origin.sid == self.sid for job in self.service.table.unfinished())

    def snapshot(self) -> object:
        """Return nothing in particular: the session outlives the process, its jobs are in their folders."""
        return {}

    @operation.post(
        "submit/{sid}",
        title="Submit job",
        retry="adopt",
        examples=SUBMIT_EXAMPLES,
        ui=SUBMIT_FORM,
        then={"open": "job", "key": "/job_id"},
    )
    async def submit_job(self, job_spec: JobSpec, executor: ExecutorName = LOCAL) -> Submitted:
        """
        Run a program as a job; its states come as ``job_status`` events.

        When this answers the job is kept in a folder of its own and outlives the caller, the session and
        the edge.
        """
        job = await self.service.submissions.submit(job_spec, self._origin(executor, "submit_job"))
        return Submitted(job_id=job.id, native_id=job.native_id or "")

    @operation.post("validate/{sid}", title="Check a job", effect="read")
    async def validate(self, job_spec: JobSpec, executor: ExecutorName = LOCAL) -> Validation:
        """
        Look at a job without submitting it: files, limits of queue and account, and what the scheduler says.

        ``start_estimate`` is when the scheduler would start it, where it tells.
        """
        return await validate(job_spec, self.service.backends[executor], self.service.workers)

    @operation.post("submit_tunneled/{sid}", title="Submit a job that starts an edge", retry="adopt")
    async def submit_tunneled(
        self,
        job_spec: JobSpec,
        executor: ExecutorName = LOCAL,
        tunnel: bool | Literal["none", "forward", "reverse"] = False,
    ) -> SubmittedEdge:
        """
        Run a job that starts another edge; its ``arguments`` name the edge with ``-n`` or ``--name``.

        A name that is already being started is refused. Tunnels are not made here: where the new edge can't
        reach the bridge itself, start it another way.
        """
        name = _edge_name(job_spec.arguments)
        if tunnel not in {False, "none"}:
            raise NotSupported(
                "this edge makes no tunnels; submit without one where the new edge reaches the bridge by itself"
            )
        origin = self._origin(executor, "submit_tunneled", edge_name=name)
        known = await self.service.submissions.known(origin)
        if known is None and name in self.service.edges_being_started():
            raise Conflict(f"an edge named {name!r} is already being started", edge_name=name)
        job = await self.service.submissions.submit(job_spec, origin)
        return SubmittedEdge(job_id=job.id, native_id=job.native_id or "", edge_name=name)

    @operation.get("status/{sid}/{job_id}", title="Job status", live_topic="job_status")
    async def get_job_status(
        self, job_id: str, stdout_offset: Offset = 0, stderr_offset: Offset = 0
    ) -> JobReport:
        """
        Tell all that is known of a job, with its output from byte offsets on.

        The offsets in the answer are those to ask for next: no byte is lost or repeated, no character is
        split. One answer holds up to 1 MiB of each stream.
        """
        job = self._job(job_id)
        status, since = job.status, job.since
        offsets = {"stdout": stdout_offset, "stderr": stderr_offset}
        output = await self.service.workers.run(lambda: read_text(job, offsets, final=status.state.final))
        return job.report(status, since, output)

    @operation.get("list_jobs/{sid}", title="Jobs", result="table", live_topic="job_status")
    async def list_jobs(self, scope: Literal["session", "mine"] = "session") -> JobList:
        """List the jobs that were submitted in this session, or with ``scope=mine`` all of the caller's."""
        jobs = self.service.table.of(self.owner, None if scope == "mine" else self.sid)
        return JobList(jobs=tuple(job.entry() for job in jobs))

    @operation.post(
        "cancel/{sid}/{job_id}",
        title="Cancel job",
        effect="destructive",
        retry="safe",
        confirm={"retype": "/job_id"},
    )
    async def cancel_job(self, job_id: str) -> Canceled:
        """
        End a job: TERM to all its processes, and KILL to those that are still there after the grace period.

        A job that has not begun never will. For a job that is over this changes nothing. The state becomes
        CANCELED when the job has ended.
        """
        job = self._job(job_id)
        await self.service.cancel(job)
        return Canceled(job_id=job.id, state=job.status.state.value)

    @operation.get("output/{sid}/{job_id}", title="Output", stream="bytes")
    async def output(
        self, job_id: str, stream: Stream = "stdout", offset: Offset = 0, follow: bool = False
    ) -> AsyncIterator[bytes]:
        """
        Send what a job wrote, byte by byte, from an offset on.

        With ``follow`` the answer goes on as the job writes, and ends when the job is over and all is sent.
        """
        return stream_bytes(self._job(job_id), self.service.readers, stream, offset, follow=follow)

    def _job(self, job_id: str) -> Job:
        return self.service.table.get(job_id, self.owner)

    def _origin(self, executor: str, name: str, edge_name: str | None = None) -> Origin:
        return Origin(
            owner=self.owner,
            sid=self.sid,
            executor=executor,
            key=current_caller().idempotency_key,
            operation=name,
            edge_name=edge_name,
        )


def _edge_name(arguments: tuple[str, ...]) -> str:
    for index, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option == "--name" and equals:
            return value
        if argument in {"-n", "--name"} and index + 1 < len(arguments):
            return arguments[index + 1]
    raise InvalidRequest(
        problems=[{"path": "$.job_spec.arguments", "message": "must name the new edge with -n or --name"}]
    )
