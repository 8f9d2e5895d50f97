"""Which scheduler is here, and what all of them have in common."""

from __future__ import annotations

import asyncio
import re

import pytest

from radical_edge_core.errors import Forbidden, InvalidRequest, NotFound, PluginFailure
from radical_edge_core.schedulers import Collector, CommandFailed, Freshness, Schedulers
from radical_edge_core.schedulers import detect as detection
from radical_edge_core.schedulers.backend import edge_user
from radical_edge_core.schedulers.lsf import Lsf
from radical_edge_core.schedulers.pbs import Pbs
from radical_edge_core.schedulers.slurm import Slurm, jobs, nodes, partitions

NO_CLUSTER = "sinfo: fatal: Could not establish a configuration source"


@pytest.fixture
def hub(stand_ins, runner, clock):
    """A host whose PATH has the stand-ins and no scheduler besides."""
    environ = {"PATH": f"{stand_ins.folder}:/usr/bin:/bin"}
    made = Schedulers(
        lambda: environ,
        collector=Collector(runner, monotonic=clock.monotonic, now=clock.now, pause=clock.turn),
    )
    yield made
    made.close()


@pytest.fixture
def only(monkeypatch, stand_ins, runner):
    """Let the runner find the stand-ins and nothing else."""
    found = lambda name: str(stand_ins.folder / name) if (stand_ins.folder / name).exists() else None  # noqa: E731
    monkeypatch.setattr(runner, "find", found)
    monkeypatch.setattr(detection, "_SLURM_FILES", ())


@pytest.mark.parametrize(
    ("programs", "kind"),
    [(("sinfo", "squeue", "scontrol"), Slurm), (("qstat", "pbsnodes"), Pbs), (("bqueues", "bjobs"), Lsf),
     (("sinfo", "squeue", "scontrol", "qstat", "pbsnodes"), Slurm), (("qstat",), None), ((), None)],
)  # fmt: skip
@pytest.mark.usefixtures("only")
def test_a_scheduler_is_known_by_its_programs(hub, stand_ins, programs, kind) -> None:
    """SLURM first, as its wrappers bring PBS's."""
    for name in programs:
        stand_ins.program(name)
    found = hub.detect()
    assert (None if found is None else type(found)) is kind


@pytest.mark.usefixtures("only")
def test_slurm_without_a_cluster_is_none(hub, stand_ins) -> None:
    """Its programs may be installed for nothing."""
    for name in ("sinfo", "squeue", "scontrol"):
        stand_ins.program(name, stderr=NO_CLUSTER, code=1)
    assert hub.detect() is None


@pytest.mark.usefixtures("only")
def test_slurm_that_is_away_is_there(hub, stand_ins) -> None:
    """A controller that is down is not a cluster that is gone."""
    for name in ("sinfo", "squeue", "scontrol"):
        stand_ins.program(name, stderr="Unable to contact slurm controller (connect failure)", code=1)
    assert isinstance(hub.detect(), Slurm)


@pytest.mark.usefixtures("only")
def test_none_is_looked_at_again_after_a_while(hub, stand_ins, clock) -> None:
    """A module may be loaded later; what was found stays."""
    assert hub.detect() is None
    stand_ins.program("bqueues")
    stand_ins.program("bjobs")
    assert hub.detect() is None
    clock.turn(60)
    assert isinstance(hub.detect(), Lsf)
    (stand_ins.folder / "bjobs").unlink()
    clock.turn(60)
    assert hub.detect() is hub.get("lsf")


@pytest.fixture
def slurm(hub, stand_ins, shaped) -> Slurm:
    """A SLURM whose programs say what was recorded."""
    stand_ins.program("squeue", shaped("slurm/busy/squeue.parsable.txt", list(jobs.QUEUE_COLUMNS.values())))
    stand_ins.program(
        "sinfo", shaped("slurm/busy/sinfo.parsable.txt", list(partitions.PARTITION_COLUMNS.values()))
    )
    stand_ins.program("scontrol", "PartitionName=batch QoS=high AllowAccounts=ALL\n")
    stand_ins.program("sacctmgr", "normal|\nhigh|2\n")
    stand_ins.program("scancel")
    stand_ins.program("sacct")
    return hub.get("slurm")


async def test_partitions_are_completed_by_what_is_known_beside(slurm, stand_ins) -> None:
    """Limits of users by quality of service, and how many jobs wait and run."""
    found = {queue.name: queue for queue in (await slurm.queues()).value}
    assert found["batch"].max_jobs_per_user == 2
    assert (found["debug"].jobs_running, found["debug"].jobs_pending) == (1, 11)
    assert found["debug"].max_jobs_per_user is None
    for name in ("sinfo", "squeue", "scontrol", "sacctmgr"):
        assert len(stand_ins.calls(name)) == 1
    await slurm.queues()
    assert len(stand_ins.calls("sinfo")) == 1


async def test_partitions_are_told_without_it_too(slurm, stand_ins) -> None:
    """What only adds may fail."""
    for name in ("squeue", "scontrol", "sacctmgr"):
        stand_ins.program(name, stderr="down", code=1)
    answer = await slurm.queues()
    assert (answer.problem, {queue.jobs_running for queue in answer.value}) == (None, {None})


async def test_users_see_their_own_all_or_anothers(slurm, stand_ins) -> None:
    """Absent: the edge's user; a star: everybody; two commands at most, whomever callers name."""
    slurm.user = "somebody"
    assert (await slurm.jobs()).value == ()
    assert {job.user for job in (await slurm.jobs("*")).value} == {"root", "hpcuser"}
    assert {job.user for job in (await slurm.jobs("root")).value} == {"root"}
    for name in ("a", "b", "--help", "hpcuser"):
        await slurm.jobs(name)
    assert len(stand_ins.calls("squeue")) == 2


async def test_every_answer_is_marked_when_the_controller_is_down(slurm, stand_ins, clock, recorded) -> None:
    """As recorded, with what was known before."""
    down = dict(
        line.split("\t")[::3] for line in recorded("slurm/controller-down.txt").splitlines() if line[0] != "#"
    )
    good = await slurm.jobs("*")
    clock.turn(10)
    stand_ins.program("squeue", stderr=down["squeue"], code=1)
    stale = await slurm.jobs("*")
    assert (stale.value, stale.unknown_since) == (good.value, good.as_of)
    assert "Unable to contact slurm controller" in stale.problem.detail
    stand_ins.program("sinfo", stderr=down["sinfo"], code=1)
    with pytest.raises(CommandFailed, match="Unable to contact"):
        await slurm.nodes()


async def test_garbage_is_never_an_empty_answer(slurm, stand_ins) -> None:
    """An updated wrapper may print anything."""
    for name in ("squeue", "sinfo"):
        stand_ins.program(name, "\x1b[31mwelcome\n")
    for ask in (slurm.jobs, slurm.queues, slurm.nodes):
        with pytest.raises(Exception, match="columns was asked for") as caught:
            await ask()
        assert caught.value.status_code == 503


@pytest.mark.parametrize("job_id", ["", "-u root", "--help", "1;id", "all", "1 2", "*", "1_", "../1", "1\n"])
async def test_only_ids_are_cancelled(slurm, stand_ins, job_id) -> None:
    """Whatever else would be an option, or more than one job."""
    with pytest.raises(InvalidRequest):
        await slurm.cancel(job_id)
    assert not stand_ins.calls("scancel")


@pytest.mark.parametrize("job_id", ["17", "9_2", "9_[4-5%2]", "10+1"])
async def test_all_kinds_of_ids_are_cancelled(slurm, stand_ins, job_id) -> None:
    """Jobs, tasks, the rest of an array, parts."""
    await slurm.cancel(job_id)
    assert stand_ins.calls("scancel") == [f"--verbose {job_id}"]


async def test_refusals_of_cancel(slurm, stand_ins, shaped) -> None:
    """Somebody else's, one that is not there, one that is over, and a controller that is down."""
    stand_ins.program(
        "scancel", stderr="scancel: error: Kill job error on job id 3: Access/permission denied", code=1
    )
    with pytest.raises(Forbidden):
        await slurm.cancel("3")
    stand_ins.program(
        "scancel", stderr="scancel: error: Kill job error on job id 3: Invalid job id specified"
    )
    with pytest.raises(NotFound):
        await slurm.cancel("3")
    stand_ins.program(
        "sacct", shaped("slurm/finished/sacct.parsable.txt", list(jobs.ACCOUNTING_COLUMNS.values()))
    )
    await slurm.cancel("3")
    stand_ins.program("scancel", stderr="Unable to contact slurm controller", code=8)
    with pytest.raises(CommandFailed):
        await slurm.cancel("3")


async def test_after_a_cancel_the_list_is_asked_for_anew(slurm, stand_ins, clock) -> None:
    """Within the bound of force."""
    await slurm.jobs("*")
    await slurm.cancel("17")
    clock.turn(2)
    await slurm.jobs("*", Freshness())
    assert len(stand_ins.calls("squeue")) == 2


async def test_the_job_that_the_edge_runs_in(slurm) -> None:
    """From the environment which one, from the scheduler the rest."""
    slurm.user = "hpcuser"
    environ = {"SLURM_JOB_ID": "6", "SLURM_JOB_CPUS_PER_NODE": "2(x2),1", "SLURM_GPUS_ON_NODE": "1"}
    assert await slurm.job_allocation({}) is None
    found = await slurm.job_allocation(environ)
    assert (found.job_id, found.n_nodes, found.nodelist, found.runtime) == ("6", 2, "c[3-4]", 1800)
    assert (found.cpus_per_node, found.gpus_per_node, found.job_name, found.account) == (
        2,
        1,
        "running_long",
        "physics",
    )
    with pytest.raises(PluginFailure, match="no such job"):
        await slurm.job_allocation({"SLURM_JOB_ID": "4711"})


async def test_a_job_that_the_scheduler_does_not_tell_of_is_a_failure(slurm, stand_ins) -> None:
    """Never an allocation without details."""
    stand_ins.program("squeue", stderr="down", code=1)
    with pytest.raises(PluginFailure, match="can't be asked"):
        await slurm.job_allocation({"SLURM_JOBID": "6"})


async def test_names_are_found_in_the_queue_and_then_in_accounting(slurm, stand_ins, shaped, clock) -> None:
    """The queue is asked anew, the accounting only for what it does not show."""
    stand_ins.program(
        "sacct", shaped("slurm/finished/sacct.parsable.txt", list(jobs.ACCOUNTING_COLUMNS.values()))
    )
    find = lambda *names: asyncio.to_thread(lambda: slurm.find_named(names, since=clock.now()))  # noqa: E731
    await slurm.jobs()
    clock.turn(5)
    assert [job.job_id for job in await find("running_long", "a comment")] == ["6", "3"]
    assert (len(stand_ins.calls("squeue")), stand_ins.calls("sacct")) == (2, [])
    await find("running_long", "elsewhere")
    (call,) = stand_ins.calls("sacct")
    assert re.search(r"--name=elsewhere --starttime=2027-01-15T08:00:0\d$", call)
    stand_ins.program("squeue", stderr="down", code=1)
    clock.turn(1)
    with pytest.raises(CommandFailed):
        await find("running_long")


async def test_reading_once_more_costs_what_the_collector_allows(slurm, stand_ins, clock, shaped) -> None:
    """Nodes and reservations too."""
    stand_ins.program("sinfo", shaped("slurm/busy/sinfo.nodes.txt", list(nodes.NODE_COLUMNS.values())))
    stand_ins.program("scontrol", "No reservations in the system\n")
    for _ in range(10):
        assert len((await slurm.nodes()).value) == 5
        assert (await slurm.reservations()).value == ()
        clock.turn(2)
    assert len(stand_ins.calls("sinfo")) == 2
    assert len(stand_ins.calls("scontrol")) == 1


async def test_pbs_as_a_whole(hub, stand_ins, recorded) -> None:
    """Queues, nodes, jobs of one and all, states, cancel."""
    stand_ins.program("qstat", recorded("pbs/qstat.json"))
    stand_ins.program("pbsnodes", recorded("pbs/nodes.txt"))
    stand_ins.program("qdel", stderr="qdel: Unknown Job Id 1.pbs-1", code=153)
    pbs = hub.get("pbs")
    pbs.user = "alice"
    assert [job.raw_id for job in (await pbs.jobs()).value] == ["4101", "4103[]"]
    assert [job.raw_id for job in (await pbs.jobs("*")).value] == ["4101", "4102", "4103[]"]
    assert len(stand_ins.calls("qstat")) == 1
    stand_ins.program("qstat", recorded("pbs/queues.txt"))
    assert [queue.name for queue in (await pbs.queues()).value] == ["route", "prod", "debug", "gpu"]
    assert len((await pbs.nodes()).value) == 4
    stand_ins.program("qstat", '{"Jobs": {}}')
    with pytest.raises(NotFound):
        await pbs.cancel("1.pbs-1")
    stand_ins.program("qdel", stderr="qdel: Job has finished 1.pbs-1", code=35)
    await pbs.cancel("1[].pbs-1")
    stand_ins.program("qdel", stderr="qdel: Unauthorized Request 1.pbs-1", code=159)
    with pytest.raises(Forbidden):
        await pbs.cancel("1")
    assert (await pbs.allocations()).value == ()
    assert (await pbs.reservations()).value == ()
    assert pbs.own_job({}) is None
    assert pbs.own_job({"PBS_JOBID": "7.s", "NCPUS": "32"}).cpus_per_node == 32


async def test_lsf_as_a_whole(hub, stand_ins, recorded) -> None:
    """Queues, hosts, jobs, cancel."""
    stand_ins.program("bjobs", recorded("lsf/bjobs.json"))
    stand_ins.program("bqueues", recorded("lsf/bqueues.txt"))
    stand_ins.program("bhosts", recorded("lsf/bhosts.txt"))
    stand_ins.program("lshosts", recorded("lsf/lshosts.txt"))
    stand_ins.program("bmgroup", recorded("lsf/bmgroup.txt"))
    stand_ins.program("bkill", stderr="Job <1>: No matching job found", code=255)
    lsf = hub.get("lsf")
    lsf.user = "alice"
    assert [job.job_id for job in (await lsf.jobs()).value] == ["4711", "4712[3]"]
    assert [queue.nodes_total for queue in (await lsf.queues()).value] == [3, 3]
    assert [(node.name, node.mem_mb, node.partitions) for node in (await lsf.nodes()).value] == [
        ("hostA", 15872, ("night", "normal")), ("hostB", 31744, ("night", "normal")),
        ("hostC", 8192, ("night", "normal")),
    ]  # fmt: skip
    stand_ins.program("bjobs", stderr="Job <1> is not found", code=255)
    with pytest.raises(NotFound):
        await lsf.cancel("1")
    stand_ins.program("bkill", stderr="Job <1>: Job has already finished", code=255)
    await lsf.cancel("1")
    stand_ins.program("bkill", stderr="Job <1>: User permission denied", code=255)
    with pytest.raises(Forbidden):
        await lsf.cancel("1[2]")
    found = lsf.own_job({"LSB_JOBID": "4711", "LSB_MCPU_HOSTS": "hostA 4 hostB 2"})
    assert found.cpus_per_node == 4


async def test_the_edge_user_is_the_process_s(hub) -> None:
    """By name."""
    assert hub.get("slurm").user == edge_user()


async def test_what_is_asked_first_is_under_way_early(slurm, stand_ins) -> None:
    """So that the first caller finds answers."""
    slurm.prefetch()
    await slurm.jobs()
    await slurm.queues()
    assert stand_ins.calls("sinfo")
