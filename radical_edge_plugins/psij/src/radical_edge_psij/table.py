"""The jobs that a plugin knows, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator

from radical_edge_core.errors import NotFound
from radical_edge_psij.job import Job


class JobTable:
    """All jobs, by id; used in the event loop only."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._keys: dict[tuple[str, str, str], Job] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Take a job in."""
        self._jobs[job.id] = job
        if job.origin.key is not None:
            self._keys[job.origin.owner, job.origin.operation, job.origin.key] = job

    def remove(self, job_id: str) -> None:
        """Forget a job, if it is there."""
        job = self._jobs.pop(job_id, None)
        if job is not None and job.origin.key is not None:
            self._keys.pop((job.origin.owner, job.origin.operation, job.origin.key), None)

    def get(self, job_id: str, owner: str) -> Job:
        """
        Return a job of ``owner``; those of others don't exist for it.

        Raises:
            NotFound: There is none of that id.
        """
        job = self._jobs.get(job_id)
        if job is None or job.origin.owner != owner:
            raise NotFound(f"there is no job {job_id[:64]!r}")
        return job

    def with_key(self, owner: str, operation: str, key: str) -> Job | None:
        """Return the job that was submitted with this key."""
        return self._keys.get((owner, operation, key))

    def of(self, owner: str, sid: str | None = None) -> list[Job]:
        """Return the jobs of a subject (of one session of it), the newest first."""
        mine = (
            job for job in self._jobs.values() if job.origin.owner == owner and sid in {None, job.origin.sid}
        )
        return sorted(mine, key=lambda job: job.folder.created_at, reverse=True)

    def unfinished(self) -> list[Job]:
        """Return the jobs that are not over."""
        return [job for job in self._jobs.values() if not job.final]

    def unsettled(self) -> list[Job]:
        """Return the jobs that are not over, or of whose end nobody was told yet."""
        return [job for job in self._jobs.values() if not job.settled]
