"""Twenty jobs under way when their edge is killed: the same session, the same jobs, and the truth about each."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from kit.events import listen
from kit.jobs import FINAL, Ends, ends
from kit.stand import Stand

from radical_edge_core.testing.tally import Tally
from radical_edge_core.testing.waiting import wait_until

from .lab import DEADLINE_S, Lab, seeds

JOBS = 20


def hear(lab: Lab, mark: str) -> Ends:
    """Listen from the first event on until a certain job has ended; return what was told of the others."""
    with listen(lab.bridge, "?topics=job_status", after="0.0") as listener:
        while not any(job == mark for job, _, _ in ends(listener)):
            listener.notification("job_status")
        return Counter({one: count for one, count in ends(listener).items() if one[0] != mark})


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", seeds(2))
async def test_jobs_outlive_their_edge(stand: Stand, seed: int, tally: Tally) -> None:
    """``kill -9`` of the edge, twice, with jobs that wait, run, end and fail meanwhile."""
    lab = Lab(stand, "psij")
    rng = tally.rng
    plans: dict[str, tuple[str, int | None]] = {}
    async with lab.client() as client:
        psij = await lab.plugin(client, "psij", name="twenty")
        sid = psij.sid

        async def submit(number: int) -> None:
            code, seconds = rng.choice((0, 0, 1, 7, 255)), rng.uniform(0.2, 6)
            script = f"echo {number} $$ >>{lab.lines}; sleep {seconds:.2f}; echo out-{number}; exit {code}"
            answer = await psij.submit_job({"executable": "/bin/sh", "arguments": ["-c", script]})
            plans[answer["job_id"]] = ("FAILED" if code else "COMPLETED", code)

        await asyncio.gather(*map(submit, range(JOBS)))
        assert len(plans) == JOBS
        cancelled = rng.choice(sorted(plans))
        for _ in range(2):
            await asyncio.sleep(rng.uniform(0.1, 1.5))
            lab.kill("edge")
            tally.count("kill -9")
            await asyncio.sleep(rng.uniform(0, 1.5))  # some jobs end while nobody looks
            lab.start_edge()
            await asyncio.to_thread(lab.bridge.has, "hpc", "psij")
        was = await psij.get_job_status(cancelled)
        if was["state"] not in FINAL:
            await psij.cancel_job(cancelled)
            plans[cancelled] = ("CANCELED", None)
        assert await psij.register_session(name="twenty") == {"sid": sid}

        async def over() -> bool:
            found = (await psij.list_jobs())["jobs"]
            assert {job["job_id"] for job in found} == set(plans)
            return all(job["state"] in FINAL for job in found)

        await wait_until(over, DEADLINE_S)
        mark = (await psij.submit_job({"executable": "/bin/true"}))["job_id"]
        final: dict[str, Any] = {job: await psij.get_job_status(job) for job in plans}
    for job, (state, code) in plans.items():
        assert final[job]["state"] == state, final[job]
        if state != "CANCELED":
            assert final[job]["exit_code"] == code
            assert final[job]["stdout"].startswith("out-")
    runs = Counter(line.split()[0] for line in lab.lines.read_text(encoding="utf-8").splitlines())
    assert runs == Counter(map(str, range(JOBS))), "each payload ran once"
    events = await asyncio.to_thread(hear, lab, mark)
    assert set(events.values()) == {1}, "each final state is told once"
    assert {(job, state) for job, state, _ in events} == {(job, state) for job, (state, _) in plans.items()}
    assert all(code == plans[job][1] for job, state, code in events if state != "CANCELED")
    print(f"{JOBS} jobs, {Counter(state for state, _ in plans.values())}, {tally}")
