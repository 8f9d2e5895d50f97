"""Exactly one run on a real SLURM, whatever goes wrong between the edge and the scheduler; faults are counted."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from radical_edge_core.jobs.folder import JobFolder

pytestmark = pytest.mark.timeout(300)  # the first test may have to start the cluster


def payload(home: Path, key: str, then: str = "true") -> str:
    return f"echo ran >>{shlex.quote(str(home / 'runs' / key))}; {then}"


@pytest.mark.parametrize("fault", ["timeout", "silent"])
async def test_an_sbatch_that_fails_though_it_made_the_job(
    on_slurm, programs, home, runs, fault: str
) -> None:
    """The key stays open; its repeat finds the job and makes no other."""
    programs.tell(fault)
    status, answer = await on_slurm.try_to_submit(payload(home, "k", "sleep 2"), key="k")
    assert (status, answer["code"], answer["transient"]) == (503, "submission_undecided", True)
    assert programs.count("faults") == 1
    programs.let(fault)
    status, answer = await on_slurm.try_to_submit(payload(home, "k", "sleep 2"), key="k")
    assert status == 200, answer
    assert programs.count("calls") == 1
    assert (await on_slurm.ended(answer["job_id"]))["state"] == "COMPLETED"
    assert runs("k") == 1
    assert [native_id for native_id, _ in on_slurm.jobs_of(answer["job_id"])] == [answer["native_id"]]


async def test_nobody_asks_again(on_slurm, programs, home, runs) -> None:
    """What was left undecided is found out all the same, and told."""
    programs.tell("timeout")
    status, _ = await on_slurm.try_to_submit(payload(home, "k"), key="k")
    assert status == 503
    (job,) = (await on_slurm.host.get("list_jobs", on_slurm.sid))["jobs"]
    assert (await on_slurm.ended(job["job_id"]))["state"] == "COMPLETED"
    assert (runs("k"), programs.count("faults")) == (1, 1)


async def test_a_controller_that_can_not_be_reached(on_slurm, programs, home, runs) -> None:
    """A failed lookup is not "not there"; when it is back the job is submitted once."""
    programs.tell("away")
    answers = [await on_slurm.try_to_submit(payload(home, "k"), key="k") for _ in range(2)]
    assert [status for status, _ in answers] == [503, 503]
    assert programs.count("faults") == 2, answers
    programs.let("away")
    status, answer = await on_slurm.try_to_submit(payload(home, "k"), key="k")
    assert status == 200, answer
    assert (await on_slurm.ended(answer["job_id"]))["state"] == "COMPLETED"
    assert runs("k") == 1


async def test_accounting_without_comments(on_slurm, programs, home, runs, eventually) -> None:
    """The job is over and out of the queue, and only its name is left: found by that."""
    cluster, spec = on_slurm.cluster, {"attributes": {"queue_name": "batch", "slurm.nodelist": "c4"}}
    cluster.run("scontrol", "update", "nodename=c4", "state=drain", "reason=x")
    try:
        programs.tell("timeout")
        status, _ = await on_slurm.try_to_submit(payload(home, "k"), key="k", **spec)
        assert status == 503
        (job,) = (await on_slurm.host.get("list_jobs", on_slurm.sid))["jobs"]
        ((native_id, _),) = on_slurm.jobs_of(job["job_id"])
        programs.tell("forget")
        programs.let("timeout")
        cluster.run("scancel", native_id)
        assert (await on_slurm.accounted(native_id, "JobName"))[0].startswith("re.")
        status, answer = await on_slurm.try_to_submit(payload(home, "k"), key="k", **spec)
        assert (status, answer.get("native_id")) == (200, native_id), answer
        assert programs.count("asked") >= 1
        assert (await on_slurm.ended(answer["job_id"]))["state"] == "CANCELED"
        assert (runs("k"), programs.count("calls")) == (0, 1)
    finally:
        cluster.run("scontrol", "update", "nodename=c4", "state=resume")


async def test_a_duplicate_beside_the_kept_job(on_slurm, programs, home, runs, eventually) -> None:
    """The claim is made in the name of the one that stays before the other is ended; then it runs, once."""
    job_id = await on_slurm.submit(payload(home, "k"), attributes={"slurm.hold": True})
    kept = (await on_slurm.status(job_id))["native_id"]
    request = json.loads((on_slurm.folder(job_id) / "psij" / "request.json").read_text())
    (script,) = (on_slurm.folder(job_id) / "psij").glob("*.job")
    other = on_slurm.cluster.run("sbatch", *request["options"], str(script)).split()[-1]
    await eventually(lambda: dict(on_slurm.jobs_of(job_id)).get(other) == "CANCELLED")
    claim = JobFolder.open(on_slurm.folder(job_id)).claim()
    assert (claim.id, runs("k")) == (f"slurm.{kept}", 0)
    status = await on_slurm.status(job_id)
    assert (status["state"], status["native_id"]) == ("QUEUED", kept)
    on_slurm.cluster.run("scontrol", "release", kept)
    status = await on_slurm.ended(job_id)
    assert (status["state"], status["native_id"], runs("k")) == ("COMPLETED", kept, 1)


async def test_the_claim_corrects_the_record(on_slurm, programs, home, runs) -> None:
    """A second job that came first is the key's job; the first ends without its payload."""
    job_id = await on_slurm.submit(payload(home, "k", "sleep 3"), attributes={"slurm.hold": True})
    first = (await on_slurm.status(job_id))["native_id"]
    request = json.loads((on_slurm.folder(job_id) / "psij" / "request.json").read_text())
    (script,) = (on_slurm.folder(job_id) / "psij").glob("*.job")
    options = [option for option in request["options"] if option != "--hold"]
    second = on_slurm.cluster.run("sbatch", *options, str(script)).split()[-1]
    status = await on_slurm.ended(job_id)
    assert (status["state"], runs("k")) == ("COMPLETED", 1)
    claim = JobFolder.open(on_slurm.folder(job_id)).claim()
    assert claim.name == status["native_id"]
    assert status["native_id"] in {first, second}
    on_slurm.cluster.run("scontrol", "release", first, check=False)
    assert runs("k") == 1


class Restarted:
    """An edge in a process of its own, on SLURM, that is killed and started again."""

    def __init__(self, start: Callable, home: Path) -> None:
        self._start, self.home = start, home
        self.edge = None

    def start(self, **environ: str) -> None:
        config = {"shared_dir": str(self.home / "job dir"), "interval_s": 2, "margin_s": 1}
        self.edge = self._start(config, **environ)
        self.sid = self.edge.call("POST", "register_session", body={"name": "tests"})["sid"]

    def submit(self, key: str, then: str = "true") -> dict:
        return self.edge.try_to_submit(self.sid, payload(self.home, key, then), "slurm", key=key)

    def begin(self, key: str) -> None:
        spec = {"executable": "sh", "arguments": ["-c", payload(self.home, key)]}
        body = {"job_spec": spec, "executor": "slurm"}
        self.edge.send("POST", "submit", self.sid, body=body, key=key)

    def until_submitted(self, key: str, deadline_s: float = 90.0) -> dict:
        """Repeat, as a client does, until the answer is final."""
        end = time.monotonic() + deadline_s
        while True:
            answer = self.submit(key)
            if answer["status"] == 200:
                return answer
            assert answer.get("transient"), answer
            assert time.monotonic() < end, answer

    def ended(self, job_id: str, deadline_s: float = 60.0) -> dict:
        end = time.monotonic() + deadline_s
        while True:
            status = self.edge.call("GET", "status", self.sid, job_id)
            if status["state"] in {"COMPLETED", "FAILED", "CANCELED"}:
                return status
            assert time.monotonic() < end, status
            time.sleep(0.1)


@pytest.fixture
def restarted(start_edge, home: Path, slurm, programs) -> Iterator[Restarted]:
    yield Restarted(start_edge, home)
    slurm.cancel_all()


def wait_for(condition: Callable[[], object], deadline_s: float = 30.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def submitters(home: Path) -> list[int]:
    """The processes that submit jobs of this home, and what they started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(home) in line and ("submitter.py" in line or "sbatch" in line):
                found.append(int(entry.name))
    return found


def kill_all(pids: list[int]) -> int:
    killed = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except ProcessLookupError:
            continue
    return killed


def test_an_orphaned_sbatch(restarted, programs, home, runs, tell) -> None:
    """It holds the key's lock: the edge that comes back waits for it, and finds what it made."""
    restarted.start()
    programs.tell("wait")
    restarted.begin("k")
    wait_for(lambda: programs.count("waiting"))
    orphan = int((programs.folder / "waiting").read_text())
    restarted.edge.kill()
    killed = kill_all([pid for pid in submitters(home) if pid != orphan and "submitter" in _line(pid)])
    assert killed == 1
    restarted.start()
    restarted.begin("k")  # answered when the orphan is done
    time.sleep(1.0)  # so that it would have submitted, did it not wait
    assert programs.count("calls") == 1
    programs.tell("go")
    answer = json.loads(restarted.edge.process.stdout.readline())
    answer = answer if answer["status"] == 200 else restarted.until_submitted("k")
    assert restarted.ended(answer["job_id"])["state"] == "COMPLETED"
    assert (runs("k"), programs.count("calls")) == (1, 1)


def _line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def test_a_stalled_controller_and_a_killed_sbatch(restarted, controller, home, runs, programs, tell) -> None:
    """The request waits in the controller and becomes a job when nobody is left who asked: still one run."""
    killed = 0
    for index in range(3):
        key = f"k{index}"
        restarted.start()
        controller.stall()
        try:
            calls = programs.count("calls")
            restarted.begin(key)
            wait_for(lambda calls=calls: programs.count("calls") > calls)
            time.sleep(0.3)  # it has connected, and waits for the answer
            restarted.edge.kill()
            killed += kill_all(submitters(home))
        finally:
            controller.go_on()
        restarted.start()
        answer = restarted.until_submitted(key)
        assert restarted.ended(answer["job_id"])["state"] == "COMPLETED"
        assert runs(key) == 1
        restarted.edge.kill()
    tell(f"killed {killed} processes while the controller was stalled")
    assert killed >= 3


@pytest.mark.parametrize("point", ["job.made", "job.handed_over", "document.partial"])
def test_the_crash_points(restarted, home, runs, point: str, tell) -> None:
    """Each of them five times, with a client that asks again."""
    died = 0
    for index in range(5):
        key = f"k{index}"
        restarted.start(RADICAL_EDGE_CRASH_POINT=f"{point}:{index + 1}")
        for number in range(index + 1):
            restarted.begin(f"{key}.{number}")
        died += restarted.edge.died()
        restarted.start()
        for number in range(index + 1):
            answer = restarted.until_submitted(f"{key}.{number}")
            assert restarted.ended(answer["job_id"])["state"] == "COMPLETED"
            assert runs(f"{key}.{number}") == 1
        restarted.edge.kill()
    tell(f"{died} crashes at {point}")
    assert died == 5


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_random_kills(restarted, home, runs, chance, tell, number: int) -> None:
    """At any moment of a submission, the edge alone or with all that it started."""
    kills = 0
    keys = [f"k{index}" for index in range(number)]
    for key in keys:
        restarted.start()
        restarted.begin(key)
        time.sleep(chance.uniform(0.0, 0.9))
        restarted.edge.kill()
        kills += 1
        if chance.random() < 0.5:
            kills += kill_all(submitters(home))
    restarted.start()
    jobs = [restarted.until_submitted(key)["job_id"] for key in keys]
    assert len(set(jobs)) == number
    for job_id in jobs:
        assert restarted.ended(job_id)["state"] == "COMPLETED"
    tell(f"{kills} kills, {number} keys")
    assert kills >= number
    assert {key: runs(key) for key in keys} == dict.fromkeys(keys, 1)
    told = list(map(json.loads, (home / "events.jsonl").read_text().splitlines()))
    assert sorted(event["job_id"] for event in told if event["state"] == "COMPLETED") == sorted(jobs)
