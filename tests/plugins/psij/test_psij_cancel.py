"""Ending jobs."""

from __future__ import annotations

import asyncio
import time

import pytest

CASES = {
    "dies on TERM": ("echo up; exec sleep 60", 143, "up\n"),
    "cleans up on TERM": (
        "trap 'echo clean; exit 3' TERM; echo up; while :; do sleep 0.05; done",
        3,
        "up\nclean\n",
    ),
    "ignores TERM": ("trap '' TERM; echo up; while :; do sleep 0.05; done", 137, "up\n"),
    "leaves children": ("trap '' TERM; (sleep 60; echo no) & echo up; wait; wait", 137, "up\n"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_canceled_job_ends(case, host, sid, eventually) -> None:
    """CANCELED with the program's own code, once the program is gone; told once."""
    script, code, output = CASES[case]
    job_id = await host.submit(sid, "sh", "-c", script)
    stdout = host.plugin.table.get(job_id, "alice").folder.path / "stdout"
    await eventually(lambda: stdout.read_text() == "up\n")
    answer = await host.post("cancel", sid, job_id)
    assert (answer["job_id"], answer["status"], answer["ok"]) == (job_id, "canceled", True)
    status = await host.ended(sid, job_id)
    assert (status["state"], status["exit_code"], status["stdout"]) == ("CANCELED", code, output)
    await eventually(
        lambda: [event["state"] for event in host.events(job_id)] == ["QUEUED", "ACTIVE", "CANCELED"]
    )


async def test_a_cancel_right_at_submission(host, sid, chance, tell, home) -> None:
    """Whenever the cancel comes the job is CANCELED; if it came before the start the job never runs."""
    met = {True: 0, False: 0}

    async def one(number: int) -> None:
        job_id = await host.submit(sid, "sh", "-c", f"echo x >>{home}/ran{number}; exec sleep 60")
        await asyncio.sleep(chance.choice((0, 0, chance.uniform(0, 0.03))))
        await host.post("cancel", sid, job_id)
        status = await host.ended(sid, job_id)
        assert status["state"] == "CANCELED"
        began = status["started_at"] is not None
        met[began] += 1
        assert began or not (home / f"ran{number}").exists()

    for first in range(0, 40, 4):
        await asyncio.gather(*(one(number) for number in range(first, first + 4)))
    tell(f"{met[True]} had begun, {met[False]} had not")
    assert met[False], "no cancel came before its job"


async def test_a_cancel_during_the_submission(host, sid, eventually, home) -> None:
    """A job that is listed can be canceled before its own submission has answered."""
    canceled = 0
    for number in range(10):
        submission = asyncio.create_task(
            host.submit(sid, "sh", "-c", f"touch {home}/ran{number}; exec sleep 60", name=str(number))
        )
        while not submission.done():
            for job in (await host.get("list_jobs", sid))["jobs"]:
                if job["name"] == str(number):
                    await host.post("cancel", sid, job["job_id"])
                    canceled += 1
        await host.post("cancel", sid, await submission)
        assert (await host.ended(sid, submission.result()))["state"] == "CANCELED"
    assert canceled, "no cancel met a submission"


async def test_a_finished_job_stays_as_it_is(host, sid) -> None:
    """Canceling it answers ok and changes nothing."""
    job_id = await host.submit(sid, "true")
    await host.ended(sid, job_id)
    answer = await host.post("cancel", sid, job_id)
    assert answer == {"job_id": job_id, "status": "canceled", "ok": True, "state": "COMPLETED"}
    assert (await host.get("status", sid, job_id))["state"] == "COMPLETED"


async def test_a_second_cancel_is_no_second_signal(host, sid, eventually) -> None:
    """A program that cleans up is not disturbed by impatience."""
    script = "trap 'echo term' TERM; echo up; while :; do sleep 0.05; done"
    job_id = await host.submit(sid, "sh", "-c", script)
    stdout = host.plugin.table.get(job_id, "alice").folder.path / "stdout"
    await eventually(lambda: stdout.read_text() == "up\n")
    await asyncio.gather(*(host.post("cancel", sid, job_id) for _ in range(5)))
    assert (await host.ended(sid, job_id))["stdout"] == "up\nterm\n"


async def test_everything_can_be_ended_at_once(host, sid) -> None:
    """As an edge does that is told to take its jobs with it."""
    job_ids = [await host.submit(sid, "sh", "-c", "trap '' TERM; sleep 60; sleep 60") for _ in range(5)]
    began = time.monotonic()
    await host.plugin.cancel_unfinished()
    assert time.monotonic() - began < 10
    assert host.plugin.unfinished() == []
    assert {event["state"] for event in host.events() if event["job_id"] in job_ids} >= {"CANCELED"}
    assert len([event for event in host.events() if event["state"] == "CANCELED"]) == 5
