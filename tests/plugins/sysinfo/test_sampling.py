"""One measurement for all who ask, and none while it is fresh."""

from __future__ import annotations

import asyncio
import math
import threading
import time

import pytest

from radical_edge_sysinfo.cell import REST_FACTOR, Cell
from radical_edge_sysinfo.workers import Workers


class Counter:
    """A measurement that counts how often it is taken, and can be held up."""

    def __init__(self) -> None:
        self.taken = 0
        self.gate = threading.Event()
        self.gate.set()

    def read(self) -> int:
        self.gate.wait(10)
        self.taken += 1
        return self.taken


def cell(counter: Counter, *, keep_s: float) -> Cell[int]:
    return Cell("count", counter.read, empty=0, workers=Workers(), deadline_s=5.0, keep_s=keep_s)


async def test_a_thousand_callers_share_one_measurement() -> None:
    """Single flight, whatever the number of callers."""
    counter = Counter()
    counter.gate.clear()
    shared = cell(counter, keep_s=60.0)
    callers = [asyncio.create_task(shared.fresh()) for _ in range(1000)]
    await asyncio.sleep(0)
    counter.gate.set()
    await asyncio.gather(*callers)
    assert (counter.taken, shared.latest.value) == (1, 1)


async def test_a_caller_who_leaves_takes_the_measurement_from_nobody() -> None:
    """The others get it all the same."""
    counter = Counter()
    counter.gate.clear()
    shared = cell(counter, keep_s=60.0)
    leaving, staying = asyncio.create_task(shared.fresh()), asyncio.create_task(shared.fresh())
    await asyncio.sleep(0)
    leaving.cancel()
    counter.gate.set()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert (counter.taken, shared.latest.value) == (1, 1)


async def test_what_never_changes_is_measured_once() -> None:
    """An infinite age asks no second time."""
    counter = Counter()
    shared = cell(counter, keep_s=math.inf)
    for _ in range(5):
        await shared.fresh()
    assert counter.taken == 1


async def test_what_is_old_is_measured_again() -> None:
    """No age at all asks each time, but for the rest after a measurement."""
    counter = Counter()
    shared = cell(counter, keep_s=0.0)
    await shared.fresh()
    async with asyncio.timeout(5):
        while counter.taken == 1:
            await shared.fresh()
    assert counter.taken == 2


async def test_a_slow_measurement_rests_for_longer_than_it_took() -> None:
    """A tool that takes long does not run all the time."""
    shared: Cell[None] = Cell(
        "slow", lambda: time.sleep(0.05), empty=None, workers=Workers(), deadline_s=5.0, keep_s=0.0
    )
    await shared.fresh()
    rest_s = shared._due - time.monotonic()
    assert REST_FACTOR * 0.05 - 0.05 < rest_s < REST_FACTOR * 1.0


async def test_closing_ends_the_waiting() -> None:
    """What hangs is not waited for."""
    counter = Counter()
    counter.gate.clear()
    shared = cell(counter, keep_s=0.0)
    shared.begin()
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await shared.close()
    counter.gate.set()


async def test_the_first_caller_finds_what_was_measured_at_the_start(host, until) -> None:
    """The prefetch is under way before anybody asks."""
    async with host() as h:
        await until(lambda: not h.plugin.sampler.cpu.latest.gaps)
        await until(lambda: not h.plugin.sampler.workers.hanging())
        began = time.monotonic()
        found = await h.metrics()
        assert found["cpu"]["model"]
        assert time.monotonic() - began < 1.0


async def test_many_callers_of_the_plugin_share_one_measurement(host, programs, tmp_path) -> None:
    """A hundred calls at once run the vendor's tool once."""
    programs("nvidia-smi", f"echo >>{tmp_path}/runs")
    async with host(min_interval_s=60.0) as h:
        sid = await h.open()
        await asyncio.gather(*(h.metrics(sid) for _ in range(100)))
    assert (tmp_path / "runs").read_text() == "\n"
