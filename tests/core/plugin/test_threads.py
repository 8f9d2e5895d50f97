"""Worker threads: one plugin's blocked calls are that plugin's problem."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from radical_edge_core.errors import Overloaded
from radical_edge_core.plugin import Plugin, current_caller, operation
from radical_edge_core.plugin.threads import Workers


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """An event that blocked threads wait for; set at the end whatever happens."""
    event = threading.Event()
    yield event
    event.set()


async def test_blocked_threads_of_one_plugin_do_not_reach_another(
    serve: Callable[..., Any], gate: threading.Event, until: Any
) -> None:
    """Eight calls hang, the ninth waits, and a neighbour answers at once."""
    inside: list[str] = []

    class Hanging(Plugin):
        name = "hanging"

        @operation.get("hang")
        def hang(self) -> dict[str, str]:
            """Hang."""
            inside.append(current_caller().subject)
            gate.wait(30)
            return {"who": current_caller().subject}

        @operation.get("loop")
        async def loop(self) -> None:
            """Answer from the loop."""

    class Neighbour(Plugin):
        name = "neighbour"

        @operation.get("quick")
        def quick(self) -> dict[str, str]:
            """Answer from a thread."""
            return {"thread": threading.current_thread().name}

    hanging, neighbour = serve(Hanging), serve(Neighbour)
    calls = [asyncio.create_task(hanging.as_(f"u{i}").get("/hang")) for i in range(9)]
    await until(lambda: len(inside) == 8)
    async with asyncio.timeout(5):
        replies = await asyncio.gather(*(neighbour.get("/quick") for _ in range(20)))
        assert (await hanging.get("/loop")).status == 200
    assert all(reply.status == 200 for reply in replies)
    assert len(inside) == 8
    gate.set()
    answers = {(await call).json["who"] for call in calls}
    assert answers == {f"u{i}" for i in range(9)}


async def test_a_cancelled_call_leaves_at_once_and_its_thread_keeps_its_place(
    gate: threading.Event, until: Any
) -> None:
    """Callers that give up and come again do not gather threads without end."""
    workers = Workers(1)
    entered: list[int] = []

    def block() -> None:
        entered.append(1)
        gate.wait(30)

    first = asyncio.create_task(workers.run(block))
    await until(lambda: entered)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(workers.run(lambda: "done"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await asyncio.shield(second)
    gate.set()
    assert await second == "done"


async def test_a_waiting_call_that_is_cancelled_takes_no_place(gate: threading.Event, until: Any) -> None:
    """Leaving the queue leaves it as it was."""
    workers = Workers(1)
    entered: list[int] = []
    first = asyncio.create_task(workers.run(lambda: (entered.append(1), gate.wait(30))))
    await until(lambda: entered)
    waiting = asyncio.create_task(workers.run(lambda: "never"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    await first
    assert await workers.run(lambda: "next") == "next"


async def test_the_queue_is_bounded(gate: threading.Event, until: Any) -> None:
    """Beyond the bound a call is told to come back."""
    workers = Workers(1, max_waiting=1)
    entered: list[int] = []
    first = asyncio.create_task(workers.run(lambda: (entered.append(1), gate.wait(30))))
    await until(lambda: entered)
    second = asyncio.create_task(workers.run(lambda: None))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await workers.run(lambda: None)
    gate.set()
    await asyncio.gather(first, second)


HUNG = """
import asyncio, threading
from radical_edge_core.plugin.threads import Workers
from radical_edge_core.process import run

async def main():
    entered = threading.Event()
    call = asyncio.create_task(Workers(1).run(lambda: (entered.set(), threading.Event().wait())))
    while not entered.is_set():
        await asyncio.sleep(0.01)
    call.cancel()
    print("stopped")
    return 7

raise SystemExit(run(main()))
"""


def test_a_hung_thread_does_not_keep_its_process() -> None:
    """A host that has stopped ends, though a plugin's call still hangs."""
    done = subprocess.run(
        [sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (7, "stopped\n")
