"""The last hour: samples at an interval of their own, bounded, of what the kernel tells at once."""

from __future__ import annotations

import asyncio

import pytest

from radical_edge_sysinfo.config import SysinfoConfig
from radical_edge_sysinfo.history import KEEP_S, Recorder
from radical_edge_sysinfo.sampler import Sampler


async def test_samples_are_there_before_anybody_listens(host, until) -> None:
    """One at the start, with the field names of the topic; no session is needed and no vendor's program runs."""
    async with host() as h:
        await until(lambda: h.plugin.recorder.history().samples)
        answer = await h.request("GET", "history")
        assert answer.status == 200
        assert answer.json["interval_s"] == 10.0
        (sample,) = answer.json["samples"]
        assert 0 <= sample["cpu"]["percent"] <= 100
        assert 0 < sample["memory"]["used"] < sample["memory"]["total"]
        assert all({"interface", "rx_rate", "tx_rate"} == set(each) for each in sample["network"])
        assert sample["gpus"] == []


async def test_gpus_that_were_measured_for_a_listener_are_in_the_next_sample(host, until) -> None:
    """What the topic has published just now is taken from it."""
    async with host(metrics_interval_s=0.5, history_interval_s=2.0) as h:
        h.listen("metrics")
        await until(lambda: h.events)
        await until(lambda: len(h.plugin.recorder.history().samples) >= 2, within_s=20)
        published = h.events[-1][1]
        newest = h.plugin.recorder.history().samples[-1]
        assert [gpu.id for gpu in newest.gpus] == [gpu.id for gpu in published.gpus]


async def test_zero_keeps_none(host) -> None:
    """Nothing is measured then while nobody asks."""
    async with host(history_interval_s=0) as h:
        assert not [task for task in asyncio.all_tasks() if "record" in task.get_name()]
        assert (await h.request("GET", "history")).json == {"interval_s": 0, "samples": []}


async def test_an_hour_is_kept_and_no_more() -> None:
    """The oldest sample goes when a new one comes."""
    sampler = Sampler(SysinfoConfig(min_interval_s=60))
    recorder = Recorder(sampler, KEEP_S / 3)
    for _ in range(5):
        recorder._samples.append(await recorder._sample())
    kept = recorder.history().samples
    assert len(kept) == 3
    assert [sample.time for sample in kept] == sorted(sample.time for sample in kept)
    await sampler.close()


@pytest.mark.parametrize("wrong", [0.5, -1.0, 7200.0])
def test_an_interval_out_of_range_is_refused(wrong: float) -> None:
    """It is 0, or from 2 seconds to an hour."""
    with pytest.raises(ValueError, match="history_interval_s"):
        SysinfoConfig(history_interval_s=wrong)
