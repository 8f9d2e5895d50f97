"""PBS and LSF, as far as their commands go: programs that stand in for them, and are told to fail."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STANDIN = Path(__file__).with_name("standin.py")
PROGRAMS = {
    "pbs": ("qsub", "qstat", "qdel"),
    "pbs_classic": ("qsub", "qstat", "qdel"),
    "lsf": ("bsub", "bjobs", "bkill"),
}
UNKNOWN = {
    "pbs": "qsub: Unknown queue\n",
    "pbs_classic": "qsub: Unknown queue\n",
    "lsf": "x: No such queue. Job not submitted.\n",
}


class Site:
    """A scheduler's commands, and the plugin."""

    def __init__(self, executor: str, folder: Path) -> None:
        self.executor = executor
        self.folder = folder
        self.submit_program, self.look_program, self.end_program = PROGRAMS[executor]
        folder.mkdir()
        (folder / "bin").mkdir()
        for name in PROGRAMS[executor]:
            line = shlex.join([sys.executable, str(STANDIN), str(folder), name])
            (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
            (folder / "bin" / name).chmod(0o755)

    def tell(self, what: str, text: str = "") -> None:
        (self.folder / what).write_text(text)

    def let(self, what: str) -> None:
        (self.folder / what).unlink()

    def calls(self, program: str) -> list[list[str]]:
        file = self.folder / f"calls.{program}"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(params=sorted(PROGRAMS))
def site(request, home: Path, monkeypatch) -> Iterator[Site]:
    made = Site(request.param, home / "site")
    monkeypatch.setenv("PATH", f"{made.folder / 'bin'}:{os.environ['PATH']}")
    yield made
    made.tell("hold")
    for folder in made.folder.glob("[0-9]*"):
        (folder / "deleted").touch()


@pytest.fixture
async def at(make_host, site: Site, home: Path):
    """Return what submits at the site."""
    host = await make_host(shared_dir=str(home / "job dir"), interval_s=2, margin_s=0.5)
    sid = await host.register()

    class At:
        def __init__(self) -> None:
            self.host, self.sid = host, sid

        async def call(self, script: str, key: str | None = None, **spec: object) -> tuple[int, dict]:
            job_spec = {"executable": "sh", "arguments": ["-c", script], **spec}
            body = {"job_spec": job_spec, "executor": site.executor}
            return await host.call("POST", "submit", sid, body=body, key=key)

        async def submit(self, script: str, **spec: object) -> str:
            status, answer = await self.call(script, **spec)
            assert status == 200, answer
            return answer["job_id"]

        async def until(self, job_id: str, **wanted: object) -> dict:
            async with asyncio.timeout(30):
                while True:
                    status = await host.get("status", sid, job_id)
                    if all(status[name] == value for name, value in wanted.items()):
                        return status
                    await asyncio.sleep(0.05)

    return At()


async def test_ends(at, site: Site, home: Path, eventually) -> None:
    """Codes and output are the payload's; options arrive as they are, the key among them."""
    (home / "a b").mkdir()
    good = await at.submit(
        "echo out; pwd; echo err >&2",
        directory=str(home / "a b"),
        stdout_path="my out",
        attributes={"queue_name": "long & wide", "account": "a|b", "duration": 600},
        resources={"node_count": 2},
        custom_attributes={"pbs.l": "place=free", "lsf.app": "x y"},
    )
    bad = await at.submit("exit 5")
    status = await at.host.ended(at.sid, good)
    assert (status["state"], status["exit_code"], status["stderr"]) == ("COMPLETED", 0, "err\n"), status
    assert (home / "a b" / "my out").read_text() == f"out\n{home / 'a b'}\n"
    status = await at.host.ended(at.sid, bad)
    assert (status["state"], status["exit_code"]) == ("FAILED", 5)
    assert status["native_id"] == ("2" if site.executor == "lsf" else "2.standin")
    options = site.calls(site.submit_program)[0]
    assert {"long & wide", "a|b", f"re.{good[:12]}"} <= set(options)
    assert ("x y" if site.executor == "lsf" else "place=free") in options
    await eventually(lambda: len(at.host.events(bad)) == 3)
    assert [event["state"] for event in at.host.events(bad)] == ["QUEUED", "ACTIVE", "FAILED"]


async def test_cancel(at, site: Site) -> None:
    """A running job and a queued one; the queued one never runs, and says why it waits until then."""
    running = await at.submit("echo up; sleep 60")
    await at.until(running, stdout="up\n")
    site.tell("hold")
    queued = await at.submit("echo ran")
    status = await at.until(queued, state="QUEUED")
    status = await at.until(
        queued,
        reason="New job is waiting for scheduling"
        if site.executor == "lsf"
        else "Not Running: too few nodes",
    )
    for job_id in (running, queued):
        await at.host.post("cancel", at.sid, job_id)
        status = await at.host.ended(at.sid, job_id)
        assert (status["state"], status["message"]) == ("CANCELED", "canceled")
    assert status["stdout"] == ""
    assert (await at.host.get("status", at.sid, running))["exit_code"] == 143


async def test_a_refusal(at, site: Site) -> None:
    """In the scheduler's words, as 422."""
    site.tell(f"fail.{site.submit_program}", UNKNOWN[site.executor])
    status, answer = await at.call("true")
    assert (status, answer["detail"]) == (422, UNKNOWN[site.executor].strip())


async def test_a_submission_that_fails_though_it_made_the_job(at, site: Site, home: Path) -> None:
    """The repeat finds it by its key; the payload runs once."""
    site.tell(f"late.{site.submit_program}", "connection timed out\n")
    status, answer = await at.call(f"echo ran >>'{home}/runs'; sleep 3", key="k")
    assert (status, answer["code"]) == (503, "submission_undecided")
    site.let(f"late.{site.submit_program}")
    status, answer = await at.call(f"echo ran >>'{home}/runs'; sleep 3", key="k")
    assert status == 200, answer
    assert (await at.host.ended(at.sid, answer["job_id"]))["state"] == "COMPLETED"
    assert (home / "runs").read_text() == "ran\n"
    assert len(site.calls(site.submit_program)) == 1


async def test_a_queue_that_can_not_be_read(at, site: Site) -> None:
    """States are unknown since then, and nothing is made up."""
    site.tell("hold")
    job_id = await at.submit("exit 3")
    status = await at.until(job_id, state="QUEUED", unknown_since=None)
    site.tell(f"fail.{site.look_program}", "cannot connect to server\n")
    async with asyncio.timeout(30):
        while (status := await at.host.get("status", at.sid, job_id))["unknown_since"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (status["state"], status["exit_code"]) == ("QUEUED", None)
    site.let(f"fail.{site.look_program}")
    await at.until(job_id, unknown_since=None)
    site.let("hold")
    status = await at.host.ended(at.sid, job_id)
    assert (status["state"], status["exit_code"]) == ("FAILED", 3)
