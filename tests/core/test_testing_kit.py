"""The kit itself: a fault that did not happen, and what was left behind, must not go unnoticed."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from radical_edge_core.testing.faults import fault_proxy
from radical_edge_core.testing.leaks import no_leaked_tasks, no_leaked_threads
from radical_edge_core.testing.tally import SEED_VARIABLE, Tally
from radical_edge_core.testing.waiting import wait_until


@pytest.fixture(autouse=True)
async def _guarded(no_leaks: None) -> AsyncIterator[None]:
    """The kit leaves nothing behind either."""
    async with no_leaked_tasks():
        yield


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that gives back what it gets; its port."""
    ended: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ended.append(task)
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def rest(reader: asyncio.StreamReader) -> int:
    """How many bytes still come before the connection ends."""
    count = 0
    with suppress(ConnectionError):
        while data := await asyncio.wait_for(reader.read(65536), 5):
            count += len(data)
    return count


def test_a_tally_without_faults_fails_and_tells_its_seed() -> None:
    """A test that meant to inject faults and did not has shown nothing."""
    tally = Tally(7)
    with pytest.raises(AssertionError, match=f"not one fault was injected .{SEED_VARIABLE}=7"):
        tally.check()
    tally.count("cut")
    tally.check()
    assert str(tally) == f"cut 1 ({SEED_VARIABLE}=7)"


def test_a_seed_gives_the_same_chance_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed of the environment makes the faults of another run."""
    monkeypatch.setenv(SEED_VARIABLE, "12")
    assert Tally().rng.random() == random.Random(12).random()
    monkeypatch.delenv(SEED_VARIABLE)
    assert Tally().seed != Tally().seed


async def test_waiting_ends_with_what_was_found() -> None:
    """A condition is asked again until it holds; a deadline tells what it said last."""
    asked = iter([0, "", 3])
    assert await wait_until(lambda: next(asked)) == 3
    with pytest.raises(AssertionError, match=r"not within 0\.05 s; last was False"):
        await wait_until(lambda: False, 0.05)


async def test_a_proxy_passes_everything_on(tally: Tally) -> None:
    """Without a fault a connection is as good as the one behind it, its end included."""
    tally.count("none")
    async with echo() as port, fault_proxy(port, tally) as proxy, connected(proxy.port) as (reader, writer):
        writer.write(bytes(500_000))
        assert len(await reader.readexactly(500_000)) == 500_000
        writer.write_eof()
        assert await rest(reader) == 0
        await wait_until(lambda: proxy.open == 0)
        assert proxy.forwarded == 1_000_000


async def test_a_cut_comes_at_its_byte(tally: Tally) -> None:
    """Exactly so many bytes go through, and then both ends break."""
    async with echo() as port, fault_proxy(port, tally) as proxy, connected(proxy.port) as (reader, writer):
        proxy.cut_after(12_345)
        writer.write(bytes(12_345))
        await rest(reader)
        assert proxy.forwarded == 12_345
        assert tally.faults["cut"] == 1


async def test_a_frozen_connection_is_open_and_silent(tally: Tally) -> None:
    """Nothing comes through a frozen connection until it is thawed; new ones are not concerned."""
    async with echo() as port, fault_proxy(port, tally) as proxy, connected(proxy.port) as (reader, writer):
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        proxy.freeze()
        writer.write(b"b")
        async with connected(proxy.port) as (other, others):
            others.write(b"c")
            assert await other.readexactly(1) == b"c"
        assert not reader._buffer  # type: ignore[attr-defined]  # what came, without waiting
        proxy.thaw()
        assert await reader.readexactly(1) == b"b"


async def test_a_stranded_connection_is_broken_on_one_side(tally: Tally) -> None:
    """The caller's end breaks, and the target's stays as it is."""
    async with echo() as port, fault_proxy(port, tally) as proxy, connected(proxy.port) as (reader, _):
        await wait_until(lambda: proxy.open == 1)
        proxy.strand()
        await rest(reader)
        assert proxy.open == 1


async def test_refused_connections_are_counted(tally: Tally) -> None:
    """A refusing proxy breaks whoever comes, and takes them again when told."""
    async with echo() as port, fault_proxy(port, tally) as proxy:
        proxy.refuse()
        with suppress(ConnectionError):
            async with connected(proxy.port) as (reader, _):
                await rest(reader)
        await wait_until(lambda: tally.faults["refused"] == 1)
        proxy.accept()
        async with connected(proxy.port) as (reader, writer):
            writer.write(b"a")
            assert await reader.readexactly(1) == b"a"


async def test_a_leaked_task_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that was forgotten fails its test."""
    monkeypatch.setattr("radical_edge_core.testing.leaks._PATIENCE_S", 0.05)
    leaking = no_leaked_tasks()
    await leaking.__aenter__()
    left = asyncio.create_task(asyncio.sleep(3600), name="forgotten")
    left.add_done_callback(lambda _: None)
    with pytest.raises(AssertionError, match="forgotten"):
        await leaking.__aexit__(None, None, None)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)


def test_leaked_threads_children_and_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever outlives its test fails it, by name."""
    monkeypatch.setattr("radical_edge_core.testing.leaks._PATIENCE_S", 0.05)
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    with pytest.raises(AssertionError, match="threads left behind: forgotten"), no_leaked_threads():
        thread.start()
    end.set()
    thread.join()
    if Path("/proc/self/task").exists():
        children: list[subprocess.Popen[bytes]] = []
        with pytest.raises(AssertionError, match="child processes left behind"), no_leaked_threads():
            children.append(subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE))
        for child in children:
            child.communicate(timeout=10)
    with pytest.raises(AssertionError, match="variables left behind: RADICAL_LEFT"), no_leaked_threads():
        os.environ["RADICAL_LEFT"] = "x"
    del os.environ["RADICAL_LEFT"]


def test_pytest_finds_the_plugin_by_itself(pytestconfig: pytest.Config) -> None:
    """The fixtures come with the distribution, and importing them loads nothing else of it."""
    assert pytestconfig.pluginmanager.has_plugin("radical_edge")
    script = (
        "import sys, radical_edge_core.testing.pytest_plugin\n"
        "sys.exit(bool({'aiohttp', 'hypercorn', 'starlette', 'wsproto'} & set(sys.modules)))"
    )
    done = subprocess.run((sys.executable, "-c", script), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
