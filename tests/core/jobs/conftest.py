"""Job folders and the processes that run in them; nothing outlives its test."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest

from radical_edge_core.jobs.command import Command
from radical_edge_core.jobs.environment import clean_environment
from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.process import members, send_groups

MakeFolder = Callable[..., JobFolder]
StartShim = Callable[..., "subprocess.Popen[bytes]"]


def until(condition: Callable[[], object], deadline_s: float = 20.0) -> None:
    """Wait for a condition, or fail after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.005)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the folders of a test are; a blank and an umlaut in its name are no accident."""
    return tmp_path / "job folders ü"


@pytest.fixture
def make_folder(root: Path, tmp_path: Path) -> Iterator[MakeFolder]:
    """Make a folder for a command given by its words, or for ``script`` run by sh; clean up after it."""
    made: list[JobFolder] = []
    numbers = count()

    def make(
        *words: str,
        script: str = "",
        kind: str = "local",
        environment: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        **more: object,
    ) -> JobFolder:
        words = words or ("sh", "-c", script)
        command = Command(
            executable=words[0],
            arguments=tuple(words[1:]),
            environment=environment or {},
            directory=str(tmp_path),
            stdin=str(stdin) if stdin else None,
        )
        folder = JobFolder.create(root, f"job{next(numbers)}", command=command, kind=kind, **more)
        made.append(folder)
        return folder

    yield make
    for folder in made:
        if (claim := folder.claim()) is not None and (shim := claim.process) is not None:
            send_groups(shim, signal.SIGKILL)
            until(lambda shim=shim: not members(shim))


@pytest.fixture
def start_shim() -> Iterator[StartShim]:
    """Start a folder's shim the way an executor does."""
    started: list[subprocess.Popen[bytes]] = []

    def start(folder: JobFolder, **environ: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            folder.shim_command(), env={**clean_environment(os.environ), **environ}, cwd="/"
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def run_job(make_folder: MakeFolder, start_shim: StartShim) -> Callable[..., JobFolder]:
    """Make a folder, run it to its end, and return it."""

    def run(*words: str, **more: object) -> JobFolder:
        folder = make_folder(*words, **more)
        start_shim(folder).wait(30)
        return folder

    return run


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Give a test the way to wait for a condition."""
    return until


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Give a test the way to wait for a condition without holding up the loop."""

    async def wait(condition: Callable[[], object], deadline_s: float = 20.0) -> None:
        async with asyncio.timeout(deadline_s):
            while not condition():  # noqa: ASYNC110 - the condition is anything
                await asyncio.sleep(0.001)

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
