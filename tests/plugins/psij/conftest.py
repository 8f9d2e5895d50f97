"""A host for the plugin, and the end of every job that a test began."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.process import members, send_groups
from radical_edge_core.jobs.retention import folders_in

HOST = Path(__file__).with_name("host.py")
SPEC = importlib.util.spec_from_file_location("psij_test_host", HOST)
host_module = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(host_module)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """What an edge keeps; whatever runs of its jobs when the test is over is ended."""
    yield tmp_path
    for folder in folders_in(tmp_path / "job dir" / "psij"):
        end_of(folder)


def end_of(folder: JobFolder) -> None:
    """Kill what is left of a job."""
    claim = folder.withdraw("unstarted")
    if (shim := claim.process) is None:
        return
    send_groups(shim, signal.SIGKILL)
    end = time.monotonic() + 10
    while members(shim):
        assert time.monotonic() < end, f"job {folder.job_id} can't be killed"
        time.sleep(0.005)


@pytest.fixture
async def make_host(home: Path) -> AsyncIterator[Callable[..., Awaitable]]:
    """Start the plugin on this home; stopped at the end."""
    made = []

    async def make(**config: object):
        host = host_module.Host(home, {"cancel_grace_s": 0.5, **config})
        made.append(host)
        return await host.start()

    yield make
    for host in made:
        await host.stop()


@pytest.fixture
async def host(make_host):
    return await make_host()


@pytest.fixture
async def sid(host) -> str:
    return await host.register()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Give a test the way to wait for a condition."""

    async def wait(condition: Callable[[], object], deadline_s: float = 30.0) -> None:
        async with asyncio.timeout(deadline_s):
            while not condition():  # noqa: ASYNC110 - the condition is anything
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Give a test the way to say what it met; shown when it fails."""
    return print


@pytest.fixture
def chance(tell: Callable[[str], None]) -> random.Random:
    """Random numbers whose seed is told."""
    seed = random.randrange(2**32)
    tell(f"seed {seed}")
    return random.Random(seed)


class EdgeProcess:
    """The plugin in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with (home / "edge.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, HOST, home],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self.process.stdout.readline() == b"ready\n"

    def send(self, method: str, *path: str, **more: object) -> None:
        """Send a request and don't wait."""
        self.process.stdin.write(json.dumps({"method": method, "path": path, **more}).encode() + b"\n")
        self.process.stdin.flush()

    def call(self, method: str, *path: str, **more: object) -> dict:
        """Send a request and return the answer; with no other under way."""
        self.send(method, *path, **more)
        return json.loads(self.process.stdout.readline())

    def submit(self, sid: str, script: str, **more: object) -> str:
        spec = {"executable": "sh", "arguments": ["-c", script]}
        return self.call("POST", "submit", sid, body={"job_spec": spec}, **more)["job_id"]

    def kill(self) -> None:
        """End it as a crash, an administrator or a full memory does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def start_edge(home: Path) -> Iterator[Callable[[], EdgeProcess]]:
    """Start the plugin as a process on this home; killed at the end."""
    made: list[EdgeProcess] = []

    def start() -> EdgeProcess:
        made.append(EdgeProcess(home))
        return made[-1]

    yield start
    for edge in made:
        if edge.process.returncode is None:
            edge.kill()
