"""Jobs on a real SLURM: their states are those of the payload and of the scheduler, and nothing is made up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)  # the first test may have to install and to start the cluster

CLEAN_UP = "trap 'echo tidy; exit 5' TERM; echo up; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done"
IGNORE = "trap '' TERM; echo up; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done"
DIE = "echo up; sleep 600"


async def test_ends_and_times_are_the_payloads(on_slurm) -> None:
    """Success, failure and a signal, although SLURM calls all of them completed; once each as events."""
    good = await on_slurm.submit("echo out; echo err >&2", name="a good one")
    bad = await on_slurm.submit("exit 7")
    killed = await on_slurm.submit("kill -9 $$")
    for job_id, state, code, message in (
        (good, "COMPLETED", 0, ""),
        (bad, "FAILED", 7, "exit code 7"),
        (killed, "FAILED", 137, "ended by signal 9 (SIGKILL)"),
    ):
        status = await on_slurm.ended(job_id)
        assert (status["state"], status["exit_code"], status["message"]) == (state, code, message)
        await on_slurm.agrees(status)
        await on_slurm.told(job_id, ["QUEUED", "ACTIVE", state])
    status = await on_slurm.status(good)
    assert (status["stdout"], status["stderr"]) == ("out\n", "err\n")
    assert (
        on_slurm.cluster.run("squeue", "-h", "-t", "all", "-j", status["native_id"], "-o", "%l") == "5:00"
    )  # debug's
    named = await on_slurm.accounted(status["native_id"], "JobName,Comment")
    assert named == ["a good one", f"re.{good[:12]}"]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"queue_name": "nosuch"}, "Invalid partition name specified"),
        ({"account": "nobody"}, "Invalid account or account/partition combination specified"),
        ({"duration": 40 * 60, "queue_name": "debug"}, "Requested time limit is invalid"),
        (
            {"queue_name": "restricted", "account": "physics"},
            "Invalid account or account/partition combination",
        ),
        ({"reservation_id": "nosuch"}, "Requested reservation is invalid"),
        ({"slurm.qos": "nosuch"}, "Invalid qos specification"),
        ({"slurm.constraint": "nosuch"}, "Invalid feature specification"),
        ({"slurm.nonsense": "x"}, "unrecognized option"),
        ({"node_count": 4, "queue_name": "batch"}, "Node count specification invalid"),
        ({"slurm.time": "soon"}, "Invalid --time specification"),
    ],
)
async def test_refusals_reach_the_caller(on_slurm, attributes: dict, said: str) -> None:
    """In the scheduler's own words, as 422; nothing is left."""
    status, answer = await on_slurm.try_to_submit(attributes=attributes)
    assert status in {409, 422}, answer
    assert said in answer["detail"]
    assert answer["detail"].startswith("sbatch: ")
    assert (await on_slurm.host.get("list_jobs", on_slurm.sid))["jobs"] == []
    assert not list((on_slurm.host.home / "job dir" / "psij").iterdir())


async def test_values_with_odd_characters(on_slurm, home: Path) -> None:
    """Constraints with ``|`` and ``&``, a comment of two words, paths with blanks: nothing is quoted twice."""
    folder = home / "a folder & more"
    (home / "in put").write_text("read me\n")
    job_id = await on_slurm.submit(
        'read line; echo "$line"; pwd; printf "%s|" "$@"; echo "$GREETING"; echo err >&2',
        directory=str(folder),
        mkdir=True,
        stdin_path=str(home / "in put"),
        stdout_path="out put",
        stderr_path="err put",
        environment={"GREETING": "hello $HOME 'you'"},
        attributes={"queue_name": "batch", "slurm.constraint": "intel|amd", "slurm.comment": "two words"},
    )
    status = await on_slurm.ended(job_id)
    assert status["state"] == "COMPLETED", status
    assert (folder / "out put").read_text() == f"read me\n{folder}\n|hello $HOME 'you'\n"
    assert (folder / "err put").read_text() == "err\n"
    shown = on_slurm.cluster.run("scontrol", "show", "job", status["native_id"])
    assert "Features=intel|amd " in shown
    assert f"Comment=two words re.{job_id[:12]}\n" in f"{shown}\n".replace(" \n", "\n")
    other = await on_slurm.submit(
        "true", attributes={"queue_name": "batch", "slurm.constraint": "amd&bigmem"}
    )
    status = await on_slurm.ended(other)
    assert (await on_slurm.accounted(status["native_id"], "NodeList"))[0] in {"c3", "c4"}


async def test_a_missing_directory_is_refused(on_slurm, home: Path) -> None:
    """Before submission, where SLURM would run the job in another place."""
    status, answer = await on_slurm.try_to_submit(directory=str(home / "not there"))
    assert (status, answer["problems"][0]["path"]) == (422, "$.job_spec.directory")


async def test_the_environment_is_the_users(on_slurm, monkeypatch) -> None:
    """Nothing of the edge's own allocation; what SLURM sets for the job is the job's."""
    monkeypatch.setenv("SBATCH_PARTITION", "nosuch")
    monkeypatch.setenv("SLURM_JOB_ID", "999999")
    monkeypatch.setenv("RADICAL_EDGE_SECRET", "x")
    job_id = await on_slurm.submit(
        'echo "$SLURM_JOB_ID"; env | grep -c RADICAL_; srun -n1 echo "from a step"'
    )
    status = await on_slurm.ended(job_id)
    assert status["stdout"] == f"{status['native_id']}\n0\nfrom a step\n", status
    bare = await on_slurm.submit("env", inherit_environment=False)
    status = await on_slurm.ended(bare)
    assert "PYTEST" not in status["stdout"]
    assert "PATH=" in status["stdout"]


async def test_nodes_tasks_and_gpus(on_slurm) -> None:
    """Two nodes with four tasks through srun, whose exit code is the job's; a GPU on its partition."""
    two = await on_slurm.submit(
        'srun sh -c \'echo "$SLURMD_NODENAME $SLURM_PROCID"; [ "$SLURM_PROCID" != 3 ] || exit 4\'',
        resources={"node_count": 2, "process_count": 4, "processes_per_node": 2},
    )
    gpu = await on_slurm.submit(
        'echo "$CUDA_VISIBLE_DEVICES"',
        attributes={"queue_name": "gpu"},
        resources={"process_count": 1, "gpu_cores_per_process": 1, "memory": 300 * 2**20},
    )
    alone = await on_slurm.submit("true", resources={"node_count": 1, "exclusive_node_use": True})
    status = await on_slurm.ended(two)
    assert (status["state"], status["exit_code"]) == ("FAILED", 4)
    ran = sorted(line.split() for line in status["stdout"].splitlines())
    await on_slurm.agrees(status)
    assert [node for node, _ in ran] == ["c1", "c1", "c2", "c2"]
    assert sorted(rank for _, rank in ran) == ["0", "1", "2", "3"]
    status = await on_slurm.ended(gpu)
    assert (status["state"], status["stdout"].strip()) == ("COMPLETED", "0")
    await on_slurm.agrees(status)
    assert "mem=300M" in (await on_slurm.accounted(status["native_id"], "ReqTRES"))[0]

    status = await on_slurm.ended(alone)
    assert "OverSubscribe=NO " in on_slurm.cluster.run("scontrol", "show", "job", status["native_id"])


async def test_output_is_followed_from_before_the_start(on_slurm) -> None:
    """Byte by byte until the end, also from an offset."""
    job_id = await on_slurm.submit("for i in 1 2 3; do echo $i; sleep 0.5; done; printf end; exit 2")
    everything, rest = await asyncio.gather(
        *(on_slurm.host.read("output", on_slurm.sid, job_id, follow="true", offset=n) for n in (0, 4))
    )
    assert (everything, rest) == (b"1\n2\n3\nend", b"3\nend")
    assert (await on_slurm.ended(job_id))["exit_code"] == 2


async def test_a_pending_job_says_why(on_slurm) -> None:
    """A drained node, and a job that is held."""
    cluster = on_slurm.cluster
    cluster.run("scontrol", "update", "nodename=c4", "state=drain", "reason=disk full")
    try:
        job_id = await on_slurm.submit("true", attributes={"queue_name": "batch", "slurm.nodelist": "c4"})
        status = await on_slurm.until(job_id, lambda status: status["reason"] not in {"", "None"})
        assert status["state"] == "QUEUED"
        assert status["reason"].startswith("ReqNodeNotAvail"), status
        assert status["reason_text"].startswith("a node that it asks for is not available")
    finally:
        cluster.run("scontrol", "update", "nodename=c4", "state=resume")
    assert (await on_slurm.ended(job_id))["state"] == "COMPLETED"
    held = await on_slurm.submit("true", attributes={"slurm.hold": True})
    status = await on_slurm.until(held, lambda status: status["reason"])
    assert (status["reason"], status["reason_text"]) == ("JobHeldUser", "its user holds it")
    assert status["unknown_since"] is None
    await on_slurm.cancel(held)
    status = await on_slurm.ended(held)
    assert (status["state"], status["started_at"]) == ("CANCELED", None)
    assert (await on_slurm.accounted(status["native_id"], "State"))[0].startswith("CANCELLED")


async def test_cancel_running_jobs(on_slurm, eventually) -> None:
    """A payload that dies, one that cleans up and one that will not: canceled, and none is left."""
    cases = ((DIE, 143, "up\n"), (CLEAN_UP, 5, "up\ntidy\n"), (IGNORE, None, "up\n"))
    jobs = [await on_slurm.submit(f"echo $$; {script}") for script, _, _ in cases]
    pids = []
    for job_id in jobs:
        status = await on_slurm.until(job_id, lambda status: "up" in status["stdout"])
        pids.append(int(status["stdout"].split()[0]))
        await on_slurm.cancel(job_id)
    for job_id, pid, (_, code, out) in zip(jobs, pids, cases, strict=True):
        status = await on_slurm.ended(job_id)
        assert (status["state"], status["message"]) == ("CANCELED", "canceled")
        assert (status["exit_code"], status["stdout"]) == (code, f"{pid}\n{out}")
        await on_slurm.agrees(status, "CANCELLED")
        await eventually(lambda pid=pid: not Path(f"/proc/{pid}").exists())
        await on_slurm.told(job_id, ["QUEUED", "ACTIVE", "CANCELED"])


async def test_a_cancel_from_outside(on_slurm) -> None:
    """``scancel`` by hand is CANCELED too."""
    job_id = await on_slurm.submit(DIE)
    status = await on_slurm.until(job_id, lambda status: "up" in status["stdout"])
    on_slurm.cluster.run("scancel", status["native_id"])
    status = await on_slurm.ended(job_id)
    assert (status["state"], status["exit_code"]) == ("CANCELED", 143)


async def test_the_time_limit(on_slurm) -> None:
    """Dies on TERM, cleans up, ignores it: FAILED, and the message says why."""
    scripts = [script.replace("600", "6000") for script in (DIE, CLEAN_UP, IGNORE)]
    jobs = [await on_slurm.submit(script, attributes={"duration": 60}) for script in scripts]
    for job_id, code in zip(jobs, (143, 5, None), strict=True):
        status = await on_slurm.ended(job_id, 180)
        assert (status["state"], status["exit_code"]) == ("FAILED", code)
        assert status["message"] == "the job reached its time limit (TIMEOUT)"
        await on_slurm.agrees(status, "TIMEOUT")


async def test_a_killed_shim(on_slurm) -> None:
    """SLURM calls it completed; it is a failure whose code nobody knows."""
    job_id = await on_slurm.submit("echo $PPID; sleep 60")
    status = await on_slurm.until(job_id, lambda status: "\n" in status["stdout"])
    os.kill(_shim_of(int(status["stdout"])), signal.SIGKILL)
    on_slurm.cluster.run("scontrol", "show", "job", status["native_id"])
    status = await on_slurm.ended(job_id)
    assert (status["state"], status["exit_code"]) == ("FAILED", None)
    assert "shim killed" in status["message"]
    await on_slurm.agrees(status)


def _shim_of(pid: int) -> int:
    """Return the outer of the shim's two shells."""
    while True:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        if b"/shim\0" not in Path(f"/proc/{parent}/cmdline").read_bytes():
            return pid
        pid = parent


async def test_a_requeued_job_is_the_same_job(on_slurm) -> None:
    """It waits again, with the reason, and runs again under its id; its end comes once."""
    job_id = await on_slurm.submit("echo run $SLURM_RESTART_COUNT; sleep 3; exit 3")
    status = await on_slurm.until(job_id, lambda status: "run" in status["stdout"])
    native_id = status["native_id"]
    on_slurm.cluster.run("scontrol", "requeue", native_id)
    status = await on_slurm.until(job_id, lambda status: status["state"] == "QUEUED" and status["reason"])
    assert (status["started_at"], status["exit_code"]) == (None, None)
    on_slurm.cluster.run("scontrol", "update", f"jobid={native_id}", "starttime=now")
    status = await on_slurm.ended(job_id)
    assert (status["state"], status["exit_code"], status["native_id"]) == ("FAILED", 3, native_id)
    assert status["stdout"] == "run\nrun 1\n"
    await on_slurm.agrees(status)
    await on_slurm.told(job_id, ["QUEUED", "ACTIVE", "FAILED"])
    assert json.loads((on_slurm.folder(job_id) / "exit.json").read_text())["restarts"] == 1


async def test_foreign_jobs_disturb_nothing(on_slurm) -> None:
    """A long irregular array and a job whose reason holds blanks: what would freeze PSI/J's polling for good."""
    cluster = on_slurm.cluster
    cluster.run("scontrol", "update", "nodename=c2", "state=drain", "reason=x")
    try:
        cluster.submit("sleep 30", "--array=1,3,5,7,9,11,13,15,17,19,21,23,25,27,29%1", "--hold", user="root")
        cluster.submit("sleep 30", "--nodelist=c2", user="root")
        jobs = [await on_slurm.submit(f"exit {code}") for code in (0, 3)]
        canceled = await on_slurm.submit(DIE)
        await on_slurm.until(canceled, lambda status: "up" in status["stdout"])
        await on_slurm.cancel(canceled)
        found = [await on_slurm.ended(job_id) for job_id in (*jobs, canceled)]
        assert [(each["state"], each["exit_code"]) for each in found] == [
            ("COMPLETED", 0), ("FAILED", 3), ("CANCELED", 143),
        ]  # fmt: skip
    finally:
        cluster.run("scontrol", "update", "nodename=c2", "state=resume")


@pytest.mark.parametrize("away_s", [0.0, pytest.param(60.0, marks=pytest.mark.slow)])
async def test_a_controller_that_is_away_falsifies_nothing(on_slurm, controller, away_s: float) -> None:
    """States are unknown since then, are told as such, and recover; the folder goes on telling what it knows."""
    going = await on_slurm.submit(
        "until [ -e go ]; do sleep 0.1; done; exit 9", directory=str(on_slurm.host.home)
    )
    dying = await on_slurm.submit(DIE)
    waiting = await on_slurm.submit("true", attributes={"slurm.hold": True})
    for job_id in (going, dying):
        await on_slurm.until(job_id, lambda status: status["state"] == "ACTIVE")
    await on_slurm.until(waiting, lambda status: status["reason"] == "JobHeldUser")
    controller.stop()
    stopped = time.monotonic()
    asking = asyncio.create_task(on_slurm.try_to_submit("echo once", key="meanwhile"))
    try:
        status = await on_slurm.until(waiting, lambda status: status["unknown_since"])
        assert (status["state"], status["exit_code"]) == ("QUEUED", None)
        assert time.time() - 60 < status["unknown_since"] < time.time()
        (on_slurm.host.home / "go").touch()
        status = await on_slurm.ended(going, 5)
        assert (status["state"], status["exit_code"], status["unknown_since"]) == ("FAILED", 9, None)
        while time.monotonic() - stopped < away_s:
            for job_id, state in ((waiting, "QUEUED"), (dying, "ACTIVE")):
                status = await on_slurm.status(job_id)
                assert (status["state"], status["exit_code"]) == (state, None)
            await asyncio.sleep(0.5)
        assert (await on_slurm.status(dying))["state"] == "ACTIVE"
        refused, answer = await asking
        assert (refused, answer["code"]) == (503, "submission_undecided"), answer
    finally:
        controller.start()
    async with asyncio.timeout(60):
        while (asked := await on_slurm.try_to_submit("echo once", key="meanwhile"))[0] == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert asked[0] == 200, asked
    assert (await on_slurm.ended(asked[1]["job_id"]))["stdout"] == "once\n"
    assert len(on_slurm.jobs_of(asked[1]["job_id"])) == 1
    status = await on_slurm.until(waiting, lambda status: status["unknown_since"] is None)
    assert (status["state"], status["reason"]) == ("QUEUED", "JobHeldUser")
    for job_id in (waiting, dying):
        await on_slurm.cancel(job_id)
        assert (await on_slurm.ended(job_id))["state"] == "CANCELED"
    await on_slurm.told(waiting, ["QUEUED", "CANCELED"])


async def test_psij_neither_polls_nor_calls_back(on_slurm, home: Path, monkeypatch) -> None:
    """However many jobs: no thread of PSI/J's, and one look at the queue in an interval for all of them."""
    calls = home / "calls"
    real = on_slurm.cluster.run("which", "squeue")
    programs = home / "programs"
    programs.mkdir()
    (programs / "squeue").write_text(f'#!/bin/sh\necho "$$" >>"{calls}"\nexec {real} "$@"\n')
    (programs / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    began = time.monotonic()
    jobs = await asyncio.gather(*(on_slurm.submit("sleep 2") for _ in range(8)))
    seen: set[str] = set()
    while not all([(await on_slurm.status(job_id))["state"] == "COMPLETED" for job_id in jobs]):
        seen |= {thread.name for thread in threading.enumerate()}
        await asyncio.sleep(0.1)
        assert time.monotonic() - began < 60
    took = time.monotonic() - began
    assert not [name for name in seen if "poll" in name.lower()], seen
    assert 1 <= len(calls.read_text().splitlines()) <= took / 2.0 + 2


async def test_how_soon_changes_are_told(make_slurm_host, home: Path) -> None:
    """What the folder knows within 3 s; what only the scheduler knows within an interval and 3 s."""
    on_slurm = await make_slurm_host(interval_s=4, margin_s=5)
    job_id = await on_slurm.submit("until [ -e go ]; do sleep 0.02; done; date +%s.%N", directory=str(home))
    status = await on_slurm.until(job_id, lambda status: status["state"] == "ACTIVE")
    assert time.time() - status["started_at"] < 3
    (home / "go").touch()
    await on_slurm.told(job_id, ["QUEUED", "ACTIVE", "COMPLETED"])
    status = await on_slurm.status(job_id)
    assert time.time() - float(status["stdout"]) < 3
    held = await on_slurm.submit("true", attributes={"slurm.hold": True})
    status = await on_slurm.until(held, lambda status: status["reason"])
    on_slurm.cluster.run("scancel", status["native_id"])
    began = time.monotonic()
    status = await on_slurm.ended(held)
    assert (status["state"], status["started_at"]) == ("CANCELED", None)
    assert time.monotonic() - began < 7
