"""Finding a scheduler's job by its key: in the queue first, which shows it at once, then in the accounting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from radical_edge_core.schedulers import Job, Scheduler
from radical_edge_core.schedulers.slurm.jobs import ask_accounting

_EARLY_S = 300.0  # by which the scheduler's clock may be behind
_UNSEARCHABLE = frozenset(",|\n")


def carries(job: Job) -> set[str]:
    """Return the words of a job among which its key would be."""
    return {job.job_name, *job.comment.split()}


def alive(job: Job) -> bool:
    """Say whether a job waits or runs."""
    return job.phase != "over"


def keeper(jobs: Sequence[Job], known: str | None) -> Job:
    """Return the one of several jobs of a key that is to stay: what runs, then what is known, then the oldest."""
    return min(
        jobs, key=lambda job: (job.phase == "pending", job.job_id != known, len(job.job_id), job.job_id)
    )


def search(scheduler: Scheduler, key: str, name: str, *, since: float) -> list[Job]:
    """
    Return the edge user's jobs that carry a key; blocking.

    Args:
        scheduler: Where.
        key: What is in the job's comment, or is its name.
        name: What else it may be called, where the caller named it; empty: nothing else.
        since: When it can have been submitted at the earliest (seconds since 1970).

    Raises:
        SchedulerUnavailable: It can't be asked: which is not to say that there is no such job.
    """
    collector = scheduler.collector
    queue = collector.fetch_blocking(scheduler.own_jobs, newer_than=collector.monotonic())
    found = [job for job in queue.value if key in carries(job)]
    if found or scheduler.name != "slurm":
        return found
    names = [word for word in (key, name) if word and not set(word) & _UNSEARCHABLE]
    start = datetime.fromtimestamp(since - _EARLY_S, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    arguments = [f"--user={scheduler.user}", f"--name={','.join(names)}", f"--starttime={start}"]
    return [job for job in ask_accounting(collector.runner, arguments) if key in carries(job)]
