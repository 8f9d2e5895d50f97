"""
What a scheduler's job is, from what its folder says and what the scheduler says.

Who is believed, in this order:

1. A void claim: the payload never ran and never will.
2. ``exit.json`` without a signal in it: the payload ended by itself, with this code, whatever the scheduler calls that.
3. ``exit.json`` with a signal, or with the code of one: the file gives the code, and the scheduler says why. While
   it shows the job pending or running after that, the job was queued again, or is just being put away.
4. The payload began and left no record: over means that its script was killed too. The record may be late, so the
   scheduler's word counts after its own patience (KillWait) and a margin; its COMPLETED is then none.
5. It never began: as the scheduler says. Over before it began, it is withdrawn first, so that it never will.

The scheduler's word is as old as its last answer: what happened after that is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from radical_edge_core.jobs.folder import ExitRecord
from radical_edge_core.jobs.local import NEVER_STARTED
from radical_edge_core.jobs.status import JobState, JobStatus, describe_exit
from radical_edge_core.schedulers import Job
from radical_edge_psij.executors.base import Observed

_KILLED = "shim killed: the job's processes were killed from outside; its exit code is unknown"
_UNHEARD_OF = "the scheduler knows nothing of the job any more"
_TEXTS: Mapping[str, str] = {
    "TIMEOUT": "the job reached its time limit",
    "NODE_FAIL": "a node of the job failed",
    "OUT_OF_MEMORY": "the job used more memory than it may",
    "PREEMPTED": "the job was preempted by another",
    "CANCELLED": "canceled",
    "DEADLINE": "the job could not end before its deadline",
    "BOOT_FAIL": "a node of the job could not be booted",
    "LAUNCH_FAILED": "the job could not be launched",
    "RECONFIG_FAIL": "a node of the job could not be set up",
    "REVOKED": "the job was revoked",
}
# What PBS and LSF say only in their reasons, in SLURM's words.
_REASONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(form, re.IGNORECASE), word)
    for form, word in (
        (r"TERM_RUNLIMIT|TERM_CPULIMIT|walltime .*exceeded|exceeded .*walltime", "TIMEOUT"),
        (r"TERM_MEMLIMIT|TERM_SWAP|mem .*exceeded|exceeded .*mem", "OUT_OF_MEMORY"),
        (r"TERM_PREEMPT|preempted", "PREEMPTED"),
        (r"TERM_OWNER|TERM_ADMIN|TERM_FORCE|deleted|job was killed by user", "CANCELLED"),
        (r"TERM_ZOMBI|TERM_LOST|node .*(?:down|failed)|host .*(?:down|failed)", "NODE_FAIL"),
    )
)
_PBS_WALLTIME = -29  # its exit status for a job that took too long


@frozen(kw_only=True)
class Evidence:
    """
    What is known of one job.

    Attributes:
        void: Its claim was taken away: it never runs.
        started_at: When its payload began the last time; ``None``: it has not.
        record: How the payload ended.
        cancel_asked: Somebody asked this plugin to end it.
        job: What the scheduler says.
        as_of: The instant that this is true of.
        gone: The scheduler knows no such job.
        waited: It has been over or gone for so long that the folder would tell, if it were going to.
        last: The status so far.
    """

    void: bool
    started_at: float | None
    record: ExitRecord | None
    cancel_asked: bool
    job: Job | None
    as_of: float | None
    gone: bool
    waited: bool
    last: JobStatus | None = None

    @property
    def over(self) -> bool:
        """Whether the scheduler is done with it."""
        return self.gone or (self.job is not None and self.job.phase == "over")


def judge(seen: Evidence) -> Observed | None:
    """Return what the job is; ``None``: as before."""
    if seen.void:
        return Observed(status=_never_ran(seen))
    if seen.record is not None:
        return _after_record(seen, seen.record)
    job = seen.job
    if seen.over:
        if not seen.waited:
            return None
        return Observed(status=_cut_off(seen) if seen.started_at is not None else _never_ran(seen))
    if job is None or job.phase == "unknown":
        if seen.started_at is not None:
            return Observed(status=JobStatus(state=JobState.ACTIVE, started_at=seen.started_at))
        return None
    stale = seen.started_at is not None and seen.as_of is not None and seen.as_of <= seen.started_at
    if job.phase == "pending" and not stale:
        return _waiting(job)
    began = seen.started_at if seen.started_at is not None else _instant(job.start_time)
    return Observed(status=JobStatus(state=JobState.ACTIVE, started_at=began))


def wants_word(record: ExitRecord) -> bool:
    """Say whether the scheduler has to say why a payload ended so."""
    return bool(record.signals) or record.code > 128


def word_of(job: Job) -> str:
    """Return how a job ended, in SLURM's words; empty where it is not over."""
    if job.phase != "over":
        return ""
    if job.exit_code == _PBS_WALLTIME:
        return "TIMEOUT"
    if job.state in {"EXIT", "FINISHED", "COMPLETED"} and job.reason:
        return next((word for form, word in _REASONS if form.search(job.reason)), job.state)
    return job.state


def _after_record(seen: Evidence, record: ExitRecord) -> Observed | None:
    if not wants_word(record):
        return Observed(status=_ended(record, "", cancel_asked=False))
    job = seen.job
    if job is not None and job.phase == "over":
        return Observed(status=_ended(record, word_of(job), cancel_asked=seen.cancel_asked))
    fresh = seen.as_of is not None and seen.as_of > record.end
    if job is not None and job.phase == "pending" and fresh:
        return _waiting(job)  # queued again
    if seen.waited or (seen.gone and fresh):
        return Observed(status=_ended(record, "", cancel_asked=seen.cancel_asked))
    return Observed(status=JobStatus(state=JobState.ACTIVE, started_at=record.start))


def _waiting(job: Job) -> Observed:
    return Observed(
        status=JobStatus(state=JobState.QUEUED, message=job.reason_text),
        reason=job.reason,
        reason_text=job.reason_text or job.reason,
    )


def _ended(record: ExitRecord, word: str, *, cancel_asked: bool) -> JobStatus:
    state = JobState.COMPLETED if record.code == 0 else JobState.FAILED
    message = describe_exit(record.code)
    if word == "CANCELLED" or (cancel_asked and word not in _TEXTS):
        state, message = JobState.CANCELED, "canceled"
    elif word in _TEXTS:
        state, message = JobState.FAILED, f"{_TEXTS[word]} ({word})"
    return JobStatus(
        state=state,
        exit_code=record.code,
        message=message,
        started_at=record.start,
        ended_at=record.end,
        stdout_bytes=record.stdout_bytes,
        stderr_bytes=record.stderr_bytes,
    )


def _cut_off(seen: Evidence) -> JobStatus:
    """Return the state of a job whose payload began and left no record."""
    word = word_of(seen.job) if seen.job is not None else ""
    canceled = word == "CANCELLED" or (seen.cancel_asked and word not in _TEXTS)
    if canceled:
        message = "canceled"
    elif seen.job is None:
        message = f"{_UNHEARD_OF}; {_KILLED}"
    else:
        message = f"{_TEXTS[word]} ({word})" if word in _TEXTS else _KILLED
    ended_at = _instant(seen.job.end_time) if seen.job is not None else None
    if ended_at is not None and seen.started_at is not None:
        ended_at = max(ended_at, seen.started_at)  # the scheduler knows whole seconds only
    return JobStatus(
        state=JobState.CANCELED if canceled else JobState.FAILED,
        message=message,
        started_at=seen.started_at,
        ended_at=ended_at,
    )


def _never_ran(seen: Evidence) -> JobStatus:
    word = word_of(seen.job) if seen.job is not None else ""
    canceled = seen.cancel_asked or word == "CANCELLED"
    if canceled:
        message = "canceled"
    elif word in _TEXTS:
        message = f"{NEVER_STARTED}: {_TEXTS[word]} ({word})"
    else:
        why = seen.job.reason_text if seen.job is not None else ""
        message = f"{NEVER_STARTED}: {why}" if why else NEVER_STARTED
    return JobStatus(
        state=JobState.CANCELED if canceled else JobState.FAILED,
        message=message,
        ended_at=_instant(seen.job.end_time) if word and seen.job is not None else None,
    )


def _instant(seconds: int | None) -> float | None:
    return None if seconds is None else float(seconds)
