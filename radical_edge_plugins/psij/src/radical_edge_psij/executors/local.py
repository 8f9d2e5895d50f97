"""
Jobs of this machine, through PSI/J's ``local`` executor.

PSI/J starts the folder's shim and is not asked anything afterwards: it forgets its jobs when the edge ends,
and calls every attached one COMPLETED. The folder says what became of the job
(``radical_edge_core.jobs.local``).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from radical_edge_core.jobs.claim import VOID
from radical_edge_core.jobs.environment import clean_environment
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.local import observe, pursue_cancel
from radical_edge_core.jobs.process import boot_id, find
from radical_edge_core.jobs.status import JobState, JobStatus
from radical_edge_psij.executors.base import NotSubmitted, Observed
from radical_edge_psij.executors.library import local_executor, missing_programs, psij
from radical_edge_psij.models import JobSpec

log = logging.getLogger(__name__)
_START_S = 10.0  # a shim whose launcher is gone has that long to claim its folder


class LocalExecutor:
    """
    Runs jobs on the edge's own machine.

    Args:
        state_dir: Where PSI/J may keep its launcher's scripts.
        grace_s: How long a job that is to end may clean up.
    """

    name = "local"
    kind = "local"

    def __init__(self, state_dir: Path, grace_s: float) -> None:
        self._folders = (state_dir / "launcher", Path.home() / ".psij" / "work")
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._pursuing = threading.Lock()
        self._executor: Any = None
        self._orphaned: dict[str, float] = {}
        self._problem: str | None = None

    def problem(self) -> str:
        """Say why no job can be started here; empty where one can."""
        if self._problem is None:
            missing = missing_programs("bash", "setsid")
            self._problem = f"not on the path: {', '.join(missing)}" if missing else ""
            if not boot_id():
                self._problem = "jobs of the edge's own machine need Linux"
        return self._problem

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        """Start a job; return the process id of PSI/J's launcher."""
        library = psij()
        program, *arguments = folder.shim_command()
        job = library.Job(
            library.JobSpec(
                executable=program,
                arguments=arguments,
                directory=folder.path,
                environment=clean_environment(os.environ, inherit=spec.inherit_environment),
                inherit_environment=False,
                launcher="single",
            )
        )
        try:
            self._instance().submit(job)
        except (library.SubmitException, library.InvalidJobException, OSError) as exc:
            cause = getattr(exc, "exception", None) or exc
            raise NotSubmitted(f"the job could not be started: {cause}") from exc
        return str(job.native_id)

    def check(self, spec: JobSpec) -> None:
        """Take everything: nothing is handed to a scheduler here."""

    def find(self, folder: JobFolder) -> str | None:
        """Return nothing: what runs has a claim, and what has none after an edge's end does not run."""

    def close(self) -> None:
        """Leave the jobs alone."""

    def observe(self, jobs: Sequence[tuple[JobFolder, str | None]]) -> Mapping[str, Observed]:
        """Return what the folders say; those whose end is asked for are pursued."""
        found: dict[str, Observed] = {}
        for folder, native_id in jobs:
            try:
                found[folder.job_id] = Observed(status=self._observe(folder, native_id))
            except OSError as exc:
                log.warning("job %s can't be looked at: %s", folder.job_id, exc)
        return found

    def cancel(self, folder: JobFolder, native_id: str | None) -> None:
        """Send TERM, or take the claim of a job that has not begun."""
        del native_id  # PSI/J's launcher: not the job
        self._pursue(folder)

    def _observe(self, folder: JobFolder, native_id: str | None) -> JobStatus:
        if folder.cancel_asked():
            self._pursue(folder)
        status = observe(folder)
        if status.state is JobState.QUEUED and self._will_not_start(folder, native_id):
            status = observe(folder)
            status = evolve(status, message=f"{status.message}{_last_words(folder)}")
        return status

    def _pursue(self, folder: JobFolder) -> None:
        with self._pursuing:  # impatient callers are not as many signals
            pursue_cancel(folder, self._grace_s)

    def _instance(self) -> Any:
        with self._lock:
            if self._executor is None:
                self._executor = local_executor(self._folders)
            return self._executor

    def _will_not_start(self, folder: JobFolder, native_id: str | None) -> bool:
        """Withdraw a folder whose launcher is gone and that nobody claimed; say whether that is so now."""
        if native_id is None or (native_id.isdigit() and find(int(native_id)) is not None):
            self._orphaned.pop(folder.job_id, None)
            return False
        since = self._orphaned.setdefault(folder.job_id, time.monotonic())
        if time.monotonic() - since < _START_S:
            return False
        del self._orphaned[folder.job_id]
        return folder.withdraw("unstarted").kind == VOID


def _last_words(folder: JobFolder) -> str:
    try:
        lines = (folder.path / "shim.log").read_text(errors="replace").split("\n")
    except OSError:
        return ""
    said = [line for line in lines if line.strip()]
    return f": {said[-1][-200:]}" if said else ""
