"""
Jobs of a batch scheduler: handed over by PSI/J in a process of its own, followed by their folders and by one bulk look
at the queue for all of them.

A submission that was cut off anywhere is found again in this order: the claim in the folder, the answer that PSI/J
left, the queue and the accounting by the job's key. Only then is the job handed over again, with the key's lock held
all the while. A second job of the same key may exist for a moment all the same, where the scheduler made one of a
request that was given up; it is ended as soon as it is seen, after the claim is made in the name of the one that stays.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import define

from radical_edge_core.errors import EdgeError
from radical_edge_core.jobs.claim import VOID, Claim
from radical_edge_core.jobs.environment import clean_environment
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.status import JobState, JobStatus
from radical_edge_core.schedulers import Job, Scheduler, Schedulers, SchedulerUnavailable, Sightings
from radical_edge_psij.checks import directory_of, duration_of
from radical_edge_psij.executors.base import NotSubmitted, Observed, Undecided
from radical_edge_psij.executors.cancelling import Canceller
from radical_edge_psij.executors.flavours import KEPT, SLURM_FILES, BatchSettings, Flavour
from radical_edge_psij.executors.handover import ANSWER, REQUEST, held, run_submitter
from radical_edge_psij.executors.library import missing_programs, plain_folder
from radical_edge_psij.executors.options import custom_of, key_of, resources_of
from radical_edge_psij.executors.patience import Patience
from radical_edge_psij.executors.refusals import refusal
from radical_edge_psij.executors.search import alive, carries, keeper, search
from radical_edge_psij.executors.verdict import Evidence, judge, wants_word
from radical_edge_psij.models import JobSpec

log = logging.getLogger(__name__)
UNBEGUN_S = 1.0
LOOK_S = 1.0  # between two looks at the folders of one scheduler's jobs: they lie on a shared file system


@define
class _Followed:
    """What is kept of one job between two looks; nothing that could not be found out again."""

    claim: Claim | None = None
    over_since: float | None = None


class BatchExecutor:
    """
    Runs jobs through one batch scheduler.

    Args:
        flavour: Which.
        settings: How.
        schedulers: The host's, shared with whoever else asks.
    """

    def __init__(self, flavour: Flavour, settings: BatchSettings, schedulers: Schedulers) -> None:
        self.name = flavour.executor
        self.kind: str = flavour.scheduler
        self.settings = settings
        self._flavour = flavour
        self._schedulers = schedulers
        self._followed: dict[str, _Followed] = {}
        self._heard: dict[str, Observed] = {}
        self._looked_at = -1e9
        self._duplicates_as_of = -1.0
        self._silent_since: float | None = None
        self._stopping = threading.Event()
        self._problem: str | None = None
        self.patience = Patience(self.scheduler)
        self.canceller = Canceller(
            flavour.executor, settings.state_dir, self._launcher_folder, self.environment
        )

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler, asked sparingly."""
        return self._schedulers.get(self._flavour.scheduler)

    def problem(self) -> str:
        """Say why no job can be submitted here; empty where one can."""
        if self._problem is None or self._problem:
            missing = missing_programs(*self._flavour.programs)
            self._problem = f"not on the path: {', '.join(missing)}" if missing else self._without_cluster()
        return self._problem

    def _without_cluster(self) -> str:
        """Say that SLURM's programs are here and no cluster is; they may be part of a system's image."""
        if (
            self.name != "slurm"
            or KEPT & os.environ.keys()
            or any(Path(file).exists() for file in SLURM_FILES)
        ):
            return ""
        return "there is no slurm.conf; set SLURM_CONF for the edge"

    def check(self, spec: JobSpec) -> None:
        """Look at the options and the resources."""
        self.options(spec, "key")
        resources_of(spec)

    def options(self, spec: JobSpec, key: str) -> list[str]:
        """Return what the caller chose, as options of the submit command."""
        custom = custom_of(self.name, spec, self.settings.defaults)
        return list(self._flavour.options(spec, key, custom))

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        """Hand a job over, unless it was; return the scheduler's id for it."""
        with held(self._lock_file(folder), self.settings.lock_s, self._stopping) as lock:
            try:
                native_id = self._earlier(folder, spec) or self._hand_over(folder, spec, lock)
            except EdgeError as error:
                if not isinstance(error, Undecided):
                    self._lock_file(folder).unlink(missing_ok=True)
                raise
            self._lock_file(folder).unlink(missing_ok=True)
            return native_id

    def find(self, folder: JobFolder) -> str | None:
        """Return the scheduler's id of a job that was handed over."""
        with held(self._lock_file(folder), self.settings.lock_s, self._stopping):
            return self._earlier(folder, None)

    def observe(self, jobs: Sequence[tuple[JobFolder, str | None]]) -> Mapping[str, Observed]:
        """Return what folders and queue say of all jobs; nothing where that was looked at a moment ago."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S and all(folder.job_id in self._followed for folder, _ in jobs):
            return {}
        self._looked_at = now
        ids: dict[str, str] = {}
        claims: dict[str, Claim | None] = {}
        for folder, native_id in jobs:
            claims[folder.job_id] = claim = self._claim(folder)
            ids[folder.job_id] = (
                claim.name if claim is not None and claim.kind == self.kind else native_id or ""
            )
        wanted = {name for name in ids.values() if self.scheduler.job_id_form.fullmatch(name)}
        told = self.scheduler.states.look_up(wanted, interval_s=self.settings.interval_s)
        self._end_duplicates(jobs, ids)
        found: dict[str, Observed] = {}
        for folder, native_id in jobs:
            try:
                seen = self._look(folder, claims[folder.job_id], ids[folder.job_id], told, native_id)
            except OSError as exc:
                log.warning("job %s can't be looked at: %s", folder.job_id, exc)
                continue
            if seen is not None:
                found[folder.job_id] = seen
        self._forget({folder.job_id for folder, _ in jobs})
        return found

    def cancel(self, folder: JobFolder, native_id: str | None) -> None:
        """Take the claim of a job that has not begun, and have the scheduler end it."""
        claim = folder.withdraw("canceled")
        self._end(folder, claim, native_id)

    def close(self) -> None:
        """Wait for nothing any more; what is being submitted goes on by itself."""
        self._stopping.set()
        self.canceller.close()

    def environment(self, *, inherit: bool = True) -> dict[str, str]:
        """Return what a scheduler's command, and a job, inherits from the edge."""
        return clean_environment(os.environ, inherit=inherit, keep=KEPT)

    # Submitting.

    def _earlier(self, folder: JobFolder, spec: JobSpec | None) -> str | None:
        """Return the job that an earlier attempt made; the lock is held."""
        claim = folder.claim()
        if claim is not None and claim.kind != VOID:
            return claim.name
        if claim is not None:
            raise NotSubmitted(f"job {folder.job_id} was withdrawn")
        work = folder.path / "psij"
        if not (work / REQUEST).exists():
            return None
        answer = folder.recall(f"psij/{ANSWER}") or {}
        if isinstance(native_id := answer.get("native_id"), str):
            return native_id
        if spec is not None and "failed" in answer:
            self._raise_final(answer)
        key = key_of(folder.job_id)
        try:
            jobs = search(self.scheduler, key, self._name_of(spec), since=folder.created_at)
        except SchedulerUnavailable as exc:
            raise Undecided(f"whether the job was submitted can't be found out now: {exc.detail}") from exc
        if not jobs:
            return None
        living = [job for job in jobs if alive(job)]
        if len(living) > 1:
            return self._keep_one(folder, living, None)
        return (living or jobs)[0].job_id

    def _hand_over(self, folder: JobFolder, spec: JobSpec, lock: int) -> str:
        work = folder.path / "psij"
        work.mkdir(mode=0o700, exist_ok=True)
        request = {
            "action": "submit",
            "executor": self.name,
            "work_folder": str(work),
            "launcher_folder": str(self._launcher_folder()),
            "command": list(folder.shim_command()),
            "options": self.options(spec, key_of(folder.job_id)),
            "resources": resources_of(spec),
            "duration_s": duration_of(spec.attributes) or self._flavour.default_duration_s,
        }
        answer = run_submitter(
            work,
            request,
            environment=self.environment(inherit=spec.inherit_environment),
            cwd=directory_of(spec),
            stdin=lock,
            deadline_s=self.settings.submit_s,
            stopping=self._stopping,
        )
        if isinstance(native_id := answer.get("native_id"), str):
            return native_id
        self._raise_final(answer)
        raise Undecided(f"{self.name} did not take the job yet: {_said(answer)}")

    def _raise_final(self, answer: Mapping[str, object]) -> None:
        """Raise where an answer says for certain that there is no job."""
        text = _said(answer)
        if answer.get("kind") == "said" and (error := refusal(self.kind, text)) is not None:
            raise error
        if not answer.get("began"):
            raise NotSubmitted(f"the job could not be handed over: {text}")

    def _lock_file(self, folder: JobFolder) -> Path:
        return self.settings.state_dir / "locks" / f"{folder.job_id}.lock"

    def _launcher_folder(self) -> Path:
        return plain_folder((self.settings.root.parent / "launcher", Path.home() / ".psij" / "work"))

    def _name_of(self, spec: JobSpec | None) -> str:
        """Return the name that the caller gave the scheduler's job, where it could be searched for."""
        return (spec.name or "") if spec is not None and self.kind == "slurm" else ""

    # Following.

    def _claim(self, folder: JobFolder) -> Claim | None:
        kept = self._followed.setdefault(folder.job_id, _Followed())
        if kept.claim is None:
            kept.claim = folder.claim()  # made once, and never changed
        return kept.claim

    def _look(
        self,
        folder: JobFolder,
        claim: Claim | None,
        scheduler_id: str,
        told: Sightings,
        native_id: str | None,
    ) -> Observed | None:
        kept = self._followed[folder.job_id]
        job = told.jobs.get(scheduler_id)
        gone = scheduler_id in told.gone
        void = claim is not None and claim.kind == VOID
        begun = claim is not None and not void
        record = folder.exit() if begun else None
        started_at = folder.started_at() if begun else None
        cancel_asked = folder.cancel_asked()
        seen = Evidence(
            void=void,
            started_at=started_at,
            record=record,
            cancel_asked=cancel_asked,
            job=job,
            as_of=told.as_of,
            gone=gone,
            waited=self._waited(kept, job, gone=gone, began=started_at is not None),
        )
        if seen.waited and seen.over and not begun and not void:
            claim = kept.claim = folder.withdraw("unstarted")
            if claim.kind != VOID:
                return None  # it came at the last moment; the next look sees it
        if cancel_asked and not seen.over and (record is None or wants_word(record)):
            self._end(folder, claim or folder.withdraw("canceled"), scheduler_id)
        observed = judge(seen) or self._heard.get(folder.job_id) or _unheard(started_at)
        return self._marked(folder, observed, told, scheduler_id, native_id)

    def _marked(
        self,
        folder: JobFolder,
        observed: Observed,
        told: Sightings,
        scheduler_id: str,
        native_id: str | None,
    ) -> Observed:
        """Add what the scheduler's silence makes uncertain, and the id that the claim names."""
        silent_since = self._silence(told)
        if observed.status.state.final:
            self._heard.pop(folder.job_id, None)
            silent_since = None
        else:
            self._heard[folder.job_id] = observed
        return Observed(
            status=observed.status,
            native_id=scheduler_id if scheduler_id and scheduler_id != native_id else None,
            reason=observed.reason,
            reason_text=observed.reason_text,
            unknown_since=silent_since,
        )

    def _silence(self, told: Sightings) -> float | None:
        if told.unknown_since is not None:
            return told.unknown_since
        if told.as_of is None and told.problem:
            self._silent_since = self._silent_since or time.time()
            return self._silent_since
        self._silent_since = None
        return None

    def _waited(self, kept: _Followed, job: Job | None, *, gone: bool, began: bool) -> bool:
        if not gone and (job is None or job.phase != "over"):
            kept.over_since = None
            return False
        now = time.monotonic()
        if kept.over_since is None:
            kept.over_since = now
        # One that never began is withdrawn, which no shim can miss: there is little to wait for.
        patience = self.settings.margin_s + self.patience.kill_wait_s() if began else UNBEGUN_S
        return now - kept.over_since >= patience

    def _forget(self, living: set[str]) -> None:
        if len(self._followed) > 2 * len(living) + 100:
            self._followed = {name: kept for name, kept in self._followed.items() if name in living}
            self._heard = {name: kept for name, kept in self._heard.items() if name in living}

    # Ending.

    def _end(self, folder: JobFolder, claim: Claim, native_id: str | None) -> None:
        """Have the scheduler end a job; again, for as long as it is seen alive."""
        if claim.kind != VOID:
            native_id = claim.name
        if native_id and self.scheduler.job_id_form.fullmatch(native_id):
            self.canceller.ask(native_id)
        elif (folder.path / "psij" / REQUEST).exists():
            self.canceller.ask_later(folder.job_id, lambda: self._undecided_ids(folder))

    def _undecided_ids(self, folder: JobFolder) -> list[str]:
        found = search(self.scheduler, key_of(folder.job_id), "", since=folder.created_at)
        return [job.job_id for job in found if alive(job)]

    def _end_duplicates(self, jobs: Sequence[tuple[JobFolder, str | None]], ids: Mapping[str, str]) -> None:
        """End second jobs of the same key, once for each answer of the scheduler."""
        answer = self.scheduler.collector.poll(self.scheduler.own_jobs, interval_s=self.settings.interval_s)
        if answer is None or answer.as_of == self._duplicates_as_of:
            return
        self._duplicates_as_of = answer.as_of
        by_key: dict[str, list[Job]] = {}
        for job in filter(alive, answer.value):
            for word in carries(job):
                by_key.setdefault(word, []).append(job)
        for folder, _ in jobs:
            living = by_key.get(key_of(folder.job_id), [])
            if len(living) > 1:
                self._keep_one(folder, living, ids[folder.job_id])

    def _keep_one(self, folder: JobFolder, living: Sequence[Job], known: str | None) -> str:
        """End all jobs of a key but one; the claim is made in its name first, so that no other can run."""
        claim = folder.claim() or folder.reserve(f"{self.kind}.{keeper(living, known).job_id}")
        log.warning(
            "job %s: the scheduler has %d jobs of its key; %s stays", folder.job_id, len(living), claim.name
        )
        for job in living:
            if claim.kind == VOID or job.job_id != claim.name:
                self.canceller.ask(job.job_id)
        return claim.name


def _unheard(started_at: float | None) -> Observed:
    """Return what is known of a job of which the scheduler has said nothing yet."""
    state = JobState.QUEUED if started_at is None else JobState.ACTIVE
    return Observed(status=JobStatus(state=state, started_at=started_at))


def _said(answer: Mapping[str, object]) -> str:
    return str(answer.get("failed", "")).rstrip("\n")
