"""Processes that die and are started again, while callers go on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from kit.distributions import install_plugin
from kit.hosts import Bridge, Edge
from kit.processes import Process
from kit.stand import Stand
from kit.waiting import until

from radical_edge_client import AsyncBridgeClient
from radical_edge_core.testing.tally import SEED_VARIABLE, Tally

HERE = Path(__file__).parent
# ``nox -s chaos -- --seeds N`` sets it: how many seeds, and with it the long sizes.
SEEDS = int(os.environ.get("RADICAL_EDGE_CHAOS_SEEDS", "0"))
LONG = SEEDS > 0
FIRST_SEED = int(os.environ.get(SEED_VARIABLE, time.time_ns() % 1_000_000))
DEADLINE_S = 90.0


def seeds(short: int) -> range:
    """Return the seeds of a test; each is in the test's name, and ``RADICAL_EDGE_TEST_SEED`` gives the first again."""
    return range(FIRST_SEED, FIRST_SEED + (SEEDS or short))


class Lab:
    """
    A bridge and an edge that may be killed at any moment.

    Args:
        stand: Starts the processes.
        plugins: What the edge offers.
        source: A copy of core's package that the processes are to use instead.
        edge: Whether to start the edge.
        also: More of the processes' environment.
    """

    def __init__(
        self,
        stand: Stand,
        plugins: str = "acts",
        *,
        source: Path | None = None,
        edge: bool = True,
        **also: str,
    ) -> None:
        self.stand = stand
        self.folder = stand.folder / "acts"
        self.folder.mkdir(exist_ok=True)
        self.lines = self.folder / "acts"
        self.lines.touch()
        self._plugins = plugins
        self._also = {"ACTS_FOLDER": str(self.folder), **also}
        if source is not None:
            self._also["PYTHONPATH"] = f"{source}{os.pathsep}{stand.site}"
        if "acts" in plugins and not stand.site.exists():
            install_plugin(
                stand.site, HERE / "acts.py", "throwaway_acts", "throwaway-acts", entry="acts", target="Acts"
            )
        self.port = 0
        self.bridge = self.start_bridge()
        if edge:
            self.start_edge()
            self.bridge.has("hpc", *plugins.split(","))

    def start_bridge(self, point: str = "", *, ready: bool = True, drain_s: float = 3) -> Bridge:
        """Start a bridge where the last one was; ``point`` says where it dies."""
        also = self._also | ({"RADICAL_EDGE_CRASH_POINT": point} if point else {})
        arguments = ("--port", str(self.port), "--drain-s", str(drain_s))
        made = Bridge(arguments, self.stand.environ | also, self.stand._log("bridge"), self.stand.home)
        made.errors_expected = True
        self.stand.processes.append(made)
        self.bridge = made
        if ready:
            made.ready()
            self.port = made.port
        return made

    def start_edge(self, point: str = "") -> Edge:
        """Start an edge on the state of the last one; ``point`` says where it dies."""
        also = self._also | ({"RADICAL_EDGE_CRASH_POINT": point} if point else {})
        url = f"ws://127.0.0.1:{self.port}"
        self.edge = self.stand.edge(
            "hpc", "--url", url, "--plugins", self._plugins, "--drain-s", "3", also=also
        )
        self.edge.errors_expected = True
        return self.edge

    def start(self, host: str, point: str = "") -> Process:
        """Start one of the two."""
        return self.start_edge(point) if host == "edge" else self.start_bridge(point, ready=False)

    def join_token(self) -> str:
        """Return what edges join with."""
        return (self.stand.home / "bridge/join.token").read_text(encoding="utf-8").strip()

    def kill(self, host: str) -> None:
        """``kill -9``, whatever it does just now."""
        (self.edge if host == "edge" else self.bridge).kill()

    def client(self, deadline_s: float = DEADLINE_S) -> AsyncBridgeClient:
        """Return a caller with the admin token."""
        return AsyncBridgeClient(
            f"http://127.0.0.1:{self.port}", token=self.bridge.token, deadline_s=deadline_s
        )

    async def plugin(self, client: AsyncBridgeClient, plugin: str = "acts", /, **options: Any) -> Any:
        """Return the client of the edge's plugin, with a session."""
        return await client.get_edge_client("hpc").get_plugin(plugin, **options)

    def acts(self) -> Counter[str]:
        """Return how often each thing was done."""
        return Counter(line.split()[1] for line in self.lines.read_text(encoding="utf-8").splitlines())


async def dies(process: Process, within_s: float = 60.0) -> None:
    """Wait until a process has died of ``kill -9``."""
    deadline = time.monotonic() + within_s
    while process.running:
        assert time.monotonic() < deadline, f"{process.name} did not come to its crash point"
        await asyncio.sleep(0.02)
    assert process.wait() == -signal.SIGKILL, process.output[-3000:]


async def through(lab: Lab, plan: Iterable[tuple[str, str]], tally: Tally) -> None:
    """Let one process after the other die at its point; the last one lives."""
    host = ""
    for host, point in plan:
        process = lab.edge if host == "edge" else lab.bridge
        if process.running:
            process.kill()  # it has no point to die at
        await dies(lab.start(host, point))
        tally.count(point.partition(":")[0])
    lab.start(host)


async def busy(work: Callable[[int], Awaitable[None]], workers: int, until_done: Awaitable[None]) -> int:
    """Let workers do one thing after the other until something is done; return how many things that were."""
    stop = asyncio.Event()
    numbers = iter(range(1_000_000))
    count = 0

    async def worker() -> None:
        nonlocal count
        while not stop.is_set():
            await work(next(numbers))
            count += 1

    running = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        waiting = asyncio.ensure_future(until_done)
        done, _ = await asyncio.wait({waiting, *running}, return_when=asyncio.FIRST_COMPLETED)
        if waiting not in done:
            waiting.cancel()
            await asyncio.gather(*done)  # a worker ends early only where it failed
        await waiting
        stop.set()
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
    return count


__all__ = ["DEADLINE_S", "LONG", "Lab", "busy", "dies", "seeds", "through", "until"]
