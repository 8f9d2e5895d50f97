"""The operations, through the application that the edge mounts."""

from __future__ import annotations

import pytest

from radical_edge_core.errors import Forbidden, InvalidRequest, NotFound

QUEUE = {
    "name", "state", "time_limit", "default", "nodes_total", "nodes_available", "nodes_idle", "cpus_per_node",
    "mem_per_node_mb", "gpus_per_node", "max_jobs_per_user", "features", "walltime_min", "walltime_max", "nodes_min",
    "nodes_max",
}  # fmt: skip
JOB = {
    "job_id", "job_name", "user", "partition", "state", "nodes", "cpus", "time_limit", "time_used", "submit_time",
    "start_time", "priority", "account", "node_list",
}  # fmt: skip
ALLOCATION = {
    "account", "user", "fairshare", "qos", "max_jobs", "max_submit", "max_wall", "grp_tres", "allocated_node_hours",
    "used_node_hours", "remaining_node_hours",
}  # fmt: skip


@pytest.mark.usefixtures("busy_slurm")
async def test_queues_have_every_field_of_the_contract(host) -> None:
    """By name, in its units."""
    async with host() as h:
        answer = await h.get("get_info", await h.open())
    queues = answer["queues"]
    assert list(queues) == ["debug", "batch", "gpu", "restricted"]
    assert all(queue.keys() >= QUEUE and queue["name"] == name for name, queue in queues.items())
    assert (queues["batch"]["time_limit"], queues["batch"]["walltime_max"]) == (2880, 172800)
    assert (queues["restricted"]["time_limit"], queues["restricted"]["walltime_max"]) == ("UNLIMITED", None)
    assert queues["debug"]["default"] is True
    assert queues["gpu"]["gpus_per_node"] == 2
    assert queues["batch"]["features"] == ["amd", "avx2", "bigmem", "intel"]
    assert (queues["debug"]["jobs_running"], queues["debug"]["jobs_pending"]) == (1, 11)


@pytest.mark.usefixtures("busy_slurm")
async def test_the_same_as_a_list(host) -> None:
    """For tables and bars."""
    async with host() as h:
        sid = await h.open()
        by_name = (await h.get("get_info", sid))["queues"]
        assert (await h.get("list_queues", sid))["queues"] == list(by_name.values())


@pytest.mark.usefixtures("busy_slurm")
async def test_jobs_have_every_field_of_the_contract(host) -> None:
    """In its units, with the scheduler's long words."""
    async with host() as h:
        jobs = (await h.get("list_all_jobs", await h.open(), user="*"))["jobs"]
    assert len(jobs) == 25
    assert all(job.keys() >= JOB for job in jobs)
    running = next(job for job in jobs if job["job_id"] == "6")
    assert {name: running[name] for name in sorted(JOB)} == {
        "account": "physics", "cpus": 4, "job_id": "6", "job_name": "running_long", "node_list": "c[3-4]", "nodes": 2,
        "partition": "batch", "priority": 11027, "start_time": 1795461359, "state": "RUNNING",
        "submit_time": 1795461359, "time_limit": 30, "time_used": 57, "user": "hpcuser",
    }  # fmt: skip


async def test_absent_is_the_edge_s_user_and_a_star_is_everybody(host, busy_slurm) -> None:
    """The edge's own user is named to the scheduler."""
    async with host() as h:
        scheduler = await h.plugin.scheduler()
        sid = await h.open()
        assert {job["user"] for job in (await h.get("list_all_jobs", sid))["jobs"]} <= {scheduler.user}
        assert {job["user"] for job in (await h.get("list_all_jobs", sid, user="*"))["jobs"]} == {
            "root",
            "hpcuser",
        }
        named = (await h.get("list_jobs", sid, "debug", user="hpcuser"))["jobs"]
        assert {(job["user"], job["partition"]) for job in named} == {("hpcuser", "debug")}
        assert (await h.get("list_jobs", sid, "no such", user="*"))["jobs"] == []
    assert any(f"--user={scheduler.user}" in call for call in busy_slurm.calls("squeue"))


async def test_a_user_s_name_is_no_option(host, busy_slurm) -> None:
    """It never reaches a command line."""
    async with host() as h:
        sid = await h.open()
        for operation in ("list_all_jobs", "list_allocations"):
            await h.get(operation, sid, user="--help;id")
    for program in ("squeue", "sacctmgr", "sshare"):
        assert not any("help" in call for call in busy_slurm.calls(program))


@pytest.mark.usefixtures("busy_slurm")
async def test_allocations_have_every_field_of_the_contract(host) -> None:
    """Node hours from the budget of the account."""
    async with host() as h:
        (found,) = (await h.get("list_allocations", await h.open(), user="root"))["allocations"]
    assert found.keys() >= ALLOCATION
    assert (found["allocated_node_hours"], found["used_node_hours"], found["remaining_node_hours"]) == (
        10.0,
        1.0,
        9.0,
    )


async def test_nodes_and_reservations(host, busy_slurm, sinfo_nodes) -> None:
    """What is away says why."""
    busy_slurm.program("sinfo", sinfo_nodes)
    busy_slurm.program("scontrol", "No reservations in the system\n")
    async with host(scheduler="slurm") as h:
        sid = await h.open()
        nodes = {node["name"]: node for node in (await h.get("nodes", sid, force="true"))["nodes"]}
        assert (nodes["c4"]["state"], nodes["c4"]["reason"], nodes["c4"]["available"]) == (
            "DRAINED",
            "disk full",
            False,
        )
        assert nodes["c3"]["partitions"] == ["batch", "restricted"]
        assert (await h.get("reservations", sid))["reservations"] == []


async def test_cancel(host, busy_slurm) -> None:
    """The answer of the contract, and one command."""
    async with host() as h:
        assert await h.post("cancel", await h.open(), "9_2") == {"job_id": "9_2", "status": "canceled"}
    assert busy_slurm.calls("scancel") == ["--verbose 9_2"]


async def test_what_cancel_refuses(host, busy_slurm) -> None:
    """422, 404 and 403."""
    async with host() as h:
        sid = await h.open()
        for odd in ("--user=root", "all", "1 2", "1;2"):
            with pytest.raises(InvalidRequest):
                await h.post("cancel", sid, odd)
        assert not busy_slurm.calls("scancel")
        busy_slurm.program(
            "scancel", stderr="scancel: error: Kill job error on job id 3: Invalid job id specified"
        )
        with pytest.raises(NotFound):
            await h.post("cancel", sid, "3")
        busy_slurm.program(
            "scancel", stderr="scancel: error: Kill job error: Access/permission denied", code=210
        )
        with pytest.raises(Forbidden):
            await h.post("cancel", sid, "3")


@pytest.mark.usefixtures("busy_slurm")
async def test_which_scheduler_is_here(host) -> None:
    """Both without a session."""
    async with host() as h:
        assert await h.get("backend") == {"backend": "slurm"}
        assert await h.get("is_enabled") == {"available": True}
        assert (await h.get("health"))["backend"] == "slurm"


@pytest.mark.parametrize("config", [{}, {"scheduler": "none"}])
async def test_without_a_scheduler_every_list_is_empty(host, config, monkeypatch) -> None:
    """And says so; nothing is an error but to end a job."""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setattr("radical_edge_core.schedulers.command.USUAL_FOLDERS", ())
    async with host(slurm=False, **config) as h:
        sid = await h.open()
        assert await h.get("backend") == {"backend": "none"}
        assert await h.get("is_enabled") == {"available": False}
        assert await h.get("job_allocation") == {"allocation": None}
        assert (await h.get("get_info", sid))["queues"] == {}
        for operation, items in (
            ("list_queues", "queues"), ("list_all_jobs", "jobs"), ("list_allocations", "allocations"),
            ("nodes", "nodes"), ("reservations", "reservations"),
        ):  # fmt: skip
            assert (await h.get(operation, sid))[items] == []
        assert (await h.get("list_jobs", sid, "debug"))["jobs"] == []
        with pytest.raises(NotFound):
            await h.post("cancel", sid, "1")


@pytest.mark.usefixtures("busy_slurm")
async def test_the_allocation_that_the_edge_runs_in(host, monkeypatch) -> None:
    """In a job the whole record; with no details of it a failure."""
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("SLURM_JOBID", raising=False)
    async with host() as h:
        assert await h.get("job_allocation") == {"allocation": None}
        monkeypatch.setenv("SLURM_JOB_ID", "7")
        monkeypatch.setenv("SLURM_JOB_GPUS", "0")
        monkeypatch.setenv("SLURM_JOB_CPUS_PER_NODE", "1")
        assert await h.get("job_allocation") == {
            "allocation": {
                "job_id": "7", "partition": "gpu", "n_nodes": 1, "nodelist": "g1", "cpus_per_node": 1,
                "gpus_per_node": 1, "account": "physics", "job_name": "gpu_run", "runtime": 1200,
            }
        }  # fmt: skip
        monkeypatch.setenv("SLURM_JOB_ID", "4711")
        answer = await h.request("GET", "job_allocation")
        assert (answer.status, answer.json["code"]) == (500, "plugin_failure")


@pytest.mark.usefixtures("busy_slurm")
async def test_a_session_outlives_the_edge(host) -> None:
    """It has nothing to lose."""
    async with host() as h:
        sid = await h.open()
        assert h.plugin.sessions.get(sid, "me").snapshot() == {}
