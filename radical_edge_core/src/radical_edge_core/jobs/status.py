"""The states of a job, and what is known of it at one moment."""

from __future__ import annotations

import signal
from enum import StrEnum

from attrs import frozen


class JobState(StrEnum):
    """Where a job is; the last three are final."""

    NEW = "NEW"
    QUEUED = "QUEUED"
    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def final(self) -> bool:
        """Whether a job stays in this state."""
        return self in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED}


@frozen(kw_only=True)
class JobStatus:
    """
    What is known of a job.

    Attributes:
        state: Where it is.
        exit_code: The payload's; 128 + n after signal n; ``None`` before the end, and where nobody knows it.
        message: One line for people: why it is so. Empty where the state says it all.
        started_at: When the payload was started (seconds since the epoch, the clock of the job's node).
        ended_at: When it ended, by the same clock.
        stdout_bytes: Length of the output when the payload ended; ``None`` where nobody counted.
        stderr_bytes: The same for the other stream.
    """

    state: JobState
    exit_code: int | None = None
    message: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    stdout_bytes: int | None = None
    stderr_bytes: int | None = None


def describe_exit(code: int) -> str:
    """Say what an exit code means where it means something: a signal, a program that could not be run."""
    if code == 126:
        return "the program or its directory could not be entered (exit code 126)"
    if code == 127:
        return "the program was not found (exit code 127)"
    if code > 128:
        try:
            return f"ended by signal {code - 128} ({signal.Signals(code - 128).name})"
        except ValueError:
            return f"exit code {code}"
    return "" if code == 0 else f"exit code {code}"
