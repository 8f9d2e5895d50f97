"""Jobs, from ``squeue`` and ``sacct``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.records import Job
from radical_edge_core.schedulers.slurm.phases import read_state
from radical_edge_core.schedulers.slurm.reasons import explain
from radical_edge_core.schedulers.tables import new_separator, read_table
from radical_edge_core.schedulers.values import count, epoch, minutes, present, seconds, whole

# Column -> squeue's code. The first and the last hold no line ends; what users write stands between.
QUEUE_COLUMNS = {
    "raw_id": "%A", "job_id": "%i", "job_name": "%j", "comment": "%k", "reason": "%r", "state": "%T",
    "partition": "%P", "account": "%a", "qos": "%q", "nodes": "%D", "cpus": "%C", "limit": "%l", "used": "%M",
    "submit": "%V", "start": "%S", "end": "%e", "priority": "%Q", "node_list": "%N", "user": "%u",
}  # fmt: skip
ACCOUNTING_COLUMNS = {
    "raw_id": "JobIDRaw", "job_id": "JobID", "job_name": "JobName", "comment": "Comment", "state": "State",
    "exit": "ExitCode", "partition": "Partition", "account": "Account", "qos": "QOS", "nodes": "NNodes",
    "cpus": "NCPUS", "limit": "TimelimitRaw", "used": "ElapsedRaw", "submit": "Submit", "start": "Start",
    "end": "End", "priority": "Priority", "node_list": "NodeList", "user": "User",
}  # fmt: skip
# A command line has room for these at least, whatever their length.
MAX_IDS = 500


def ask_queue(runner: Runner, arguments: Sequence[str]) -> tuple[Job, ...]:
    """Run ``squeue`` with some more arguments, and return the jobs it names."""
    separator = new_separator()
    shape = separator.join(QUEUE_COLUMNS.values())
    output = runner.run(["squeue", "--noheader", f"--format={shape}", *arguments])
    return read_queue(output.stdout, separator)


def read_queue(text: str, separator: str) -> tuple[Job, ...]:
    """Read what ``squeue`` printed in the shape of ``ask_queue``."""
    return tuple(_queued(row) for row in read_table(text, tuple(QUEUE_COLUMNS), separator))


def ask_accounting(runner: Runner, arguments: Sequence[str]) -> tuple[Job, ...]:
    """Run ``sacct`` for whole jobs with some more arguments, and return the jobs it names."""
    separator = new_separator()
    output = runner.run(
        [
            "sacct", "--allocations", "--noheader", "--parsable2", f"--delimiter={separator}",
            f"--format={','.join(ACCOUNTING_COLUMNS.values())}", *arguments,
        ]
    )  # fmt: skip
    return read_accounting(output.stdout, separator)


def ask_accounting_of(runner: Runner, ids: Iterable[str]) -> tuple[Job, ...]:
    """Run ``sacct`` for some jobs, in as few calls as their number allows."""
    wanted = sorted(set(ids))
    found: list[Job] = []
    for begin in range(0, len(wanted), MAX_IDS):
        found += ask_accounting(runner, [f"--jobs={','.join(wanted[begin : begin + MAX_IDS])}"])
    return tuple(found)


def read_accounting(text: str, separator: str) -> tuple[Job, ...]:
    """Read what ``sacct`` printed in the shape of ``ask_accounting``; a requeued job's last run is its row."""
    rows = read_table(text, tuple(ACCOUNTING_COLUMNS), separator)
    return tuple({job.job_id: job for job in map(_accounted, rows)}.values())


def _queued(row: Mapping[str, str]) -> Job:
    state, phase = read_state(row["state"])
    reason = present(row["reason"])
    return Job(
        job_id=row["job_id"],
        raw_id=row["raw_id"],
        job_name=row["job_name"],
        user=row["user"],
        partition=present(row["partition"]),
        state=state,
        phase=phase,
        nodes=count(row["nodes"]) or 0,
        cpus=count(row["cpus"]) or 0,
        time_limit=minutes(seconds(row["limit"])),
        time_used=int(seconds(row["used"]) or 0),
        submit_time=epoch(row["submit"]),
        start_time=epoch(row["start"]),
        end_time=epoch(row["end"]),
        priority=count(row["priority"]) or 0,
        account=present(row["account"]),
        node_list=present(row["node_list"]),
        qos=present(row["qos"]),
        reason=reason,
        reason_text=explain(reason),
        comment=_written(row["comment"]),
        walltime=whole(seconds(row["limit"])),
    )


def _accounted(row: Mapping[str, str]) -> Job:
    state, phase = read_state(row["state"])
    code, _, signal = row["exit"].partition(":")
    over = phase == "over"
    limit_min = count(row["limit"])  # a word where there is none
    return Job(
        job_id=row["job_id"],
        raw_id=row["raw_id"],
        job_name=row["job_name"],
        user=row["user"],
        partition=present(row["partition"]),
        state=state,
        phase=phase,
        nodes=count(row["nodes"]) or 0,
        cpus=count(row["cpus"]) or 0,
        time_limit=limit_min,
        time_used=count(row["used"]) or 0,
        submit_time=epoch(row["submit"]),
        start_time=epoch(row["start"]),
        end_time=epoch(row["end"]),
        priority=count(row["priority"]) or 0,
        account=present(row["account"]),
        node_list="" if row["node_list"].strip() == "None assigned" else present(row["node_list"]),
        qos=present(row["qos"]),
        comment=_written(row["comment"]),
        walltime=None if limit_min is None else limit_min * 60,
        exit_code=count(code) if over else None,
        signal=(count(signal) or None) if over else None,
    )


def _written(text: str) -> str:
    return "" if text == "(null)" else text
