"""The topic ``metrics``: sent while somebody listens, at the interval that was asked for."""

from __future__ import annotations

import asyncio

import pytest


async def test_nobody_listens_nothing_is_sent_and_no_task_runs(host) -> None:
    """Silence costs nothing."""
    async with host(metrics_interval_s=0.5) as h:
        await h.metrics()
        assert not h.plugin.publisher.running
        assert not [task for task in asyncio.all_tasks() if "publish" in task.get_name()]
        assert h.events == []


async def test_metrics_are_sent_while_somebody_listens(host, until) -> None:
    """At once, then again; ephemeral, for whoever may read; and no more once the listener has gone."""
    async with host(metrics_interval_s=0.5) as h:
        h.listen("metrics")
        await until(lambda: len(h.events) >= 2)
        topic, data, owner, durable = h.events[0]
        assert (topic, owner, durable) == ("metrics", "", False)
        assert data.cpu.cores_logical >= 1
        assert h.events[1][1].time - data.time == pytest.approx(0.5, abs=0.4)
        h.listen()
        await until(lambda: not h.plugin.publisher.running)
        sent = len(h.events)
        h.listen("metrics")
        await until(lambda: len(h.events) > sent)


async def test_the_listener_of_another_topic_starts_nothing(host) -> None:
    """Only the topic itself counts."""
    async with host() as h:
        h.listen("weather")
        assert not h.plugin.publisher.running


async def test_the_shortest_wish_of_all_sessions_holds(host) -> None:
    """A session that wishes nothing counts with the setting; one that ends withdraws its wish."""
    async with host(metrics_interval_s=10.0) as h:
        interval = h.plugin.publisher.interval_s
        slow = await h.open(metrics_interval_s=60.0)
        assert interval() == 60.0
        fast = await h.open(metrics_interval_s=0.5)
        assert interval() == 0.5
        answer = await h.request("POST", f"interval/{fast}", {"interval_s": 5.0})
        assert (answer.status, answer.json) == (200, {"interval_s": 5.0})
        await h.request("POST", f"unregister_session/{fast}")
        assert interval() == 60.0
        await h.open()
        assert interval() == 10.0
        await h.request("POST", f"unregister_session/{slow}")
        assert interval() == 10.0


async def test_a_wish_takes_effect_at_once(host, until) -> None:
    """An hour's pause is cut short."""
    async with host(metrics_interval_s=3600.0) as h:
        h.listen("metrics")
        await until(lambda: h.events)
        await h.open(metrics_interval_s=0.5)
        await until(lambda: len(h.events) >= 2)


@pytest.mark.parametrize("interval", [0.0, 0.4, -1.0, 3601.0, "2", None])
async def test_an_interval_that_is_none_is_refused(host, interval) -> None:
    """422 names the field."""
    async with host() as h:
        sid = await h.open()
        answer = await h.request("POST", f"interval/{sid}", {"interval_s": interval})
    assert answer.status == 422
    assert answer.json["problems"][0]["path"] == "$.interval_s"


async def test_a_wish_outlives_the_process(host) -> None:
    """What snapshot tells, restore takes."""
    async with host() as h:
        sid = await h.open(metrics_interval_s=7.0)
        session = h.plugin.sessions.get(sid, "me")
        told = session.snapshot()
    async with host() as h:
        session = type(session)(h.plugin, sid, "me", None)
        session.restore(told)
        await session.open()
        assert h.plugin.publisher.interval_s() == 7.0
        for damaged in (None, [], {"metrics_interval_s": "x"}):
            session.restore(damaged)
            assert h.plugin.publisher.interval_s() == 2.0


async def test_the_loop_is_never_held_up(host, programs, until) -> None:
    """While tools hang and events are sent, the event loop stays awake."""
    programs("nvidia-smi", "exec sleep 1000")
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(0.005)
            longest = max(longest, loop.time() - began)

    async with host(metrics_interval_s=0.5, probe_deadline_s=0.5, min_interval_s=0.0) as h:
        watcher = asyncio.create_task(watch())
        h.listen("metrics")
        await until(lambda: len(h.events) >= 4)
        watcher.cancel()
    assert longest < 0.25
