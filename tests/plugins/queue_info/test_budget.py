"""However many ask, the scheduler is asked at most once in an interval; and it may be slow, down or odd."""

from __future__ import annotations

import asyncio
import random
import time

from radical_edge_core.testing.waiting import wait_until


async def test_a_thousand_callers_stay_within_the_budget(host, busy_slurm, clock) -> None:
    """Two minutes of a thousand callers, with every operation: each command at most once in ten seconds."""
    rng = random.Random(3)
    calls = [
        ("get_info", {}), ("list_queues", {}), ("list_all_jobs", {}), ("list_all_jobs", {"user": "*"}),
        ("list_all_jobs", {"user": "hpcuser"}), ("list_allocations", {}), ("reservations", {}),
    ]  # fmt: skip
    async with host(scheduler="slurm") as h:
        sids = [await h.open() for _ in range(20)]
        began = clock.monotonic()
        for _ in range(12):
            for _ in range(5):
                chosen = [rng.choice(calls) for _ in range(200)]
                answers = await asyncio.gather(
                    *(h.request("GET", name, rng.choice(sids), **query) for name, query in chosen)
                )
                assert {answer.status for answer in answers} == {200}
            clock.turn(10)
    intervals = round((clock.monotonic() - began) / 10)
    assert intervals == 12
    assert len(busy_slurm.calls("sinfo")) <= intervals + 1
    assert len(busy_slurm.calls("squeue")) <= 2 * (intervals + 1)  # the edge user's, and everybody's
    # Once a minute: allocations, reservations, rules of partitions; once in ten minutes: qos, the cluster's name.
    assert len(busy_slurm.calls("sshare")) <= 2 * 3
    assert len(busy_slurm.calls("sacctmgr")) <= 2 * 3 + 1
    assert len(busy_slurm.calls("scontrol")) <= 3 + 3 + 1


async def test_force_has_a_bound_too(host, busy_slurm, clock) -> None:
    """A loop with force=true costs a command in two seconds."""
    async with host(scheduler="slurm") as h:
        sid = await h.open()
        for _ in range(40):
            await asyncio.gather(*(h.get("list_all_jobs", sid, user="*", force="true") for _ in range(25)))
            clock.turn(0.5)
    assert len([call for call in busy_slurm.calls("squeue") if "--user" not in call]) == 10


async def test_a_longer_interval_may_be_set(host, busy_slurm, clock) -> None:
    """For a site that asks for it."""
    async with host(scheduler="slurm", min_interval_s=60) as h:
        sid = await h.open()
        for _ in range(12):
            await h.get("list_all_jobs", sid, user="*")
            clock.turn(10)
    assert len([call for call in busy_slurm.calls("squeue") if "--user" not in call]) == 2


async def test_answers_are_prefetched(host, busy_slurm) -> None:
    """The first caller finds them, or finds them on their way."""
    async with host():
        await wait_until(lambda: busy_slurm.calls("sinfo") and busy_slurm.calls("squeue"))


async def test_a_scheduler_that_goes_down_leaves_its_last_answers_marked(host, busy_slurm, clock) -> None:
    """With the instant since which nothing is known, and the scheduler's own words."""
    down = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    async with host(scheduler="slurm") as h:
        sid = await h.open()
        good = await h.get("list_all_jobs", sid, user="*")
        assert (good["as_of"], good["unknown_since"], good["problem"]) == (clock.now(), None, "")
        busy_slurm.program("squeue", stderr=down, code=1)
        clock.turn(10)
        stale = await h.get("list_all_jobs", sid, user="*")
        assert stale["jobs"] == good["jobs"]
        assert (stale["as_of"], stale["unknown_since"]) == (good["as_of"], good["as_of"])
        assert "Unable to contact" in stale["problem"]
        assert "slurm jobs *" in (await h.get("health"))["problems"]


async def test_a_scheduler_that_was_never_heard_is_a_503(host, busy_slurm) -> None:
    """With command, return code and the end of standard error; it says that it may pass."""
    busy_slurm.program("squeue", stderr="squeue: error: it is away", code=1)
    async with host(scheduler="slurm") as h:
        answer = await h.request("GET", "list_all_jobs", await h.open(), user="*")
    assert answer.status == 503
    assert (answer.json["code"], answer.json["transient"]) == ("scheduler_command", True)
    assert (answer.json["return_code"], answer.json["stderr"]) == (1, "squeue: error: it is away")
    assert answer.json["command"].startswith("squeue --noheader")


async def test_a_command_that_hangs_holds_nobody_up_for_long(host, busy_slurm, clock) -> None:
    """Who was served before gets the older answer; the command is killed at its deadline."""
    async with host(scheduler="slurm", deadline_s=3.0, patience_s=0.1) as h:
        sid = await h.open()
        good = await h.get("list_all_jobs", sid, user="*")
        busy_slurm.program("squeue", hang=True)
        clock.turn(10)
        began = time.monotonic()
        answers = await asyncio.gather(*(h.get("list_all_jobs", sid, user="*") for _ in range(50)))
        assert time.monotonic() - began < 2.5
        assert {answer["as_of"] for answer in answers} == {good["as_of"]}
        collector = h.plugin.context.schedulers.collector
        await wait_until(lambda: "slurm jobs *" in collector.problems())
        assert "no answer within 3 s" in collector.problems()["slurm jobs *"]
        assert len([call for call in busy_slurm.calls("squeue") if "--user" not in call]) == 2


async def test_the_first_caller_of_a_command_that_hangs_is_told(host, busy_slurm) -> None:
    """At the command's deadline, as a 503 of its own."""
    busy_slurm.program("squeue", hang=True)
    async with host(scheduler="slurm", deadline_s=0.5) as h:
        answer = await h.request("GET", "list_all_jobs", await h.open(), user="*")
    assert (answer.status, answer.json["code"]) == (503, "scheduler_timeout")


async def test_garbage_is_a_503_and_no_empty_list(host, busy_slurm) -> None:
    """From a wrapper that was updated last night, say."""
    for text in ("Welcome to the cluster!\n", "<sep>" * 7, "\x00\xff"):
        busy_slurm.program("squeue", text)
        async with host(scheduler="slurm") as h:
            answer = await h.request("GET", "list_all_jobs", await h.open(), user="*")
        assert (answer.status, answer.json["code"]) == (503, "scheduler_output")


async def test_stopping_ends_what_hangs(host, busy_slurm) -> None:
    """At once."""
    for program in ("squeue", "sinfo"):
        busy_slurm.program(program, hang=True)
    began = time.monotonic()
    async with host(scheduler="slurm"):
        await wait_until(lambda: busy_slurm.calls("squeue"))
    assert time.monotonic() - began < 10
