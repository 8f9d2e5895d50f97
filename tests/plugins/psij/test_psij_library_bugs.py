"""
Where psij-python 0.9.11 goes wrong on SLURM: each of its bugs is provoked, and users of the plugin don't notice.

What is about names, values, folders and exit codes is in ``test_psij_slurm.py``, what makes two jobs of one in
``test_psij_once.py``.
"""

from __future__ import annotations

import asyncio
import time

import pytest

pytestmark = pytest.mark.timeout(300)  # the first test may have to start the cluster

# Each froze the library's polling for as long as it was shown: a state or a reason that it has no word for.
ODD_LINES = """\
9001 OUT_OF_MEMORY OutOfMemory
9002 DEADLINE DeadLine
9003 PREEMPTED None
9004 FAILED RaisedSignal:53(Real-time_signal_19)
9005 FAILED None
9006 LAUNCH_FAILED JobLaunchFailure
9007 PENDING (ReqNodeNotAvail, UnavailableNodes:c2)
9008_[1,3,5,7,9,11,13,15,17,19] PENDING Priority
9009 EXPLODED NobodyKnows
"""
DIE = "echo up; sleep 60"


async def test_lines_that_nobody_can_read(on_slurm, programs) -> None:
    """Foreign jobs in odd states, with odd reasons: the user's own are followed to their true ends."""
    programs.tell("odd", ODD_LINES)
    jobs = [await on_slurm.submit(f"exit {code}") for code in (0, 3)]
    held = await on_slurm.submit("true", attributes={"slurm.hold": True})
    dying = await on_slurm.submit(DIE)
    for job_id, state, code in zip(jobs, ("COMPLETED", "FAILED"), (0, 3), strict=True):
        status = await on_slurm.ended(job_id)
        assert (status["state"], status["exit_code"]) == (state, code)
    status = await on_slurm.until(held, lambda status: status["reason"] == "JobHeldUser")
    assert status["unknown_since"] is None
    await on_slurm.until(dying, lambda status: "up" in status["stdout"])
    for job_id in (held, dying):
        await on_slurm.cancel(job_id)
        assert (await on_slurm.ended(job_id))["state"] == "CANCELED"
    assert programs.count("faults") >= 2


@pytest.mark.parametrize(("fault", "times"), [("broken", 4), ("hang", 2)])
async def test_a_queue_that_can_not_be_read(on_slurm, programs, fault: str, times: int) -> None:
    """More often than the library bears: states are unknown, none is made up, and the folder goes on telling."""
    on_slurm.host.plugin.context.schedulers.collector.runner.deadline_s = 2.0
    held = await on_slurm.submit("true", attributes={"slurm.hold": True})
    dying = await on_slurm.submit(DIE)
    await on_slurm.until(held, lambda status: status["reason"] == "JobHeldUser")
    await on_slurm.until(dying, lambda status: status["state"] == "ACTIVE")
    programs.tell(fault)
    began = time.time()
    status = await on_slurm.until(held, lambda status: status["unknown_since"])
    assert (status["state"], status["exit_code"]) == ("QUEUED", None)
    assert began - 10 < status["unknown_since"] <= time.time()
    going = await on_slurm.submit("exit 9")
    status = await on_slurm.ended(going, 15)
    assert (status["state"], status["exit_code"], status["unknown_since"]) == ("FAILED", 9, None)
    async with asyncio.timeout(30):
        while programs.count("faults") < times:  # noqa: ASYNC110 - it is told by a file
            await asyncio.sleep(0.05)
    for job_id, state in ((held, "QUEUED"), (dying, "ACTIVE")):
        assert (await on_slurm.status(job_id))["state"] == state
    assert programs.count("faults") <= (time.time() - began) / 2 + 2  # as seldom as ever
    programs.let(fault)
    await on_slurm.until(held, lambda status: status["unknown_since"] is None)
    for job_id, states in ((held, ["QUEUED"]), (dying, ["QUEUED", "ACTIVE"])):
        await on_slurm.cancel(job_id)
        assert (await on_slurm.ended(job_id))["state"] == "CANCELED"
        await on_slurm.told(job_id, [*states, "CANCELED"])


async def test_what_left_the_queue_is_not_completed(on_slurm, programs) -> None:
    """Ended by hand while it waited, while it ran, and by a signal; the queue shows none of them any more."""
    held = await on_slurm.submit("true", attributes={"slurm.hold": True})
    dying = await on_slurm.submit(DIE)
    killed = await on_slurm.submit(
        "until [ -e go ]; do sleep 0.1; done; kill -9 $$", directory=str(on_slurm.host.home)
    )
    for job_id in (dying, killed):
        await on_slurm.until(job_id, lambda status: status["state"] == "ACTIVE")
    programs.tell("forget")
    for job_id in (held, dying):
        on_slurm.cluster.run("scancel", (await on_slurm.status(job_id))["native_id"])
    (on_slurm.host.home / "go").touch()
    for job_id, state, code in ((held, "CANCELED", None), (dying, "CANCELED", 143), (killed, "FAILED", 137)):
        status = await on_slurm.ended(job_id)
        assert (status["state"], status["exit_code"]) == (state, code), status


async def test_a_job_that_nobody_knows_is_not_completed(on_slurm, programs) -> None:
    """Neither queue nor accounting: it is told as it is, and a job that was queued after all does not run."""
    held = await on_slurm.submit(f"touch '{on_slurm.host.home}/ran'", attributes={"slurm.hold": True})
    native_id = (await on_slurm.status(held))["native_id"]
    for what in ("forget", "forget.accounting"):
        programs.tell(what)
    status = await on_slurm.ended(held)
    assert (status["state"], status["exit_code"], status["started_at"]) == ("FAILED", None, None)
    assert "never started" in status["message"]
    on_slurm.cluster.run("scontrol", "release", native_id)
    assert await on_slurm.accounted(native_id, "State") == ["COMPLETED"]
    assert not (on_slurm.host.home / "ran").exists()


async def test_the_schedulers_word_for_a_signal(on_slurm, programs) -> None:
    """What this cluster can't do by itself, put into its queue's mouth: told apart, with the payload's own code."""
    words = {"OUT_OF_MEMORY": "memory", "PREEMPTED": "preempted", "NODE_FAIL": "node", "DEADLINE": "deadline"}
    script, place = "until [ -e go ]; do sleep 0.1; done; kill -9 $$", str(on_slurm.host.home)
    jobs = {word: await on_slurm.submit(script, directory=place) for word in words}
    ids = {}
    for word, job_id in jobs.items():
        status = await on_slurm.until(job_id, lambda status: status["state"] == "ACTIVE")
        ids[word] = status["native_id"]
    programs.tell("broken")  # until the words are known
    (on_slurm.host.home / "go").touch()
    for native_id in ids.values():
        assert await on_slurm.accounted(native_id, "State") == ["COMPLETED"]
    programs.tell("word", "\n".join(f"{native_id} {word}" for word, native_id in ids.items()))
    programs.let("broken")
    for word, job_id in jobs.items():
        status = await on_slurm.ended(job_id)
        assert (status["state"], status["exit_code"]) == ("FAILED", 137)
        assert status["message"].endswith(f"({word})"), status
        assert words[word] in status["message"]


async def test_a_node_that_fails(on_slurm) -> None:
    """A job that may not be requeued fails with it, and says so; one that may waits for another node."""
    cluster = on_slurm.cluster
    place = {"queue_name": "batch", "slurm.nodelist": "c4"}
    fails = await on_slurm.submit(DIE, attributes={**place, "slurm.no-requeue": True})
    again = await on_slurm.submit(DIE, attributes=place)
    for job_id in (fails, again):
        await on_slurm.until(job_id, lambda status: "up" in status["stdout"])
    cluster.run("scontrol", "update", "nodename=c4", "state=down", "reason=smoke")
    try:
        status = await on_slurm.ended(fails)
        assert (status["state"], status["message"]) == ("FAILED", "a node of the job failed (NODE_FAIL)")
        assert await on_slurm.accounted(status["native_id"], "State") == ["NODE_FAIL"]
        status = await on_slurm.until(again, lambda status: status["state"] == "QUEUED" and status["reason"])
        assert (status["started_at"], status["exit_code"]) == (None, None)
        await on_slurm.cancel(again)
        assert (await on_slurm.ended(again))["state"] == "CANCELED"
    finally:
        cluster.run("scontrol", "update", "nodename=c4", "state=resume", check=False)  # it may have come back
    await on_slurm.told(fails, ["QUEUED", "ACTIVE", "FAILED"])


async def test_an_answer_with_the_name_of_a_cluster(on_slurm, programs) -> None:
    """Whose last word is no job id."""
    programs.tell("federated")
    job_id = await on_slurm.submit("true")
    assert (await on_slurm.status(job_id))["native_id"].isdigit()
    assert (await on_slurm.ended(job_id))["state"] == "COMPLETED"
    assert programs.count("faults") == 1


async def test_a_refusal_without_a_word(on_slurm, programs) -> None:
    """It is no refusal: the repeat, when the command works again, makes the one job."""
    programs.tell("mute")
    status, answer = await on_slurm.try_to_submit("true", key="k")
    assert (status, answer["transient"]) == (503, True)
    assert programs.count("faults") == 1
    programs.let("mute")
    status, answer = await on_slurm.try_to_submit("true", key="k")
    assert status == 200, answer
    assert (await on_slurm.ended(answer["job_id"]))["state"] == "COMPLETED"
    assert len(on_slurm.jobs_of(answer["job_id"])) == 1


async def test_a_command_that_can_not_be_started(on_slurm, programs, monkeypatch) -> None:
    """It is told, and nothing is left half done."""
    assert "slurm" in (await on_slurm.host.get("executors"))["executors"]
    program = programs.folder / "sbatch"
    program.write_text(program.read_text().replace("#!/bin/bash", "#!/nowhere/bash"))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(programs.folder))  # else the real one is found after it
        status, answer = await on_slurm.try_to_submit("true", key="k")
    assert status == 503, answer
    assert (answer["code"], answer["transient"]) == ("not_submitted", True)
    assert "could not be handed over" in answer["detail"]
    status, answer = await on_slurm.try_to_submit("true", key="k")
    assert status == 200, answer
    assert (await on_slurm.ended(answer["job_id"]))["state"] == "COMPLETED"


async def test_a_submission_that_hangs(make_slurm_host, programs) -> None:
    """It holds nobody up, and is given up, undecided."""
    on_slurm = await make_slurm_host(submit_s=2.0)
    programs.tell("wait")
    asked = [asyncio.create_task(on_slurm.try_to_submit("true", key=f"k{number}")) for number in range(5)]
    async with asyncio.timeout(30):
        while programs.count("calls") < 4:  # noqa: ASYNC110 - it is told by a file
            await asyncio.sleep(0.05)
    began = time.monotonic()
    local = await on_slurm.host.submit(on_slurm.sid, "true")
    assert (await on_slurm.ended(local))["state"] == "COMPLETED"
    assert time.monotonic() - began < 2
    answers = await asyncio.gather(*asked)
    assert {(status, answer["code"]) for status, answer in answers} == {(503, "submission_undecided")}
    programs.let("wait")
    for number in range(5):
        async with asyncio.timeout(30):  # the edge goes on by itself too, and may just be at it
            while (answered := await on_slurm.try_to_submit("true", key=f"k{number}"))[0] == 503:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        status, answer = answered
        assert status == 200, answer
        assert (await on_slurm.ended(answer["job_id"]))["state"] == "COMPLETED"
        assert len(on_slurm.jobs_of(answer["job_id"])) == 1


async def test_nothing_is_left_lying_about(on_slurm) -> None:
    """Neither by jobs that end, nor by those that are refused."""

    async def some() -> set[str]:
        jobs = [await on_slurm.submit(script) for script in ("true", "exit 3", DIE)]
        await on_slurm.cancel(jobs[-1])
        for job_id in jobs:
            await on_slurm.ended(job_id)
        status, _ = await on_slurm.try_to_submit(attributes={"queue_name": "nosuch"})
        assert status == 422
        folders = [on_slurm.folder(job_id) for job_id in jobs]
        found = on_slurm.host.home.rglob("*")
        return {str(path) for path in found if not any(path.is_relative_to(folder) for folder in folders)}

    first = await some()
    again = await some()
    known = {path for path in again if "/job dir/psij/" in path}  # the folders of the first ones
    assert again - known == first, again - known - first


@pytest.mark.parametrize("name", ["SLURM", "Slurm", "pbspro", "torque", "nosuch"])
async def test_names_are_written_as_they_are(on_slurm, name: str) -> None:
    """One that the library would take in another way is refused, and the answer names those that there are."""
    body = {"job_spec": {"executable": "true"}, "executor": name}
    status, answer = await on_slurm.host.call("POST", "submit", on_slurm.sid, body=body)
    assert status == 422
    assert "slurm" in str(answer["problems"])
