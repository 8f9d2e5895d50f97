"""
Jobs, from ``bjobs -json``.

Source: "bjobs" in the LSF command reference, 10.1: its options ``-o``, ``-json`` and ``-a``, and "Job states".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import CommandFailed, OutputUnreadable, tail
from radical_edge_core.schedulers.records import Job, Phase
from radical_edge_core.schedulers.values import count, epoch, present

_FIELDS = (
    "jobid", "jobindex", "job_name", "user", "queue", "stat", "slots", "nexec_host", "exec_host", "run_time",
    "runtimelimit", "submit_time", "start_time", "finish_time", "job_priority", "project", "pend_reason",
    "exit_code", "exit_reason", "job_description",
)  # fmt: skip
_PHASES: Mapping[str, Phase] = {
    "PEND": "pending", "PROV": "pending", "WAIT": "pending", "RUN": "running", "PSUSP": "suspended",
    "SSUSP": "suspended", "USUSP": "suspended", "DONE": "over", "EXIT": "over", "ZOMBI": "over",
    "UNKWN": "unknown",
}  # fmt: skip
_NOBODY = re.compile(
    r"no (?:unfinished |matching |pending |running )?jobs? found|is not found", re.IGNORECASE
)
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?(?![0-9])")
_MARK = re.compile(r"\s+[LXE]$")  # behind a time: estimated, or a limit's
_SIGNAL_BASE = 128


def ask_jobs(runner: Runner, arguments: Sequence[str]) -> tuple[Job, ...]:
    """Run ``bjobs`` with some more arguments, and return the jobs it names."""
    try:
        output = runner.run(["bjobs", "-json", "-o", " ".join(_FIELDS), *arguments], ends_well=(0, 255))
    except CommandFailed as failure:
        if _NOBODY.search(str(failure.data.get("stderr", ""))):
            return ()
        raise
    if not output.stdout.strip() and output.return_code and not _NOBODY.search(output.stderr):
        raise CommandFailed(
            f"bjobs ended with code {output.return_code}: {tail(output.stderr) or 'no message'}",
            command="bjobs", return_code=output.return_code, stderr=tail(output.stderr),
        )  # fmt: skip
    return read_jobs(output.stdout)


def read_jobs(text: str) -> tuple[Job, ...]:
    """
    Read what ``bjobs -json`` printed.

    Raises:
        OutputUnreadable: It is no JSON, or has no records where they belong.
    """
    if not text.strip():
        return ()
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError as exc:
        raise OutputUnreadable(f"bjobs' JSON is none: {exc}", stdout=tail(text)) from exc
    records = document.get("RECORDS", []) if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise OutputUnreadable("bjobs' JSON has no records", stdout=tail(text))
    return tuple(
        _job({str(name): str(value) for name, value in record.items()})
        for record in records
        if isinstance(record, dict) and "ERROR" not in record
    )


def hosts(exec_host: str) -> dict[str, int]:
    """Return the slots by host in ``4*node1:node2``."""
    found: dict[str, int] = {}
    for part in filter(None, present(exec_host).split(":")):
        number, star, host = part.partition("*")
        found[host if star else part] = found.get(host, 0) + ((count(number) or 1) if star else 1)
    return found


def _job(told: Mapping[str, str]) -> Job:
    state = told.get("STAT", "UNKWN")
    phase = _PHASES.get(state, "unknown")
    index = present(told.get("JOBINDEX", ""))
    where = hosts(told.get("EXEC_HOST", ""))
    slots = count(told.get("SLOTS", "")) or sum(where.values())
    limit_min = _minutes(told.get("RUNTIMELIMIT", ""))
    code = count(told.get("EXIT_CODE", "")) if phase == "over" else None
    if state == "DONE":
        code = 0
    reason = present(told.get("PEND_REASON", "") or told.get("EXIT_REASON", ""))
    job_id = told.get("JOBID", "")
    return Job(
        job_id=f"{job_id}[{index}]" if index and index != "0" and "[" not in job_id else job_id,
        raw_id=job_id,
        job_name=told.get("JOB_NAME", ""),
        user=told.get("USER", ""),
        partition=present(told.get("QUEUE", "")),
        state=state,
        phase=phase,
        nodes=count(told.get("NEXEC_HOST", "")) or len(where),
        cpus=slots or 0,
        time_limit=limit_min,
        time_used=_first_number(told.get("RUN_TIME", "")) or 0,
        submit_time=_instant(told.get("SUBMIT_TIME", "")),
        start_time=_instant(told.get("START_TIME", "")),
        end_time=_instant(told.get("FINISH_TIME", "")),
        priority=count(told.get("JOB_PRIORITY", "")) or 0,
        account=present(told.get("PROJECT", "")),
        node_list=",".join(where),
        reason=reason,
        reason_text=reason,
        comment=present(told.get("JOB_DESCRIPTION", "")),
        walltime=None if limit_min is None else limit_min * 60,
        exit_code=code,
        signal=code - _SIGNAL_BASE if code is not None and _SIGNAL_BASE < code < _SIGNAL_BASE + 65 else None,
    )


def _minutes(text: str) -> int | None:
    """Read a run limit: ``60.0`` or ``60.0/hostA``, minutes."""
    match = _NUMBER.match(text.strip())
    return None if match is None else round(float(match[0]))


def _first_number(text: str) -> int | None:
    match = _NUMBER.search(text)
    return None if match is None else int(float(match[0]))


def _instant(text: str) -> int | None:
    return epoch(_MARK.sub("", text.strip()))
