"""PBS's answers, as records."""

from __future__ import annotations

import pytest

from radical_edge_core.schedulers import OutputUnreadable
from radical_edge_core.schedulers.pbs import jobs, queues


def test_jobs_from_json(recorded) -> None:
    """Every field of the contract, in its unit."""
    found = {job.raw_id: job for job in jobs.read_json(recorded("pbs/qstat.json"))}
    assert found["4101"] == jobs.Job(
        job_id="4101.pbs-1", raw_id="4101", job_name="relax run", user="alice", partition="prod", state="RUNNING",
        phase="running", nodes=2, cpus=64, time_limit=360, time_used=3605, submit_time=1795575601,
        start_time=1795576200, priority=50, account="physics", node_list="x1001,x1002",
        reason="Job run at Wed Nov 25 at 03:10 on (x1001:ncpus=32)+(x1002:ncpus=32)",
        reason_text="Job run at Wed Nov 25 at 03:10 on (x1001:ncpus=32)+(x1002:ncpus=32)", walltime=21600,
    )  # fmt: skip
    waits = found["4102"]
    assert (waits.state, waits.phase, waits.time_limit, waits.walltime, waits.account) == (
        "QUEUED", "pending", 31, 1830, "astro",
    )  # fmt: skip
    assert (found["4103[]"].phase, found["4103[]"].time_limit) == ("running", None)
    assert (found["4090"].exit_code, found["4090"].signal, found["4090"].phase) == (None, 9, "over")
    assert (found["4091"].exit_code, found["4091"].signal) == (3, None)


def test_text_says_the_same(recorded) -> None:
    """Where the JSON is none, or there is no such option."""
    by_json = {job.job_id: job for job in jobs.read_json(recorded("pbs/qstat.json"))}
    by_text = {job.job_id: job for job in jobs.read_text(recorded("pbs/qstat.txt"))}
    assert by_text["4101.pbs-1"] == by_json["4101.pbs-1"]


@pytest.mark.parametrize(
    "text", ['{"Jobs": {"1": {"Variable_List": {"A": "\\x"}}}}', "[]", '{"Jobs": []}', "<html>"]
)
def test_json_that_is_none_is_unreadable(text: str) -> None:
    """And is never taken for an empty queue."""
    with pytest.raises(OutputUnreadable):
        jobs.read_json(text)


def test_broken_json_falls_back_to_text(runner, stand_ins, recorded) -> None:
    """Some versions do not escape what users write."""
    stand_ins.program("qstat", recorded("pbs/qstat.txt"))
    assert [job.job_id for job in jobs.ask_jobs(runner)] == ["4101.pbs-1", "4102.pbs-1"]
    assert stand_ins.calls("qstat") == ["-f -F json", "-f"]


def test_unknown_ids_are_left_out(runner, stand_ins, recorded) -> None:
    """PBS says so of one, and tells of the others."""
    stand_ins.program("qstat", recorded("pbs/qstat.json"), stderr="qstat: Unknown Job Id 1.pbs-1", code=153)
    assert len(jobs.ask_jobs(runner, ["-x", "4101", "1"])) == 5


def test_queues_and_their_nodes(recorded) -> None:
    """Nodes bound to a queue, nodes with a resource, and the rest."""
    hosts = queues.read_hosts(recorded("pbs/nodes.txt"))
    found = {
        each.name: each for each in queues.join(queues.read_queues(recorded("pbs/queues.txt")), hosts, "prod")
    }
    assert found["prod"] == queues.Queue(
        name="prod", state="UP", time_limit=1440, default=True, nodes_total=3, nodes_available=2, nodes_idle=1,
        nodes_used=1, nodes_down=1, cpus_total=96, cpus_idle=32, cpus_per_node=32, mem_per_node_mb=515305,
        gpus_per_node=4, max_jobs_per_user=10, walltime_min=300, walltime_max=86400, walltime_default=3600, nodes_min=2,
        nodes_max=496, jobs_running=8, jobs_pending=4,
    )  # fmt: skip
    assert [(each.name, each.state, each.nodes_total, each.time_limit) for each in found.values()] == [
        ("route", "UP", 0, "UNLIMITED"), ("prod", "UP", 3, 1440), ("debug", "DOWN", 1, "UNLIMITED"),
        ("gpu", "DRAIN", 1, "UNLIMITED"),
    ]  # fmt: skip


def test_nodes_know_their_queues(recorded) -> None:
    """And why they are away."""
    hosts = queues.read_hosts(recorded("pbs/nodes.txt"))
    found = {
        node.name: node for node in queues.with_queues(hosts, queues.read_queues(recorded("pbs/queues.txt")))
    }
    assert found["x1001"].partitions == ("prod", "gpu")
    assert found["d1"].partitions == ("debug",)
    assert (found["x1003"].state, found["x1003"].available, found["x1003"].reason) == (
        "OFFLINE,DOWN",
        False,
        "fan broken",
    )
