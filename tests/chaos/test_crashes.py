"""Crash at each named point, and at random moments: as many deeds as distinct keys, and every caller has its answer."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from kit.stand import Stand

from radical_edge_core.errors import OutcomeUnknown
from radical_edge_core.testing.tally import Tally
from radical_edge_core.testing.waiting import wait_until

from .lab import DEADLINE_S, LONG, Lab, busy, seeds, through

TIMES = 5
# At which passages: the first one, and some later ones.
PASSAGES = (1, 2, 3, 1, 5)
RANDOM = 200 if LONG else 20
EDGE = ("key.begun", "session.saved", "key.acted", "answer.partial", "key.kept", "event.kept", "event.sent")
BRIDGE = ("log.inserted", "log.committed", "log.told")
JOBS = ("key.begun", "job.made", "job.handed_over", "document.partial", "key.acted")


def plan(host: str, points: tuple[str, ...], rng: random.Random) -> list[tuple[str, str]]:
    """Each point five times, in any order."""
    made = [(host, f"{point}:{passage}") for point in points for passage in PASSAGES[:TIMES]]
    rng.shuffle(made)
    return made


class Callers:
    """Callers of the plugin ``acts``: each thing that they ask for has a name of its own."""

    def __init__(self, acts: Any) -> None:
        self._acts = acts
        self.asked: set[str] = set()

    async def act(self, number: int) -> None:
        """Ask once; the SDK repeats with its key."""
        what, large = f"a{number}", number % 3 == 0
        self.asked.add(what)
        answer = await self._acts.act(what, large)
        assert answer["what"] == what
        assert bool(answer["filling"]) == large

    async def never(self, number: int) -> None:
        """Ask once; the answer, or that nobody knows."""
        what = f"n{number}"
        self.asked.add(what)
        try:
            answer = await self._acts.never(what)
        except OutcomeUnknown:
            self.asked.remove(what)
        else:
            assert answer["what"] == what


async def check(lab: Lab, acts: Any, callers: Callers) -> None:
    """As many lines as distinct keys, and the session has counted along."""
    done = lab.acts()
    assert set(done.values()) == {1}, done.most_common(3)
    assert set(done) >= callers.asked
    assert set(done) == callers.asked | {what for what in done if what.startswith("n")}
    # What an adopted call did to its session may be lost with the process, and nothing else.
    assert (await acts.count())["done"] <= len(done)


@pytest.mark.timeout(3 * 60)
@pytest.mark.parametrize("seed", seeds(1))
async def test_an_edge_that_dies_at_each_point(stand: Stand, seed: int, tally: Tally) -> None:
    """However an edge dies while calls are under way, each is carried out once and answered."""
    rng = random.Random(seed)
    lab = Lab(stand)
    async with lab.client() as client:
        acts = await lab.plugin(client, name="callers")
        callers = Callers(acts)
        steps = plan("edge", EDGE, rng)
        count = await busy(callers.act, 4, through(lab, steps, tally))
        await check(lab, acts, callers)
    assert tally.faults == Counter(dict.fromkeys(EDGE, TIMES))
    print(f"{count} calls, {tally}")


@pytest.mark.timeout(2 * 60)
@pytest.mark.parametrize("seed", seeds(1))
async def test_a_bridge_that_dies_at_each_point(stand: Stand, seed: int, tally: Tally) -> None:
    """However a bridge dies while events are on their way, calls are carried out once and answered."""
    lab = Lab(stand)
    async with lab.client() as client:
        acts = await lab.plugin(client, name="callers")
        callers = Callers(acts)
        count = await busy(callers.act, 4, through(lab, plan("bridge", BRIDGE, random.Random(seed)), tally))
        lab.bridge.ready()
        await check(lab, acts, callers)
    print(f"{count} calls, {tally}")


@pytest.mark.timeout(RANDOM * 12 + 60)
@pytest.mark.parametrize("how", ["act", "never"])
async def test_an_edge_that_dies_at_any_moment(stand: Stand, how: str, tally: Tally) -> None:
    """At random moments too: ``adopt`` has as many deeds as keys; ``never`` has an answer or a 409, never two deeds."""
    lab = Lab(stand)

    async def kills() -> None:
        for _ in range(RANDOM if how == "act" else RANDOM // 2):
            await asyncio.to_thread(lab.bridge.has, "hpc", "acts", within_s=30)
            await asyncio.sleep(tally.rng.uniform(0, 0.3))
            lab.kill("edge")
            tally.count("kill -9")
            lab.start_edge()

    async with lab.client() as client:
        acts = await lab.plugin(client, name="callers")
        callers = Callers(acts)
        count = await busy(getattr(callers, how), 4, kills())
        await check(lab, acts, callers)
    print(f"{count} calls, {len(lab.acts())} deeds, {tally}")


@pytest.mark.timeout(4 * 60)
@pytest.mark.parametrize("seed", seeds(1))
async def test_jobs_are_run_once(stand: Stand, seed: int, tally: Tally) -> None:
    """An edge that dies anywhere during submission: as many payload runs as keys, and every caller has its job's id."""
    lab = Lab(stand, "psij")
    ids: dict[str, str] = {}
    async with lab.client() as client:
        psij = await lab.plugin(client, "psij", name="callers")

        async def submit(number: int) -> None:
            what = f"j{number}"
            script = f'echo "key {what} 0" >>"{lab.lines}"'
            answer = await psij.submit_job({"executable": "/bin/sh", "arguments": ["-c", script]})
            ids[what] = answer["job_id"]

        count = await busy(submit, 3, through(lab, plan("edge", JOBS, random.Random(seed)), tally))
        assert len(set(ids.values())) == len(ids) == count

        async def over() -> bool:
            jobs = (await psij.list_jobs(scope="mine"))["jobs"]
            assert {job["job_id"] for job in jobs} == set(ids.values())
            return all(job["state"] == "COMPLETED" and job["exit_code"] == 0 for job in jobs)

        await wait_until(over, DEADLINE_S)
    assert lab.acts() == Counter(dict.fromkeys(ids, 1))
    print(f"{count} jobs, {tally}")
