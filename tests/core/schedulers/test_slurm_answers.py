"""SLURM's recorded answers, as records."""

from __future__ import annotations

from collections import Counter

import pytest

from radical_edge_core.schedulers.slurm import accounts, jobs, nodes, partitions
from radical_edge_core.schedulers.slurm.phases import read_state
from radical_edge_core.schedulers.slurm.reasons import explain
from radical_edge_core.testing.schedulers import SEPARATOR


@pytest.fixture
def queue(shaped):
    """Read a recorded queue by job id."""

    def read(folder: str):
        text = shaped(f"slurm/{folder}/squeue.parsable.txt", list(jobs.QUEUE_COLUMNS.values()))
        return {job.job_id: job for job in jobs.read_queue(text, SEPARATOR)}

    return read


@pytest.fixture
def past(shaped):
    def read(folder: str):
        text = shaped(f"slurm/{folder}/sacct.parsable.txt", list(jobs.ACCOUNTING_COLUMNS.values()))
        return {job.job_id: job for job in jobs.read_accounting(text, SEPARATOR)}

    return read


def test_a_running_job(queue) -> None:
    """Every field of the contract, in its unit."""
    job = queue("busy")["6"]
    assert job == jobs.Job(
        job_id="6", raw_id="6", job_name="running_long", user="hpcuser", partition="batch", state="RUNNING",
        phase="running", nodes=2, cpus=4, time_limit=30, time_used=57, submit_time=1795461359,
        start_time=1795461359, end_time=1795463159, priority=11027, account="physics", node_list="c[3-4]",
        qos="normal", walltime=1800,
    )  # fmt: skip


def test_waiting_jobs_tell_why(queue) -> None:
    """The scheduler's word, and words for people."""
    found = queue("busy")
    assert Counter(job.phase for job in found.values()) == {"pending": 16, "running": 9}
    reasons = {job.reason for job in found.values() if job.phase == "pending"}
    assert reasons == {
        "QOSMaxJobsPerUserLimit", "JobArrayTaskLimit", "Resources", "Priority", "BeginTime", "Dependency",
        "JobHeldUser",
    }  # fmt: skip
    assert all(job.reason_text for job in found.values() if job.phase == "pending")
    assert not any(job.reason for job in found.values() if job.phase == "running")


def test_arrays_and_heterogeneous_jobs_have_ids_of_their_own(queue) -> None:
    """As users write them, and a number for each part."""
    found = queue("busy")
    assert [(found[name].raw_id, found[name].state) for name in ("9_[4-5%2]", "9_2", "10+0", "10+1")] == [
        ("9", "PENDING"), ("23", "RUNNING"), ("10", "RUNNING"), ("11", "RUNNING"),
    ]  # fmt: skip


def test_a_job_that_is_not_expected_to_start_has_no_start(queue) -> None:
    """And one that is tells when."""
    found = queue("busy")
    assert found["13"].start_time is None
    assert found["16"].start_time == 1795463159


def test_names_and_comments_are_text(queue) -> None:
    """Blanks and all; the word for none is none."""
    found = queue("busy")
    assert (found["4"].job_name, found["3"].comment, found["4"].comment) == ("fail job", "a comment", "")


def test_degraded(queue) -> None:
    """Limits of accounts and qualities of service, and a long array."""
    found = queue("degraded")
    assert found["271"].reason == "AssocGrpCpuLimit"
    assert found["272_[1,3,5,7,9,11,13,15,17,19,2"].raw_id == "272"
    assert found["268"].reason_text.endswith("never start")


def test_ends_come_from_accounting(past) -> None:
    """States, codes and signals; who cancelled is left out."""
    found = past("finished")
    told = {name: (found[name].state, found[name].phase, found[name].exit_code, found[name].signal)
            for name in ("1", "2", "4", "5", "6", "9_1", "14")}  # fmt: skip
    assert told == {
        "1": ("COMPLETED", "over", 0, None),
        "2": ("TIMEOUT", "over", 0, None),
        "4": ("FAILED", "over", 3, None),
        "5": ("FAILED", "over", 0, 9),
        "6": ("CANCELLED", "over", 0, None),
        "9_1": ("FAILED", "over", 1, None),
        "14": ("PENDING", "pending", None, None),
    }
    assert found["8"].node_list == ""
    assert found["2"].time_limit == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CANCELLED by 1001", ("CANCELLED", "over")), ("CANCELLED+", ("CANCELLED", "over")),
        ("OUT_OF_ME+", ("OUT_OF_MEMORY", "over")), ("RUNNING", ("RUNNING", "running")),
        ("REQUEUED", ("REQUEUED", "pending")), ("NODE_FAIL", ("NODE_FAIL", "over")),
        ("SOMETHING_NEW", ("SOMETHING_NEW", "unknown")), ("", ("UNKNOWN", "unknown")),
    ],
)  # fmt: skip
def test_states(text: str, expected: tuple[str, str]) -> None:
    """Long words, and what they come to; a new one is no error."""
    assert read_state(text) == expected


def test_reasons_keep_what_stands_behind_a_comma() -> None:
    """And groups of reasons have a text each."""
    assert explain("ReqNodeNotAvail, UnavailableNodes:c2").endswith("(UnavailableNodes:c2)")
    assert explain("(Priority)")
    assert explain("QOSGrpGRES") == "a limit of its quality of service is reached"
    assert explain("WhoKnows") == ""


@pytest.fixture
def queues(shaped):
    def read(folder: str):
        text = shaped(f"slurm/{folder}/sinfo.parsable.txt", list(partitions.PARTITION_COLUMNS.values()))
        return {queue.name: queue for queue in partitions.read_partitions(text, SEPARATOR)}

    return read


def test_a_partition_is_the_sum_of_its_lines(queues) -> None:
    """One line for each state and kind of node."""
    assert queues("busy")["batch"] == partitions.Queue(
        name="batch", state="UP", time_limit=2880, default=False, nodes_total=4, nodes_available=4, nodes_idle=0,
        nodes_used=4, nodes_down=0, cpus_total=24, cpus_idle=7, cpus_per_node=8, mem_per_node_mb=16000, gpus_per_node=0,
        features=("amd", "avx2", "bigmem", "intel"), walltime_max=172800, walltime_default=3600, nodes_min=1,
        nodes_max=3,
    )  # fmt: skip


def test_limits_default_and_gpus(queues) -> None:
    """Minutes, or UNLIMITED; the default partition; GPUs of a node."""
    found = queues("busy")
    assert {name: queue.time_limit for name, queue in found.items()} == {
        "debug": 30, "batch": 2880, "gpu": 240, "restricted": "UNLIMITED",
    }  # fmt: skip
    assert [name for name, queue in found.items() if queue.default] == ["debug"]
    assert found["gpu"].gpus_per_node == 2
    assert (found["restricted"].walltime_max, found["restricted"].nodes_max) == (None, None)


def test_a_drained_node_is_not_available(queues) -> None:
    """It is down, as far as jobs are concerned."""
    batch = queues("degraded")["batch"]
    assert (batch.nodes_total, batch.nodes_available, batch.nodes_used, batch.nodes_down) == (4, 3, 3, 1)


@pytest.mark.parametrize(
    ("text", "state", "available", "idle"),
    [
        ("idle", "IDLE", True, True), ("idle~", "IDLE", True, True), ("idle*", "IDLE", False, False),
        ("mix", "MIXED", True, False), ("allocated", "ALLOCATED", True, False), ("drng", "DRAINING", False, False),
        ("drained*", "DRAINED", False, False), ("down$", "DOWN", False, False), ("resv", "RESERVED", False, False),
        ("planned", "PLANNED", True, True), ("maint", "MAINT", False, False), ("n/a", "N/A", False, False),
    ],
)  # fmt: skip
def test_states_of_nodes(text: str, state: str, available: bool, idle: bool) -> None:
    """Compact and long words, with their marks."""
    assert (nodes.node_state(text), nodes.is_available(text), nodes.is_idle(text)) == (state, available, idle)


@pytest.mark.parametrize(
    ("gres", "number"),
    [
        ("(null)", 0),
        ("gpu:2", 2),
        ("gpu:a100:4(S:0-1)", 4),
        ("gpu:a100:2,gpu:h100:1,shard:8", 3),
        ("craynetwork:4", 0),
    ],
)
def test_gpus(gres: str, number: int) -> None:
    """With and without a type."""
    assert nodes.gpus(gres) == number


def test_nodes_are_told_once(shaped) -> None:
    """With all their partitions, and why they are away."""
    text = shaped("slurm/degraded/sinfo.nodes.txt", list(nodes.NODE_COLUMNS.values()))
    found = {node.name: node for node in nodes.read_nodes(text, SEPARATOR)}
    assert list(found) == ["c1", "c2", "c3", "c4", "g1"]
    assert found["c4"] == nodes.Node(
        name="c4", state="DRAINED", available=False, partitions=("batch", "restricted"), cpus=8, cpus_used=0,
        mem_mb=16000, mem_free_mb=20537, gpus=0, features=("amd", "avx2", "bigmem"), load=4.52, reason="disk full",
        reason_user="root", reason_time=1795461788,
    )  # fmt: skip
    assert (found["c1"].reason, found["c1"].cpus_used, found["g1"].gpus) == ("", 4, 2)


def test_rules_and_limits(recorded) -> None:
    """Who may use a partition."""
    rules = partitions.read_rules(recorded("slurm/busy/scontrol.partition.oneline.txt").splitlines())
    assert rules["restricted"].accounts == ("astro",)
    assert (rules["debug"].accounts, rules["debug"].qos) == ((), "")


def test_allocations_join_both_halves(recorded) -> None:
    """Limits from the database, factor and usage from the controller."""
    lines = recorded("slurm/busy/sacctmgr.assoc.txt").splitlines()
    # maxwall was not among the recorded columns
    text = "\n".join("|".join([*line.split("|")[:9], "1-00:00:00", line.split("|")[9]]) for line in lines)
    shares = "".join(
        f"{account}|{user}|{raw}|{factor}||\n"
        for account, user, raw, _, _, _, factor in (
            line.split("|") for line in recorded("slurm/busy/sshare.all.txt").splitlines()[1:]
        )
    )
    found = accounts.join(accounts.read_associations(text), accounts.read_shares(shares), "minicluster")
    assert found == (
        accounts.Allocation(
            account="astro", user="hpcuser", fairshare=1, qos="normal", max_jobs=4, max_submit=20, max_wall=1440,
            grp_tres="cpu=8", fairshare_factor=0.6,
        ),
        accounts.Allocation(
            account="physics", user="hpcuser", fairshare=1, qos="high,long,normal", max_wall=1440,
            default_qos="normal", fairshare_factor=0.2,
        ),
    )  # fmt: skip
    assert accounts.join(accounts.read_associations(text), (), "elsewhere") == ()


def test_a_budget_of_an_account_holds_for_its_users() -> None:
    """The nearest one above, with what all of the account used of it."""
    text = (
        "root||||cpu=9|cpu=1,node=600\n"
        " physics||60||cpu=1,node=6000|cpu=4,node=300\n"
        "  physics|me|1|0.5||cpu=4,node=60\n"
        "  sub||1|||node=5\n"
        "   sub|me|1|0.25|node=120|node=180\n"
        " astro||40|||node=7\n"
        "  astro|me|parent|0.1||node=120\n"
    )
    found = {each.account: each for each in accounts.join((), accounts.read_shares(text), "")}
    hours = {
        name: (each.allocated_node_hours, each.used_node_hours, each.remaining_node_hours)
        for name, each in found.items()
    }
    assert hours == {"physics": (100.0, 5.0, 95.0), "sub": (2.0, 3.0, 0.0), "astro": (None, 2.0, None)}


def test_reservations() -> None:
    """One line each; none is none."""
    line = (
        "ReservationName=tomorrow StartTime=1795584468 EndTime=1795588068 Duration=01:00:00 Nodes=c4 NodeCnt=1 "
        "CoreCnt=8 Features=(null) PartitionName=(null) Flags=SPEC_NODES,MAINT TRES=cpu=8 Users=hpcuser,-root "
        "Groups=(null) Accounts=(null) Licenses=(null) State=INACTIVE BurstBuffer=(null) Watts=n/a MaxStartDelay=(null)"
    )
    assert nodes.read_reservations([line]) == (
        nodes.Reservation(
            name="tomorrow", state="INACTIVE", start_time=1795584468, end_time=1795588068, nodes=1, node_list="c4",
            partition="", users=("hpcuser", "-root"), accounts=(), flags=("SPEC_NODES", "MAINT"),
        ),
    )  # fmt: skip
    assert nodes.read_reservations(["No reservations in the system"]) == ()
