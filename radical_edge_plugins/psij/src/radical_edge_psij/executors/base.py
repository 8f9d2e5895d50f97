"""What the plugin needs of an executor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from radical_edge_core.errors import Unavailable
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.status import JobStatus
from radical_edge_psij.models import JobSpec


class NotSubmitted(Unavailable):
    """The executor did not take the job, and certainly does not run it; the same call may succeed later."""

    code = "not_submitted"


class Executor(Protocol):
    """
    One way to run jobs.

    All methods but ``problem`` are called in worker threads, ``submit`` in several at once. An executor
    hands a folder's shim to whatever runs it; what became of the job is told by the folder, and by the
    executor only where the folder can't know (a scheduler's queue). Nothing is kept in memory that is
    needed after a restart.
    """

    name: str
    kind: str

    def problem(self) -> str:
        """Say why no job can be submitted here now; empty where one can."""

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        """
        Start a job; return the executor's own id for it.

        May be called again for a folder whose first call was cut off: the payload runs once all the same.

        Raises:
            NotSubmitted: The job was not taken.
        """

    def observe(self, jobs: Sequence[tuple[JobFolder, str | None]]) -> Mapping[str, JobStatus]:
        """
        Return the present status of many jobs at once, by job id; do what is due for those whose end is
        asked for.

        Args:
            jobs: Folders with the executor's own ids, as far as known.
        """

    def cancel(self, folder: JobFolder, native_id: str | None) -> None:
        """Begin to end a job whose folder says that it is to end; ``observe`` goes on from there."""
