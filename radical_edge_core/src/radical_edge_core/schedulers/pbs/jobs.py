"""
Jobs, from ``qstat -f``: as JSON where it can, else as text.

The JSON of some versions is none (a user's text in it is not escaped), and Torque has no such option; the text
says the same.

Sources: qstat(1B) of OpenPBS 20 to 23, "Job States" and "Job Attributes" of its Reference Guide.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

import msgspec

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import CommandFailed, OutputUnreadable, tail
from radical_edge_core.schedulers.records import Job, Phase
from radical_edge_core.schedulers.tables import read_blocks
from radical_edge_core.schedulers.values import count, epoch, minutes, seconds, whole

# Letter -> long word and phase.
STATES: Mapping[str, tuple[str, Phase]] = {
    "B": ("BEGUN", "running"),  # an array with tasks that run
    "C": ("COMPLETED", "over"),  # Torque
    "E": ("EXITING", "running"),
    "F": ("FINISHED", "over"),
    "H": ("HELD", "pending"),
    "M": ("MOVED", "over"),  # to another server
    "Q": ("QUEUED", "pending"),
    "R": ("RUNNING", "running"),
    "S": ("SUSPENDED", "suspended"),
    "T": ("TRANSIT", "pending"),
    "U": ("SUSPENDED", "suspended"),  # because the workstation's user is back
    "W": ("WAITING", "pending"),
    "X": ("EXPIRED", "over"),  # a task of an array that ended
}
# A job that PBS does not know (or that is over) among those asked for; the others are printed all the same.
_UNKNOWN = (35, 153)
_HOST = re.compile(r"(?:^|\+)([^/+]+)/")
_KILLED = 256  # PBS adds it to the number of the signal that ended a job


def ask_jobs(runner: Runner, arguments: Sequence[str] = ()) -> tuple[Job, ...]:
    """Run ``qstat -f`` for some jobs, or for all; ids that PBS does not know are left out."""
    ends_well = (0, *_UNKNOWN) if arguments else (0,)
    try:
        output = runner.run(["qstat", "-f", "-F", "json", *arguments], ends_well=ends_well)
        return read_json(output.stdout)
    except CommandFailed as failure:
        if "option" not in str(failure.data.get("stderr", "")):
            raise
    except OutputUnreadable:
        pass
    return read_text(runner.run(["qstat", "-f", *arguments], ends_well=ends_well).stdout)


def read_json(text: str) -> tuple[Job, ...]:
    """
    Read what ``qstat -f -F json`` printed.

    Raises:
        OutputUnreadable: It is no JSON, or has no jobs where they belong.
    """
    if not text.strip():
        return ()
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError as exc:
        raise OutputUnreadable(f"qstat's JSON is none: {exc}", stdout=tail(text)) from exc
    jobs = document.get("Jobs", {}) if isinstance(document, dict) else None
    if not isinstance(jobs, dict):
        raise OutputUnreadable("qstat's JSON has no jobs", stdout=tail(text))
    return tuple(_job(name, flat(attributes)) for name, attributes in jobs.items())


def read_text(text: str) -> tuple[Job, ...]:
    """Read what ``qstat -f`` printed."""
    return tuple(
        _job(head.partition(":")[2].strip(), attributes)
        for head, attributes in read_blocks(text)
        if head.startswith("Job Id:")
    )


def flat(attributes: object, before: str = "") -> dict[str, str]:
    """Return nested attributes as the text has them: ``Resource_List.walltime``."""
    if not isinstance(attributes, Mapping):
        return {before: str(attributes)}
    found: dict[str, str] = {}
    for name, value in attributes.items():
        found |= flat(value, f"{before}.{name}" if before else str(name))
    return found


def hosts(exec_host: str) -> tuple[str, ...]:
    """Return the hosts in ``node1/0*4+node2/0``, each once."""
    return tuple(dict.fromkeys(_HOST.findall(exec_host)))


def _job(job_id: str, told: Mapping[str, str]) -> Job:
    state, phase = STATES.get(told.get("job_state", ""), (told.get("job_state", "UNKNOWN"), "unknown"))
    limit = seconds(told.get("Resource_List.walltime", ""))
    start = epoch(told.get("stime", "") or told.get("start_time", ""))
    used = seconds(told.get("resources_used.walltime", ""))
    if used is None and start is not None and phase == "running":
        used = max(0.0, time.time() - start)
    where = hosts(told.get("exec_host", ""))
    code, signal = (
        _ending(told.get("Exit_status", told.get("exit_status", ""))) if phase == "over" else (None, None)
    )
    return Job(
        job_id=job_id,
        raw_id=job_id.partition(".")[0],
        job_name=told.get("Job_Name", ""),
        user=told.get("euser") or told.get("Job_Owner", "").partition("@")[0],
        partition=told.get("queue", ""),
        state=state,
        phase=phase,
        nodes=count(told.get("Resource_List.nodect", "")) or len(where),
        cpus=count(told.get("Resource_List.ncpus", "")) or 0,
        time_limit=minutes(limit),
        time_used=int(used or 0),
        submit_time=epoch(told.get("qtime", "") or told.get("ctime", "")),
        start_time=start,
        end_time=epoch(told.get("obittime", "") or told.get("comp_time", "")) if phase == "over" else None,
        priority=count(told.get("Priority", "")) or 0,
        account=_account(told),
        node_list=",".join(where),
        reason=told.get("comment", ""),
        reason_text=told.get("comment", ""),
        walltime=whole(limit),
        exit_code=code,
        signal=signal,
    )


def _account(told: Mapping[str, str]) -> str:
    project = told.get("project", "")
    return told.get("Account_Name") or ("" if project == "_pbs_project_default" else project)


def _ending(status: str) -> tuple[int | None, int | None]:
    try:
        number = int(status)
    except ValueError:
        return None, None
    return (None, number - _KILLED) if number > _KILLED else (number, None)
