"""What the plugin needs of an executor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import frozen

from radical_edge_core.errors import Unavailable
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.status import JobStatus
from radical_edge_psij.models import JobSpec


class NotSubmitted(Unavailable):
    """The executor did not take the job, and certainly does not run it; the same call may succeed later."""

    code = "not_submitted"


class Undecided(Unavailable):
    """Nobody knows yet whether the executor has the job; who repeats the call with its key finds out."""

    code = "submission_undecided"


@frozen(kw_only=True)
class Observed:
    """
    What is known of a job at one moment.

    Attributes:
        status: Where it is.
        native_id: The executor's id for it, where that is not the one told so far: the claim decides.
        reason: Why it waits, in the scheduler's word.
        reason_text: The same for people.
        unknown_since: Set where the scheduler can't be asked, since when: ``status`` was true then.
    """

    status: JobStatus
    native_id: str | None = None
    reason: str = ""
    reason_text: str = ""
    unknown_since: float | None = None


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

    def check(self, spec: JobSpec) -> None:
        """
        Look at a specification before anything is made.

        Raises:
            InvalidRequest: It asks for something that can't be handed over.
        """

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        """
        Start a job; return the executor's own id for it.

        May be called again for a folder whose first call was cut off: the payload runs once all the same.

        Raises:
            NotSubmitted: The job was not taken.
            Undecided: It may have been.
            EdgeError: The executor refuses it, and always will.
        """

    def find(self, folder: JobFolder) -> str | None:
        """
        Return the id of a job that an earlier call of ``submit`` may have started; ``None``: there is none.

        Raises:
            Undecided: That can't be found out now.
        """

    def observe(self, jobs: Sequence[tuple[JobFolder, str | None]]) -> Mapping[str, Observed]:
        """
        Return what is known of many jobs at once, by job id; do what is due for those whose end is asked
        for. Those of which there is nothing new may be left out.

        Args:
            jobs: Folders with the executor's own ids, as far as known.
        """

    def cancel(self, folder: JobFolder, native_id: str | None) -> None:
        """Begin to end a job whose folder says that it is to end; ``observe`` goes on from there."""

    def close(self) -> None:
        """Leave nothing running in this process."""
