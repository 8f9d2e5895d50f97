"""One job as the plugin knows it: what its folder holds, read once, and its present status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import define, field, frozen
from cattrs import Converter

from radical_edge_core.converter import parse
from radical_edge_core.errors import InvalidRequest
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.status import JobState, JobStatus
from radical_edge_psij.checks import account_of, directory_of, duration_of
from radical_edge_psij.models import JobEntry, JobReport, JobSpec

STATE_FILE = "state.json"


@frozen(kw_only=True)
class Origin:
    """
    Who submitted a job, and how; kept in its folder.

    Attributes:
        owner: The subject that it belongs to.
        sid: The session that it was submitted in.
        executor: What runs it.
        key: The caller's ``Idempotency-Key``.
        operation: Which operation the key was sent with.
        edge_name: The edge that it starts, where it does.
    """

    owner: str
    sid: str
    executor: str
    key: str | None = None
    operation: str = "submit_job"
    edge_name: str | None = None


@define(kw_only=True)
class Job:
    """
    A job.

    Attributes:
        folder: All that is known of it.
        spec: What was asked for.
        origin: Who asked.
        status: Where it is.
        native_id: The executor's id; ``None`` until it took the job.
        announced: The last state that was published; ``None`` before the first.
        since: When it came into its present state.
        reason: Why it waits, in the scheduler's word.
        reason_text: The same for people.
        unknown_since: Set where the scheduler can't be asked, since when; ``status`` was true then.
    """

    folder: JobFolder
    spec: JobSpec
    origin: Origin
    status: JobStatus = field(factory=lambda: JobStatus(state=JobState.NEW))
    native_id: str | None = None
    announced: JobState | None = None
    since: float = 0.0
    reason: str = ""
    reason_text: str = ""
    unknown_since: float | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return self.folder.job_id

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.status.state.final

    @property
    def settled(self) -> bool:
        """Whether it is over and everybody was told."""
        return self.final and self.announced is self.status.state

    @property
    def command_line(self) -> str:
        """What it runs, shortened, for people."""
        text = " ".join((self.spec.executable, *self.spec.arguments))
        return text if len(text) <= 60 else text[:57] + "..."

    def due(self) -> list[JobState]:
        """Return the states that are to be announced, in their order; a job that ran was active before it ended."""
        reached = [JobState.QUEUED]
        if self.status.state is JobState.ACTIVE or self.status.started_at is not None:
            reached.append(JobState.ACTIVE)
        if self.final:
            reached.append(self.status.state)
        return [state for state in reached if _rank(state) > _rank(self.announced)]

    def save(self) -> None:
        """
        Keep in the folder what it does not say itself; blocking.

        Raises:
            NoRoom: Not now; the folder says enough to find all of it out again.
        """
        status = attrs.asdict(self.status) if self.final else None
        announced = self.announced.value if self.announced else None
        document = {"native_id": self.native_id, "announced": announced, "since": self.since, "final": status}
        self.folder.remember(STATE_FILE, document)

    def entry(self) -> JobEntry:
        """Return its line in a list."""
        return JobEntry(**self._common(self.status))

    def report(self, status: JobStatus, since: float, output: Mapping[str, Any]) -> JobReport:
        """
        Return all that is known.

        Args:
            status: The status before the output was read: who sees the end has seen all output.
            since: When it came into that state.
            output: The fields of the two streams.
        """
        spec = self.spec
        return JobReport(
            **self._common(status),
            time=since,
            directory=str(directory_of(spec)),
            duration=duration_of(spec.attributes),
            **output,
        )

    def _common(self, status: JobStatus) -> dict[str, Any]:
        spec, attributes = self.spec, self.spec.attributes
        nodes = (spec.resources and spec.resources.node_count) or (attributes and attributes.node_count)
        return {
            "job_id": self.id,
            "native_id": self.native_id,
            "name": spec.name or "",
            "state": status.state.value,
            "message": status.message,
            "reason": self.reason,
            "reason_text": self.reason_text,
            "unknown_since": self.unknown_since,
            "exit_code": status.exit_code,
            "executable": spec.executable,
            "arguments": spec.arguments,
            "executor": self.origin.executor,
            "queue_name": attributes.queue_name if attributes else None,
            "account": account_of(attributes),
            "node_count": nodes or None,
            "submitted_at": self.folder.created_at,
            "started_at": status.started_at,
            "ended_at": status.ended_at,
        }


def _rank(state: JobState | None) -> int:
    if state is None:
        return 0
    return {JobState.NEW: 0, JobState.QUEUED: 1, JobState.ACTIVE: 2}.get(state, 3)


def data_of(spec: JobSpec, origin: Origin) -> dict[str, object]:
    """Return what ``found_again`` needs, as JSON values."""
    defaults = JobSpec(executable="-")
    given = attrs.asdict(spec, filter=lambda _, value: value is not None)
    return {
        "origin": attrs.asdict(origin),
        "spec": {name: value for name, value in given.items() if value != getattr(defaults, name)},
    }


def found_again(folder: JobFolder, converter: Converter) -> Job:
    """
    Return the job of a folder that an earlier process made; blocking.

    Raises:
        ValueError: The folder holds no job of this plugin.
    """
    try:
        spec = parse(folder.data.get("spec"), JobSpec, converter)
        origin = parse(folder.data.get("origin"), Origin, converter)
    except InvalidRequest as exc:
        raise ValueError(f"{folder.path} holds no job that can be read: {exc.detail}") from None
    job = Job(folder=folder, spec=spec, origin=origin, since=folder.created_at)
    known = folder.recall(STATE_FILE) or {}
    native_id, since, announced, final = (known.get(n) for n in ("native_id", "since", "announced", "final"))
    job.native_id = str(native_id) if native_id is not None else None
    job.since = float(since) if isinstance(since, (int, float)) else folder.created_at
    job.announced = JobState(str(announced)) if announced is not None else None
    if isinstance(final, dict):
        job.status = JobStatus(**{**final, "state": JobState(str(final["state"]))})
    return job
