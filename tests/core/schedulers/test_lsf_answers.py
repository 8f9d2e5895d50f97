"""LSF's answers, as records."""

from __future__ import annotations

import pytest

from radical_edge_core.schedulers import CommandFailed, OutputUnreadable
from radical_edge_core.schedulers.lsf import jobs, queues


def test_jobs(recorded) -> None:
    """Every field of the contract, in its unit; what is no job is left out."""
    found = {job.job_id: job for job in jobs.read_jobs(recorded("lsf/bjobs.json"))}
    assert list(found) == ["4711", "4712[3]", "4700"]
    assert found["4711"] == jobs.Job(
        job_id="4711", raw_id="4711", job_name="relax", user="alice", partition="normal", state="RUN", phase="running",
        nodes=2, cpus=8, time_limit=240, time_used=605, submit_time=1795575600, start_time=1795576200,
        end_time=1795590600, priority=50, account="physics", node_list="hostA,hostB", walltime=14400,
    )  # fmt: skip
    assert (found["4712[3]"].phase, found["4712[3]"].reason) == (
        "pending",
        "New job is waiting for scheduling;",
    )
    assert found["4712[3]"].time_limit is None
    assert (found["4700"].phase, found["4700"].exit_code, found["4700"].signal) == ("over", 137, 9)


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"RECORDS": {}}'])
def test_json_that_is_none_is_unreadable(text: str) -> None:
    """And is never taken for an empty queue."""
    with pytest.raises(OutputUnreadable):
        jobs.read_jobs(text)


def test_no_jobs_is_no_failure(runner, stand_ins) -> None:
    """Although LSF ends with 255."""
    stand_ins.program("bjobs", stderr="No unfinished job found", code=255)
    assert jobs.ask_jobs(runner, ["-u", "me"]) == ()


def test_a_failure_is_one(runner, stand_ins) -> None:
    """LSF ends with 255 for everything."""
    stand_ins.program("bjobs", stderr="Failed in an LSF library call: LIM is down; try later", code=255)
    with pytest.raises(CommandFailed, match="LIM is down"):
        jobs.ask_jobs(runner, [])


def test_queues_and_their_hosts(recorded) -> None:
    """Groups are resolved, preferences ignored."""
    hosts = queues.with_machines(
        queues.read_hosts(recorded("lsf/bhosts.txt")), queues.read_machines(recorded("lsf/lshosts.txt"))
    )
    groups = {"big": ("hostA", "hostB")}
    found = {
        each.name: each
        for each in queues.join(queues.read_queues(recorded("lsf/bqueues.txt")), hosts, groups)
    }
    assert found["normal"] == queues.Queue(
        name="normal", state="UP", time_limit=240, default=True, nodes_total=3, nodes_available=2, nodes_idle=1,
        nodes_used=1, nodes_down=1, cpus_total=20, cpus_idle=8, cpus_per_node=8, mem_per_node_mb=31744, gpus_per_node=0,
        max_jobs_per_user=16, features=("bigmem", "gpu"), walltime_max=14400, walltime_default=1800, jobs_running=8,
        jobs_pending=2,
    )  # fmt: skip
    night = found["night"]
    assert (night.state, night.time_limit, night.nodes_total, night.default) == (
        "DOWN",
        "UNLIMITED",
        3,
        False,
    )
    placed = queues.with_queues(hosts, queues.read_queues(recorded("lsf/bqueues.txt")), groups)
    assert {node.name: node.partitions for node in placed} == {
        "hostA": ("night", "normal"), "hostB": ("night", "normal"), "hostC": ("night", "normal"),
    }  # fmt: skip
