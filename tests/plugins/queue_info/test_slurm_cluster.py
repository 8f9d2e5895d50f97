"""A real SLURM, asked as root and as a plain user; skipped where none can be started (``tests/slurm/README.md``)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from radical_edge_core.schedulers import Collector, CommandRunner, Schedulers, Sightings

HOST = Path(__file__).with_name("host.py")
pytestmark = pytest.mark.timeout(300)  # the first test may have to install and to start the cluster


class Person:
    """An edge of one user's, as a process of its own."""

    def __init__(self, cluster: Any, user: str) -> None:
        self.user = user
        self._process = subprocess.Popen(
            (sys.executable, HOST, user),
            env={**cluster.environ(), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.sid = self.call("POST", "register_session")["sid"]

    def ask(self, method: str, *path: str, **query: object) -> tuple[int, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"method": method, "path": path, "query": query}).encode()
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["status"], answer["json"]

    def call(self, method: str, *path: str, **query: object) -> Any:
        status, document = self.ask(method, *path, **query)
        assert status == 200, document
        return document

    def get(self, operation: str, *path: str, **query: object) -> Any:
        return self.call("GET", operation, self.sid, *path, force="true", **query)

    def jobs(self, **query: object) -> dict[str, Any]:
        return {job["job_id"]: job for job in self.get("list_all_jobs", **query)["jobs"]}

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture
def cluster(slurm: Any) -> Iterator[Any]:
    slurm.cancel_all()
    yield slurm
    slurm.cancel_all()


@pytest.fixture
def person(cluster: Any) -> Iterator[Callable[[str], Person]]:
    made: list[Person] = []

    def make(user: str) -> Person:
        made.append(Person(cluster, user))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture(params=["root", "plain user"])
def somebody(request: pytest.FixtureRequest, cluster: Any, person: Callable[[str], Person]) -> Person:
    return person("root" if request.param == "root" else cluster.user)


def until(condition: Callable[[], Any], within_s: float = 60.0) -> Any:
    ends = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < ends, "it did not come true in time"
        time.sleep(0.2)
    return found


def test_the_cluster_s_queues(somebody: Person) -> None:
    """As they were configured."""
    assert somebody.call("GET", "backend") == {"backend": "slurm"}
    assert somebody.call("GET", "job_allocation") == {"allocation": None}
    answer = somebody.get("get_info")
    assert answer["problem"] == ""
    queues = answer["queues"]
    told = {
        name: (queue["time_limit"], queue["nodes_total"], queue["cpus_per_node"], queue["mem_per_node_mb"])
        for name, queue in queues.items()
    }
    assert told == {
        "debug": (30, 2, 4, 4000), "batch": (2880, 4, 8, 16000), "gpu": (240, 1, 4, 8000),
        "restricted": ("UNLIMITED", 2, 8, 16000),
    }  # fmt: skip
    assert [name for name, queue in queues.items() if queue["default"]] == ["debug"]
    assert {name: queue["nodes_max"] for name, queue in queues.items()} == {
        "debug": 2, "batch": 3, "gpu": 1, "restricted": None,
    }  # fmt: skip
    assert queues["gpu"]["gpus_per_node"] == 2
    assert queues["restricted"]["accounts"] == ["astro"]
    assert set(queues["batch"]["features"]) == {"intel", "avx2", "amd", "bigmem"}
    assert all(queue["state"] == "UP" for queue in queues.values())
    assert abs(answer["as_of"] - time.time()) < 60


def test_a_job_from_its_begin_to_its_end(cluster: Any, person: Callable[[str], Person]) -> None:
    """Seen by its user and by root; ended by its user."""
    user, root = person(cluster.user), person("root")
    job_id = cluster.submit(
        "sleep 500", "-J", "one|two \"three'", "-t", "7", "-p", "batch", "-N2", "--comment", "a|b"
    )
    job = until(lambda: found if (found := user.jobs().get(job_id)) and found["state"] == "RUNNING" else None)
    shown = ("job_name", "user", "partition", "phase", "nodes", "time_limit", "walltime")
    assert {name: job[name] for name in shown} == {
        "job_name": "one|two \"three'", "user": cluster.user, "partition": "batch", "phase": "running", "nodes": 2,
        "time_limit": 7, "walltime": 420,
    }  # fmt: skip
    assert (job["account"], job["qos"], job["comment"]) == ("physics", "normal", "a|b")
    assert 0 <= time.time() - job["start_time"] < 120
    assert job["submit_time"] <= job["start_time"] == job["end_time"] - 420
    assert job["node_list"].startswith("c")
    assert job_id not in root.jobs()
    assert until(lambda: root.jobs(user="*").get(job_id))["user"] == cluster.user
    assert [each["job_id"] for each in user.get("list_jobs", "batch")["jobs"]] == [job_id]
    assert user.get("list_jobs", "debug")["jobs"] == []
    used = until(
        lambda: found if (found := user.get("get_info")["queues"]["batch"])["nodes_used"] == 2 else None
    )
    assert used["nodes_available"] == 4
    assert user.call("POST", "cancel", user.sid, job_id) == {"job_id": job_id, "status": "canceled"}
    until(lambda: job_id not in user.jobs())
    assert user.call("POST", "cancel", user.sid, job_id)["status"] == "canceled"  # over, and stays so


def test_waiting_jobs_tell_why(cluster: Any, person: Callable[[str], Person]) -> None:
    """A hold, a begin time, and an array."""
    user = person(cluster.user)
    held = cluster.submit("true", "--hold")
    later = cluster.submit("true", "--begin=now+1hour")
    array = cluster.submit("sleep 500", "--array=1-9%2", "-p", "batch")
    jobs = until(
        lambda: (
            found
            if (found := user.jobs()).get(later, {}).get("reason") == "BeginTime" and f"{array}_1" in found
            else None
        )
    )
    assert (jobs[held]["reason"], jobs[held]["phase"]) == ("JobHeldUser", "pending")
    assert jobs[later]["reason_text"]
    assert jobs[f"{array}_[3-9%2]"]["raw_id"] == array
    user.call("POST", "cancel", user.sid, f"{array}_2")
    until(lambda: f"{array}_2" not in user.jobs())
    user.call("POST", "cancel", user.sid, array)
    until(lambda: not [name for name in user.jobs() if name.startswith(array)])


def test_a_plain_user_ends_nobody_else_s_job(cluster: Any, person: Callable[[str], Person]) -> None:
    """403, and the job goes on; an id that never was is 404."""
    user, root = person(cluster.user), person("root")
    job_id = cluster.submit("sleep 500", user="root")
    status, problem = user.ask("POST", "cancel", user.sid, job_id)
    assert (status, problem["code"]) == (403, "forbidden")
    assert job_id in until(root.jobs)
    status, problem = user.ask("POST", "cancel", user.sid, "99999999")
    assert (status, problem["code"]) == (404, "not_found")


def test_allocations(cluster: Any, person: Callable[[str], Person]) -> None:
    """Limits, shares, and a budget that is set on the account."""
    cluster.run("sacctmgr", "-i", "modify", "account", "physics", "set", "GrpTRESMins=node=6000")
    cluster.run(
        "sacctmgr",
        "-i",
        "modify",
        "user",
        "where",
        f"name={cluster.user}",
        "account=astro",
        "set",
        "MaxWall=1-12",
    )
    try:
        user = person(cluster.user)
        found = {each["account"]: each for each in user.get("list_allocations")["allocations"]}
        assert set(found) == {"physics", "astro"}
        astro, physics = found["astro"], found["physics"]
        assert (astro["max_jobs"], astro["max_submit"], astro["max_wall"], astro["grp_tres"]) == (
            4,
            20,
            2160,
            "cpu=8",
        )
        assert (astro["allocated_node_hours"], physics["allocated_node_hours"]) == (None, 100.0)
        assert physics["remaining_node_hours"] == pytest.approx(100.0 - physics["used_node_hours"], abs=0.02)
        assert physics["qos"].split(",") == ["high", "long", "normal"]
        assert 0 <= physics["fairshare_factor"] <= 1
        assert {each["user"] for each in person("root").get("list_allocations", user="*")["allocations"]} == {
            "root", cluster.user,
        }  # fmt: skip
    finally:
        cluster.run("sacctmgr", "-i", "modify", "account", "physics", "set", "GrpTRESMins=node=-1")
        cluster.run(
            "sacctmgr",
            "-i",
            "modify",
            "user",
            "where",
            f"name={cluster.user}",
            "account=astro",
            "set",
            "MaxWall=-1",
        )


def test_nodes_and_reservations(cluster: Any, person: Callable[[str], Person]) -> None:
    """A drained node with its reason, and nodes that are set aside."""
    cluster.run("scontrol", "update", "node=c4", "state=drain", "reason=fan | broken, state=odd")
    cluster.run(
        "scontrol",
        "create",
        "reservation=later",
        "starttime=now+2hours",
        "duration=60",
        "users=root",
        "nodes=c3",
    )
    try:
        user = person(cluster.user)
        nodes = {node["name"]: node for node in user.get("nodes")["nodes"]}
        assert set(nodes) == {"c1", "c2", "c3", "c4", "g1"}
        away = nodes["c4"]
        assert (away["state"], away["available"], away["reason"], away["reason_user"]) == (
            "DRAINED", False, "fan | broken, state=odd", "root",
        )  # fmt: skip
        assert abs(away["reason_time"] - time.time()) < 120
        assert sorted(away["partitions"]) == ["batch", "restricted"]
        batch = user.get("get_info")["queues"]["batch"]
        assert (batch["nodes_total"], batch["nodes_available"], batch["nodes_down"]) == (4, 3, 1)
        later = next(each for each in user.get("reservations")["reservations"] if each["name"] == "later")
        assert (later["node_list"], later["users"], later["state"]) == ("c3", ["root"], "INACTIVE")
        assert later["end_time"] - later["start_time"] == 3600
    finally:
        cluster.run("scontrol", "delete", "reservation=later")
        cluster.run("scontrol", "update", "node=c4", "state=resume")


@pytest.fixture
def schedulers(cluster: Any) -> Iterator[Schedulers]:
    environ = cluster.environ()
    made = Schedulers(lambda: environ, collector=Collector(CommandRunner(lambda: environ), min_interval_s=2))
    yield made
    made.close()


def test_states_of_jobs_by_their_ids(cluster: Any, schedulers: Schedulers) -> None:
    """First from the queue, then from the accounting; what never was is gone."""
    scheduler = schedulers.detect()
    assert scheduler is not None
    fails = cluster.submit("exit 3", user="root")
    runs = cluster.submit("sleep 500", user="root")
    ids = [fails, runs, "99999999"]

    def looked() -> Sightings | None:
        found = scheduler.states.look_up(ids)
        states = {name: job.state for name, job in found.jobs.items()}
        return found if states == {fails: "FAILED", runs: "RUNNING"} and found.gone else None

    assert set(until(looked).gone) == {"99999999"}
    runner = schedulers.collector.runner

    def accounted() -> Any:
        return {job.job_id: job for job in scheduler.ask_past_jobs(runner, ids)}

    known = until(
        lambda: found if (found := accounted()).get(fails, None) and found[fails].phase == "over" else None
    )
    assert (known[fails].exit_code, known[fails].signal) == (3, None)


def test_jobs_are_found_by_their_names(cluster: Any, schedulers: Schedulers) -> None:
    """At once in the queue; in the accounting after it."""
    slurm = schedulers.get("slurm")
    began = time.time()
    key, note = f"key-{began:.6f}", f"note-{began:.6f}"
    job_id = cluster.submit("sleep 500", "-J", key, "--comment", note, user="root")
    assert [job.job_id for job in slurm.find_named({key}, since=began)] == [job_id]
    assert [job.job_id for job in slurm.find_named({note}, since=began)] == [job_id]
    assert slurm.find_named({"key-0"}, since=began) == ()
    until(lambda: slurm.ask_past_jobs(schedulers.collector.runner, [job_id]))


def test_inside_a_job_the_allocation_is_told(cluster: Any, tmp_path: Path) -> None:
    """Whatever ``sbatch`` puts into the environment of the edge that it starts."""
    told = cluster.folder / "environ"
    told.unlink(missing_ok=True)
    job_id = cluster.submit(f"env -0 >{told}.new && mv {told}.new {told}; sleep 500", "-p", "gpu", "--gres=gpu:2",
                            "-c3", "-t", "9", "-J", "an edge", user="root")  # fmt: skip
    until(told.exists)
    environ = dict(line.split("=", 1) for line in told.read_text("utf-8").split("\0") if "=" in line)
    script = (
        "import asyncio, json, attrs\n"
        "from radical_edge_core.schedulers import Schedulers\n"
        "made = Schedulers()\n"
        "print(json.dumps(attrs.asdict(asyncio.run(made.detect().job_allocation()))))\n"
    )
    done = subprocess.run(
        (sys.executable, "-c", script), env={**cluster.environ(), **environ}, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert json.loads(done.stdout) == {
        "job_id": job_id, "partition": "gpu", "n_nodes": 1, "nodelist": "g1", "cpus_per_node": 3, "gpus_per_node": 2,
        "account": "physics", "job_name": "an edge", "runtime": 540,
    }  # fmt: skip
