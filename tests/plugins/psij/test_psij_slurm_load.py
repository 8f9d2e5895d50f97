"""Many jobs, many callers, a plain user and a killed edge, on a real SLURM."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

FINAL = {"COMPLETED", "FAILED", "CANCELED"}


@pytest.fixture
def count_calls(on_slurm, home: Path, monkeypatch):
    """Count what SLURM is asked; the programs go on to the real ones."""
    programs, calls = home / "programs", home / "calls"
    programs.mkdir()
    for name in ("squeue", "sacct", "sinfo"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} >>"{calls}"\nexec {shutil.which(name)} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return lambda: Counter(calls.read_text().split()) if calls.exists() else Counter()


async def _burst(host, jobs: int, clients: int) -> list[str]:
    """Submit as several clients at once; return the ids."""
    left = list(range(jobs))
    found: list[str] = []

    async def client() -> None:
        while left:
            number = left.pop()
            found.append(await host.submit(f"exit {number % 3}", key=f"k{number}"))

    await asyncio.gather(*(client() for _ in range(clients)))
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [40, pytest.param(500, marks=pytest.mark.slow)])
async def test_a_burst_of_jobs(make_slurm_host, count_calls, number: int, tell) -> None:
    """By ten clients: all there, each once, each end told once; SLURM is asked as seldom as ever."""
    host = await make_slurm_host(interval_s=10)
    began, before = time.monotonic(), count_calls()
    jobs = await _burst(host, number, 10)
    async with asyncio.timeout(400):
        while len(_over(host)) < number:  # noqa: ASYNC110 - it is told by a file
            await asyncio.sleep(0.2)
    took, asked = time.monotonic() - began, count_calls() - before
    tell(f"{number} jobs in {took:.1f} s, SLURM asked {dict(asked)}")
    assert len(set(jobs)) == number
    assert sorted(event["job_id"] for event in _over(host)) == sorted(jobs)
    listed = {job["job_id"]: job for job in (await host.host.get("list_jobs", host.sid))["jobs"]}
    assert len({job["native_id"] for job in listed.values()}) == number
    assert Counter(job["exit_code"] for job in listed.values()) == Counter(each % 3 for each in range(number))
    comments = Counter(host.cluster.run("squeue", "--noheader", "--states=all", "--format=%k").split())
    assert {comments[f"re.{job_id[:12]}"] for job_id in jobs} == {1}
    assert sum(asked.values()) <= 12 * took / 60 + 2, asked


def _over(host) -> list[dict]:
    return [event for event in host.host.events() if event["state"] in FINAL]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("callers", "lasts_s", "interval_s"),
    [(200, 8.0, 4.0), pytest.param(1000, 60.0, 10.0, marks=pytest.mark.slow)],
)
async def test_many_callers(
    make_slurm_host, count_calls, callers: int, lasts_s: float, interval_s: float, tell
) -> None:
    """Who asks the edge for its jobs asks nobody else: SLURM has at most one call a command in an interval."""
    host = await make_slurm_host(interval_s=interval_s)
    jobs = [await host.submit("sleep 600") for _ in range(5)]
    held = await host.submit("true", attributes={"slurm.hold": True})
    await host.until(held, lambda status: status["reason"])
    began, before = time.monotonic(), count_calls()
    answers = 0

    async def caller() -> None:
        nonlocal answers
        while time.monotonic() - began < lasts_s:
            found = (await host.host.get("list_jobs", host.sid))["jobs"]
            assert {job["job_id"] for job in found} == {*jobs, held}
            answers += 1

    await asyncio.gather(*(caller() for _ in range(callers)))
    took, asked = time.monotonic() - began, count_calls() - before
    tell(f"{callers} callers had {answers} answers in {took:.1f} s, SLURM asked {dict(asked)}")
    assert answers >= callers
    assert 1 <= asked["squeue"] <= took / interval_s + 1, asked
    assert sum(asked.values()) <= 2 * took / interval_s + 2, asked


@pytest.fixture
def users_home(slurm) -> Iterator[Path]:
    """A folder of the plain user's."""
    folder = Path(tempfile.mkdtemp(prefix="edge of ", dir=f"/home/{slurm.user}"))
    shutil.chown(folder, slurm.user, slurm.user)
    yield folder
    slurm.cancel_all()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("user", ["root", "plain"])
def test_a_killed_edge_with_jobs_in_flight(slurm, start_edge, users_home, user: str, tell) -> None:
    """The same session, the same jobs, their true ends, each told once; as root and as a plain user."""
    name = slurm.user if user == "plain" else ""
    config = {"shared_dir": str(users_home / "jobs"), "interval_s": 2, "margin_s": 1}
    environ = dict(slurm.environ(name or "root"))

    def start() -> tuple:
        edge = start_edge(config, name, at=users_home, **environ)
        return edge, edge.call("POST", "register_session", body={"name": "tests"})["sid"]

    edge, sid = start()
    script = "until [ -e go ]; do sleep 0.2; done; exit {}"
    spec = {"directory": str(users_home), "resources": {"process_count": 1}}
    jobs = {}
    for number in range(20):
        answer = edge.try_to_submit(sid, script.format(number % 3), "slurm", spec, key=f"k{number}")
        assert answer["status"] == 200, answer
        jobs[answer["job_id"]] = number % 3
    canceled = edge.try_to_submit(sid, "sleep 60", "slurm", spec)["job_id"]
    edge.call("POST", "cancel", sid, canceled, body={})
    edge.kill()
    (users_home / "go").touch()
    edge, again = start()
    end = time.monotonic() + 120
    while True:
        listed = {job["job_id"]: job for job in edge.call("GET", "list_jobs", again, scope="mine")["jobs"]}
        if all(job["state"] in FINAL for job in listed.values()):
            break
        assert time.monotonic() < end, listed
        time.sleep(0.2)
    assert listed.pop(canceled)["state"] == "CANCELED"
    assert {job_id: job["exit_code"] for job_id, job in listed.items()} == jobs
    assert {job["state"] for job in listed.values()} == {"COMPLETED", "FAILED"}
    shown = dict(line.split() for line in slurm.run("squeue", "-h", "-t", "all", "-o", "%A %u").splitlines())
    assert {shown[job["native_id"]] for job in listed.values()} == {name or "root"}
    end = time.monotonic() + 20
    while True:
        told = [json.loads(line) for line in (users_home / "events.jsonl").read_text().splitlines()]
        final = Counter(event["job_id"] for event in told if event["state"] in FINAL)
        if len(final) == 21:
            break
        assert time.monotonic() < end
        time.sleep(0.1)
    assert set(final.values()) == {1}
    tell("1 kill of an edge with 21 jobs in flight")
