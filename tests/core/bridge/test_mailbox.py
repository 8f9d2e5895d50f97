"""What lies between the server and a request's handler."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest

from radical_edge_core.bridge.mailbox import Mailbox, lean_requests
from radical_edge_core.testing.tally import Tally
from radical_edge_core.testing.waiting import wait_until


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_messages_come_in_their_order() -> None:
    """First in, first out, whoever came first."""
    mailbox = Mailbox(10)
    reading = asyncio.create_task(mailbox.get())
    await settle()
    for n in range(3):
        await mailbox.put({"n": n})
    assert [await reading, await mailbox.get(), await mailbox.get()] == [{"n": 0}, {"n": 1}, {"n": 2}]


async def test_writers_wait_for_room() -> None:
    """A full mailbox holds its writers back, and takes them in turn."""
    mailbox = Mailbox(2)
    writing = [asyncio.create_task(mailbox.put({"n": n})) for n in range(4)]
    await settle()
    assert [task.done() for task in writing] == [True, True, False, False]
    assert [(await mailbox.get())["n"] for _ in range(4)] == [0, 1, 2, 3]
    await asyncio.gather(*writing)


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_goes_away_takes_nothing_along(seed: int) -> None:
    """Readers and writers are cancelled at any moment: what was put is got, and nobody waits in vain."""
    tally = Tally(seed)
    rng, mailbox, got = tally.rng, Mailbox(2), list[int]()
    written = list[int]()

    async def read() -> None:
        message = await mailbox.get()
        got.append(message["n"])

    async def write(n: int) -> None:
        await mailbox.put({"n": n})
        written.append(n)

    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.Task[None]] = []
    for n in range(200):
        writes = rng.random() < 0.5
        tasks.append(asyncio.create_task(write(n) if writes else read()))
        writers += tasks[-1:] if writes else []
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        if rng.random() < 0.3:
            victim = rng.choice(tasks)
            tally.count("cancelled" if victim.cancel() else "too late")
    tasks += [asyncio.create_task(read()) for _ in range(200)]
    await wait_until(lambda: len(got) == sum(not task.cancelled() for task in writers))
    assert sorted(got) == sorted(written)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tally.check()


def test_the_server_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hypercorn that is installed is one whose requests come in mailboxes; another would be left as it is."""
    server: Any = importlib.import_module("hypercorn.asyncio.tcp_server")
    assert lean_requests()
    assert server.TaskGroup.__module__ == "radical_edge_core.bridge.mailbox"
    monkeypatch.setattr(server, "TaskGroup", dict)
    assert not lean_requests()
    assert server.TaskGroup is dict
