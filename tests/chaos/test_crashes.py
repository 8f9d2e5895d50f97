"""Crash at each named point, and at random moments: as many deeds as distinct keys, and every caller has its answer."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from kit.stand import Stand

from radical_edge_core.testing.tally import Tally

from .lab import LONG, Lab, busy, seeds
from .scenarios import Callers, acknowledged, check, deeds, jobs, uploads

TIMES = 5
# At which passages: the first one, and some later ones.
PASSAGES = (1, 2, 3, 1, 5)
RANDOM = 200 if LONG else 20
EDGE = ("key.begun", "session.saved", "key.acted", "answer.partial", "key.kept", "event.kept", "event.sent")
BRIDGE = ("log.inserted", "log.committed", "log.told")
FILES = ("upload.partial", "upload.named")
JOBS = ("job.made", "job.handed_over", "document.partial")


def plan(host: str, points: tuple[str, ...], rng: random.Random) -> list[tuple[str, str]]:
    """Each point five times, in any order."""
    made = [(host, f"{point}:{passage}") for point in points for passage in PASSAGES[:TIMES]]
    rng.shuffle(made)
    return made


@pytest.mark.timeout(4 * 60)
@pytest.mark.parametrize("seed", seeds(1))
async def test_an_edge_that_dies_at_each_point(stand: Stand, seed: int, tally: Tally) -> None:
    """However an edge dies while calls are under way, each is carried out once and answered."""
    count = await deeds(Lab(stand), plan("edge", EDGE, random.Random(seed)), tally)
    assert tally.faults == Counter(dict.fromkeys(EDGE, TIMES))
    print(f"{count} calls, {tally}")


@pytest.mark.timeout(4 * 60)
@pytest.mark.parametrize("seed", seeds(1))
async def test_a_bridge_that_dies_at_each_point(stand: Stand, seed: int, tally: Tally) -> None:
    """However a bridge dies while events are on their way, calls are carried out once and answered."""
    count = await deeds(Lab(stand), plan("bridge", BRIDGE, random.Random(seed)), tally)
    assert tally.faults == Counter(dict.fromkeys(BRIDGE, TIMES))
    print(f"{count} calls, {tally}")


@pytest.mark.timeout(2 * 60)
@pytest.mark.parametrize("seed", seeds(1))
async def test_what_a_bridge_confirmed_it_has(stand: Stand, seed: int, tally: Tally) -> None:
    """However a bridge dies, its next process holds every event that was acknowledged to an edge."""
    steps = [point for _, point in plan("bridge", BRIDGE, random.Random(seed))]
    count = await acknowledged(Lab(stand, edge=False), steps if LONG else steps[:6], tally)
    print(f"{count} events, {tally}")


@pytest.mark.timeout(RANDOM * 12 + 60)
@pytest.mark.parametrize("how", ["act", "never"])
async def test_an_edge_that_dies_at_any_moment(stand: Stand, how: str, tally: Tally) -> None:
    """At random moments too: ``adopt`` has as many deeds as keys; ``never`` has an answer or a 409, never two deeds."""
    lab = Lab(stand)

    async def kills() -> None:
        for _ in range(RANDOM if how == "act" else RANDOM // 3):
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


@pytest.mark.timeout(2 * 60)
@pytest.mark.parametrize("seed", seeds(1))
async def test_files_are_whole_or_absent(stand: Stand, seed: int, tally: Tally) -> None:
    """However an edge dies as an upload gets its name, the name stands for the whole file, and a repeat helps."""
    count = await uploads(Lab(stand, "staging"), plan("edge", FILES, random.Random(seed)), tally)
    assert tally.faults == Counter(dict.fromkeys(FILES, TIMES))
    print(f"{count} files, {tally}")


@pytest.mark.timeout(4 * 60)
@pytest.mark.parametrize("seed", seeds(1))
async def test_jobs_are_run_once(stand: Stand, seed: int, tally: Tally) -> None:
    """An edge that dies anywhere during submission: as many payload runs as keys, and every caller has its job's id."""
    count = await jobs(Lab(stand, "psij"), plan("edge", JOBS, random.Random(seed)), tally)
    assert tally.faults == Counter(dict.fromkeys(JOBS, TIMES))
    print(f"{count} jobs, {tally}")
