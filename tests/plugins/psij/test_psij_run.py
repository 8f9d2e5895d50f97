"""Jobs from their submission to their end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENDS = [
    (["true"], "COMPLETED", 0, ""),
    (["sh", "-c", "exit 7"], "FAILED", 7, "exit code 7"),
    (["sh", "-c", "kill -9 $$"], "FAILED", 137, "SIGKILL"),
    (["sh", "-c", "kill -SEGV $$"], "FAILED", 139, "SIGSEGV"),
    (["no-such-program-anywhere"], "FAILED", 127, "not found"),
]


@pytest.mark.parametrize(("words", "state", "code", "message"), ENDS, ids=[" ".join(end[0]) for end in ENDS])
async def test_a_job_ends_as_its_program_does(words, state, code, message, host, sid) -> None:
    """State, exit code and message are true, in the answer and in the event."""
    job_id = await host.submit(sid, *words)
    status = await host.ended(sid, job_id)
    assert (status["state"], status["exit_code"]) == (state, code)
    assert message in status["message"]
    assert status["executable"] == words[0]
    assert status["arguments"] == words[1:]


async def test_every_state_is_told_once(host, sid, eventually) -> None:
    """One event a change, in order, to the owner; the last one has exit code and output."""
    job_id = await host.submit(sid, "sh", "-c", "echo out; echo err >&2; exit 3")
    await eventually(lambda: len(host.events(job_id)) == 3)
    await host.ended(sid, job_id)
    events = host.events(job_id)
    assert [event["state"] for event in events] == ["QUEUED", "ACTIVE", "FAILED"]
    assert all(event["owner"] == "alice" for event in events)
    assert all({"job_id", "state", "exit_code", "stdout", "stderr"} <= event.keys() for event in events)
    assert [(event["exit_code"], event["stdout"], event["stderr"]) for event in events] == [
        (None, "", ""), (None, "", ""), (3, "out\n", "err\n"),
    ]  # fmt: skip


async def test_states_are_seen_while_they_last(host, sid, home, eventually) -> None:
    """A job that waits is ACTIVE until it goes on."""
    job_id = await host.submit(sid, "sh", "-c", "until [ -e go ]; do sleep 0.02; done", directory=str(home))
    await eventually(lambda: [event["state"] for event in host.events(job_id)] == ["QUEUED", "ACTIVE"])
    status = await host.get("status", sid, job_id)
    assert status["state"] == "ACTIVE"
    assert status["started_at"] is not None
    assert status["exit_code"] is status["ended_at"] is None
    (home / "go").touch()
    assert (await host.ended(sid, job_id))["state"] == "COMPLETED"


async def test_a_job_is_started_through_psij(host, sid) -> None:
    """The native id is that of PSI/J's launcher, the shim's parent."""
    body = {"job_spec": {"executable": "sh", "arguments": ["-c", "ps -o ppid= -p $PPID"]}}
    submitted = await host.post("submit", sid, body=body)
    status = await host.ended(sid, submitted["job_id"])
    assert status["stdout"].strip() == submitted["native_id"] == status["native_id"]


async def test_the_main_threads_signal_handler_stays(host, sid) -> None:
    """Submitting does not take SIGCHLD over, and asyncio's own children still end."""
    before = signal.getsignal(signal.SIGCHLD)
    await host.ended(sid, await host.submit(sid, "true"))
    assert signal.getsignal(signal.SIGCHLD) is before
    child = await asyncio.create_subprocess_exec("sh", "-c", "exit 4")
    assert await child.wait() == 4


async def test_a_hundred_jobs_are_quick(host, sid, eventually, tell) -> None:
    """Many jobs at once all end, each told, without a look for each of them by its caller."""
    began = time.monotonic()
    job_ids = await asyncio.gather(
        *(host.submit(sid, "sh", "-c", f"echo {n}; exit {n % 3}") for n in range(100))
    )
    tell(f"submitted after {time.monotonic() - began:.2f} s")
    await eventually(lambda: len(host.events()) == 300, deadline_s=100)
    tell(f"all told after {time.monotonic() - began:.2f} s")
    assert len(set(job_ids)) == 100
    final = {event["job_id"]: event for event in host.events() if event["exit_code"] is not None}
    assert [(final[job_id]["stdout"], final[job_id]["exit_code"]) for job_id in job_ids] == [
        (f"{n}\n", n % 3) for n in range(100)
    ]


async def test_stdin_blanks_and_unicode(host, sid, home) -> None:
    """Names and arguments with blanks, quotes and any script work everywhere."""
    directory = home / "my dir's ü €"
    source = directory / "in put.txt"
    directory.mkdir()
    source.write_text("grüße 🎈\n")
    job_id = await host.submit(
        sid, "sh", "-c", 'cat; printf "%s|" "$@" "$WHO"; pwd', "sh", "a b", "", "ünï\ncode",
        directory=str(directory), stdin_path="in put.txt", stdout_path="out put.txt",
        environment={"WHO": "José ' \"", "NUMBER": 5},
    )  # fmt: skip
    status = await host.ended(sid, job_id)
    assert status["stdout"] == f"grüße 🎈\na b||ünï\ncode|José ' \"|{directory}\n"
    assert (directory / "out put.txt").read_text() == status["stdout"]
    assert status["stdout_path"] == str(directory / "out put.txt")
    assert status["directory"] == str(directory)


async def test_a_directory_is_made_where_that_is_wished(host, sid, home) -> None:
    """``mkdir`` makes the directory with its parents."""
    directory = home / "new" / "deep"
    job_id = await host.submit(sid, "pwd", directory=str(directory), mkdir=True)
    assert (await host.ended(sid, job_id))["stdout"] == f"{directory}\n"


async def test_without_a_directory_a_job_starts_at_home(host, sid) -> None:
    """Not wherever the edge happens to have been started."""
    assert (await host.ended(sid, await host.submit(sid, "pwd")))["stdout"] == f"{Path.home()}\n"


async def test_the_environment_is_the_users(host, sid, monkeypatch) -> None:
    """Nothing of the edge, its allocation and its Python reaches a job."""
    for name in (
        "RADICAL_BRIDGE_TOKEN", "RADICAL_EDGE_JOIN_TOKEN", "SLURM_JOB_ID", "SBATCH_ACCOUNT", "PBS_JOBID",
        "PBS_NODEFILE", "PYTHONHOME", "VIRTUAL_ENV",
    ):  # fmt: skip
        monkeypatch.setenv(name, "from the edge")
    monkeypatch.setenv("KEPT", "by the user")
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin:{os.environ['PATH']}")
    umask = os.umask(0o027)
    try:
        job_id = await host.submit(sid, "sh", "-c", "env; umask", environment={"MINE": "1"})
    finally:
        os.umask(umask)
    *lines, mask = (await host.ended(sid, job_id))["stdout"].splitlines()
    environment = dict(line.split("=", 1) for line in lines)
    foreign = (
        "RADICAL_",
        "SLURM_",
        "SBATCH_",
        "PBS_",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "PSIJ",
        "_PSI_J",
        "shim_",
    )
    assert not [name for name in environment if name.startswith(foreign)]
    assert environment["KEPT"] == "by the user"
    assert environment["MINE"] == "1"
    assert f"{sys.prefix}/bin" not in environment["PATH"].split(":")
    assert mask == "0027"


async def test_an_environment_may_be_bare(host, sid, monkeypatch) -> None:
    """Without inheritance a job has what a login has, and its own variables."""
    monkeypatch.setenv("KEPT", "by the user")
    job_id = await host.submit(sid, "env", inherit_environment=False, environment={"MINE": "1"})
    environment = dict(line.split("=", 1) for line in (await host.ended(sid, job_id))["stdout"].splitlines())
    assert "KEPT" not in environment
    assert environment["MINE"] == "1"
    assert environment["HOME"] == os.environ["HOME"]


async def test_a_caller_that_leaves_half_way_loses_no_job(host, sid, chance, tell, home) -> None:
    """Whenever the caller goes away: a job that was begun is listed, runs, and runs once."""
    begun = 0
    for number in range(30):
        words = ("sh", "-c", f"echo x >>{home}/ran{number}")
        caller = asyncio.create_task(host.submit(sid, *words, name=f"n{number}"))
        await asyncio.sleep(chance.uniform(0, 0.01))
        caller.cancel()
        await asyncio.wait({caller})
    await host.plugin.submissions.finish()
    for job in (await host.get("list_jobs", sid))["jobs"]:
        begun += 1
        await host.ended(sid, job["job_id"])
        assert (home / f"ran{job['name'][1:]}").read_text() == "x\n"
    tell(f"{begun} of 30 had begun")
    assert begun


async def test_a_killed_launcher_harms_no_job(host, sid, home, eventually) -> None:
    """A job outlives PSI/J's launcher, and those that come later are cleaned up as ever."""
    script = "until [ -e go ]; do sleep 0.02; done; echo done; exit 2"
    spec = {"executable": "sh", "arguments": ["-c", script], "directory": str(home)}
    submitted = await host.post("submit", sid, body={"job_spec": spec})
    job_id, launcher = submitted["job_id"], int(submitted["native_id"])
    await eventually(lambda: len(host.events(job_id)) == 2)
    os.kill(launcher, signal.SIGKILL)
    await eventually(lambda: not Path(f"/proc/{launcher}").exists())
    later = await host.post("submit", sid, body={"job_spec": {"executable": "true"}})
    assert (await host.ended(sid, later["job_id"]))["state"] == "COMPLETED"
    await eventually(lambda: not Path(f"/proc/{later['native_id']}").exists())
    assert (await host.get("status", sid, job_id))["state"] == "ACTIVE"
    (home / "go").touch()
    status = await host.ended(sid, job_id)
    assert (status["exit_code"], status["stdout"]) == (2, "done\n")


@pytest.fixture
def small_disk(home):
    """The job folders on a file system of their own, of half a MiB."""
    where = home / "job dir"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", where]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


async def test_a_full_disk_is_told_and_recovers(small_disk, make_host) -> None:
    """New jobs are 507 while there is no room, the plugin answers as ever, and new jobs run once there is."""
    host = await make_host()
    sid = await host.register()
    done = await host.submit(sid, "echo", "before")
    await host.ended(sid, done)
    with contextlib.suppress(OSError):
        (small_disk / "filler").write_bytes(b"x" * 1024 * 1024)
    status, problem = await host.call("POST", "submit", sid, body={"job_spec": {"executable": "true"}})
    assert (status, problem["code"]) == (507, "no_room")
    assert (await host.get("status", sid, done))["stdout"] == "before\n"
    (small_disk / "filler").unlink()
    assert (await host.ended(sid, await host.submit(sid, "true")))["state"] == "COMPLETED"


async def test_what_is_left_of_a_launcher_that_could_not_start_is_told(
    host, sid, monkeypatch, home, eventually
) -> None:
    """A job whose shim never claims its folder is FAILED, with the reason, and never runs later."""
    monkeypatch.setattr("radical_edge_psij.executors.local._START_S", 0.2)
    fake = home / "fake"
    fake.mkdir()
    (fake / "setsid").write_text("#!/bin/sh\necho no session today >&2\nexit 1\n")
    (fake / "setsid").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    job_id = await host.submit(sid, "true")
    status = await host.ended(sid, job_id)
    assert (status["state"], status["exit_code"]) == ("FAILED", None)
    assert status["message"] == "the job was never started: no session today"
    await eventually(lambda: [event["state"] for event in host.events(job_id)] == ["QUEUED", "FAILED"])
