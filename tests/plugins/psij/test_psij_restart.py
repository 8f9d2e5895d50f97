"""Jobs outlive the edge: they are found again, with their true ends, told once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time

import pytest

from radical_edge_core.caller import Caller
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.plugin.context import CALLER
from radical_edge_psij.models import Submitted

FINAL = {"COMPLETED", "FAILED", "CANCELED"}


async def test_a_stopped_edge_leaves_its_jobs_running(make_host, home, eventually) -> None:
    """Stop names them and goes; the next finds them, and tells what is new and nothing twice."""
    first = await make_host()
    sid = await first.register()
    done = await first.submit(sid, "sh", "-c", "exit 5")
    going = await first.submit(
        sid, "sh", "-c", "until [ -e go ]; do sleep 0.02; done; echo hi", directory=str(home)
    )
    await eventually(lambda: len(first.events()) == 5)
    assert first.plugin.unfinished() == [f"job {going} (sh -c until [ -e go ]; do sleep 0.02; done; echo hi)"]
    await first.stop()
    second = await make_host()
    sid = await second.register()
    jobs = {job["job_id"]: job for job in (await second.get("list_jobs", sid, scope="mine"))["jobs"]}
    assert {job_id: job["state"] for job_id, job in jobs.items()} == {done: "FAILED", going: "ACTIVE"}
    assert jobs[done]["exit_code"] == 5
    (home / "go").touch()
    status = await second.ended(sid, going)
    assert (status["state"], status["stdout"], status["native_id"]) == (
        "COMPLETED",
        "hi\n",
        jobs[going]["native_id"],
    )
    await eventually(lambda: len(second.events()) == 6)
    assert [event["state"] for event in second.events(going)] == ["QUEUED", "ACTIVE", "COMPLETED"]
    await second.stop()
    await (third := await make_host()).register()
    await third.plugin.collector.scan()
    assert len(third.events()) == 6


async def test_what_ended_while_the_edge_was_down_is_told(make_host, home, eventually) -> None:
    """Ends by itself, by a signal, and of the shim: each is told by the next edge, as it was."""
    first = await make_host()
    sid = await first.register()
    wait = "until [ -e go ]; do sleep 0.02; done"
    names = ("fine", "bad", "killed", "shim")
    ends = ("exit 0", "exit 9", "kill -9 $$", "kill -9 $PPID; kill -9 $$")
    jobs = {
        name: await first.submit(sid, "sh", "-c", f"{wait}; {end}", directory=str(home))
        for name, end in zip(names, ends, strict=True)
    }
    folders = {name: first.plugin.table.get(job_id, "alice").folder for name, job_id in jobs.items()}
    await eventually(lambda: len(first.events()) == 8)
    await first.stop()
    (home / "go").touch()
    await eventually(lambda: all(folders[name].exit() for name in names[:3]))
    second = await make_host()
    sid = await second.register()
    found = {name: await second.ended(sid, job_id) for name, job_id in jobs.items()}
    assert {name: (status["state"], status["exit_code"]) for name, status in found.items()} == {
        "fine": ("COMPLETED", 0), "bad": ("FAILED", 9), "killed": ("FAILED", 137), "shim": ("FAILED", None),
    }  # fmt: skip
    await eventually(lambda: len(second.events()) == 12)
    for name, job_id in jobs.items():
        states = [event["state"] for event in second.events(job_id)]
        assert states == ["QUEUED", "ACTIVE", found[name]["state"]]


async def test_a_node_that_restarted_ends_its_jobs(make_host, home, eventually) -> None:
    """A job of an earlier boot is FAILED, with that reason; one that had ended keeps its end."""
    first = await make_host()
    sid = await first.register()
    going, done = await first.submit(sid, "sleep", "60"), await first.submit(sid, "sh", "-c", "exit 6")
    await eventually(lambda: len(first.events()) == 5)
    folder = first.plugin.table.get(going, "alice").folder
    await first.stop()
    claim = (folder.path / "claim").read_text()
    (folder.path / "claim").write_text(claim.replace(folder.boot, "another"))
    second = await make_host()
    sid = await second.register()
    status = await second.ended(sid, going)
    assert (status["state"], status["message"]) == ("FAILED", "node restarted")
    assert (await second.get("status", sid, done))["exit_code"] == 6
    (folder.path / "claim").write_text(claim)  # so that the test can end it


async def test_a_cancel_is_carried_on(make_host, home, eventually) -> None:
    """What one edge began, TERM, the next ends with KILL."""
    first = await make_host()
    sid = await first.register()
    job_id = await first.submit(sid, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    folder = first.plugin.table.get(job_id, "alice").folder
    await eventually(lambda: (folder.path / "stdout").read_text() == "up\n")
    await first.post("cancel", sid, job_id)
    await first.stop()
    second = await make_host()
    status = await second.ended(await second.register(), job_id)
    assert (status["state"], status["exit_code"]) == ("CANCELED", 137)


async def test_a_submission_that_was_cut_off_is_carried_through_or_given_up(make_host, home) -> None:
    """A job that was written down and not started is started by the next edge if that comes soon, else never."""
    first = await make_host()
    sid = await first.register()
    made = [await first.submit(sid, "sh", "-c", f"echo x >>{home}/ran{n}", key=f"k{n}") for n in range(2)]
    for job_id in made:
        await first.ended(sid, job_id)
    await first.stop()
    root = first.plugin.root
    for number, job_id in enumerate(made):  # back to what they were before their executor had them
        (home / f"ran{number}").unlink()
        for name in ("claim", "state.json", "entries"):
            (root / job_id / name).unlink()
        (root / job_id / "stdout").write_bytes(b"")
        (root / job_id / "exit.json").rename(root / job_id / "exit.part")
    spec = json.loads((root / made[1] / "spec.json").read_text())
    (root / made[1] / "spec.json").write_text(json.dumps({**spec, "created_at": time.time() - 1000}))
    second = await make_host()
    sid = await second.register()
    assert (await second.ended(sid, made[0]))["state"] == "COMPLETED"
    assert (home / "ran0").read_text() == "x\n"
    status = await second.ended(sid, made[1])
    assert (status["state"], status["message"]) == ("FAILED", "the job was never started")
    assert not (home / "ran1").exists()
    assert await second.submit(sid, "sh", "-c", f"echo x >>{home}/ran0", key="k0") == made[0]


async def test_a_key_leads_to_its_job(make_host, home) -> None:
    """After a crash the outcome of a key is found, for its own subject and operation, and nothing for others."""
    first = await make_host()
    sid = await first.register()
    job_id = await first.submit(sid, "true", key="k")
    native_id = (await first.ended(sid, job_id))["native_id"]
    await first.stop()
    second = await make_host()

    async def adopt(subject: str, key: str, operation_name: str = "submit_job") -> object:
        token = CALLER.set(Caller(subject=subject, scopes=()))
        try:
            return await second.plugin.adopt(key, operation_name)
        finally:
            CALLER.reset(token)

    assert await adopt("alice", "k") == Submitted(job_id=job_id, native_id=native_id)
    assert await adopt("alice", "other") is None
    assert await adopt("bob", "k") is None
    assert await adopt("alice", "k", operation_name="submit_tunneled") is None


async def test_folders_of_others_and_damage_are_left_alone(make_host, home, caplog) -> None:
    """What can't be read as a job is skipped with a word in the log, and stays."""
    first = await make_host()
    sid = await first.register()
    good, bad = await first.submit(sid, "true"), await first.submit(sid, "true")
    for job_id in (good, bad):
        await first.ended(sid, job_id)
    await first.stop()
    (first.plugin.root / bad / "spec.json").write_text("{}")
    (first.plugin.root / "stranger").mkdir()
    second = await make_host()
    jobs = (await second.get("list_jobs", await second.register(), scope="mine"))["jobs"]
    assert [job["job_id"] for job in jobs] == [good]
    assert bad in caplog.text
    assert (first.plugin.root / bad).exists()


async def test_old_jobs_go_and_those_in_use_stay(make_host, home, eventually) -> None:
    """Retention removes what ended long ago, except what runs or is being read."""
    host = await make_host(keep_days=0)
    sid = await host.register()
    script = "echo out; until [ -e go ]; do sleep 0.02; done"
    running = await host.submit(sid, "sh", "-c", script, directory=str(home))
    old, read = await host.submit(sid, "true"), await host.submit(sid, "head", "-c", "2000000", "/dev/zero")
    for job_id in (old, read):
        await host.ended(sid, job_id)
    await eventually(lambda: host.plugin.table.get(read, "alice").settled)
    await eventually(lambda: host.plugin.table.get(old, "alice").settled)
    async with host.stream("output", sid, read) as chunks:
        size = len(await anext(chunks))
        await host.plugin.prune()
        assert {path.name for path in host.plugin.root.iterdir()} == {running, read}
        assert size + sum([len(chunk) async for chunk in chunks]) == 2_000_000
    await host.plugin.prune()
    assert {path.name for path in host.plugin.root.iterdir()} == {running}
    assert (await host.call("GET", "status", sid, old))[0] == 404
    (home / "go").touch()
    await host.ended(sid, running)


async def test_a_folder_that_vanishes_ends_its_job(make_host, home, eventually) -> None:
    """Somebody who removes a job's folder does not leave it unfinished for ever."""
    host = await make_host()
    sid = await host.register()
    job_id = await host.submit(sid, "sleep", "60")
    await eventually(lambda: len(host.events(job_id)) == 2)
    folder = host.plugin.table.get(job_id, "alice").folder
    shim = folder.claim().process
    shutil.rmtree(folder.path)
    status = await host.ended(sid, job_id)
    assert (status["state"], "folder" in status["message"]) == ("FAILED", True)
    os.killpg(shim.pid, signal.SIGKILL)


@pytest.mark.parametrize("rounds", [8])
async def test_an_edge_killed_at_any_moment(
    rounds, start_edge, make_host, home, chance, tell, eventually
) -> None:
    """
    Kill the edge again and again while jobs are submitted, run and are canceled.

    Every job that was answered for is there in the end, ran once, has its true end, and each state was told once.
    """
    wanted: dict[str, tuple[int, bool]] = {}
    kills = unanswered = 0
    for number in range(rounds):
        edge = start_edge()
        sid = edge.call("POST", "register_session", body={"name": "cli"})["sid"]
        for index in range(chance.randrange(1, 6)):
            code, name = chance.randrange(3), f"{number}-{index}"
            long = chance.random() < 0.5
            script = f"echo {name} >>{home}/ran; sleep {60 if long else chance.uniform(0, 0.3)}; exit {code}"
            job_id = edge.submit(sid, script)
            wanted[job_id] = (code, long)
            if long:
                edge.call("POST", "cancel", sid, job_id, body={})
        edge.send(
            "POST",
            "submit",
            sid,
            body={"job_spec": {"executable": "sh", "arguments": ["-c", f"echo u{number} >>{home}/ran"]}},
        )
        await asyncio.sleep(chance.uniform(0, 0.4))
        edge.kill()
        kills += 1
    host = await make_host()
    sid = await host.register()
    jobs = {job["job_id"] for job in (await host.get("list_jobs", sid, scope="mine"))["jobs"]}
    assert wanted.keys() <= jobs
    unanswered = len(jobs - wanted.keys())
    ends = {job_id: await host.ended(sid, job_id) for job_id in jobs}
    for job_id, (code, canceled) in wanted.items():
        status = ends[job_id]
        if canceled:
            assert status["state"] == "CANCELED", status
        else:
            assert (status["state"], status["exit_code"]) == ("FAILED" if code else "COMPLETED", code)
    await eventually(lambda: all(job.settled for job in host.plugin.table))
    for job_id in jobs:
        states = [event["state"] for event in host.events(job_id)]
        assert [state for state in states if state in FINAL] == [ends[job_id]["state"]], states
    ran = (home / "ran").read_text().split()
    assert len(ran) == len(set(ran)), "a payload ran twice"
    tell(f"{kills} kills, {len(wanted)} jobs answered for, {unanswered} of {rounds} others taken")
    assert kills == rounds
    assert len(wanted) >= rounds


async def test_a_killed_edge_takes_no_job_with_it(start_edge, make_host, home, eventually) -> None:
    """SIGKILL of the edge's whole process group reaches no job; its output is complete afterwards."""
    edge = start_edge()
    sid = edge.call("POST", "register_session", body={})["sid"]
    script = f"until [ -e {home}/go ]; do echo tick; echo tock >&2; sleep 0.02; done; echo end; exit 4"
    job_id = edge.submit(sid, script, key="the-key")
    folder = JobFolder.open(home / "job dir" / "psij" / job_id)
    await eventually(lambda: (folder.path / "stdout").read_text().startswith("tick\n"))
    edge.kill()
    (home / "go").touch()
    await eventually(folder.exit)
    host = await make_host()
    sid = await host.register()
    status = await host.ended(sid, job_id)
    assert (status["state"], status["exit_code"]) == ("FAILED", 4)
    assert status["stdout"].endswith("tick\nend\n")
    adopted = await host.submit(sid, "sh", "-c", script, key="the-key")
    assert adopted == job_id
