"""A host for the plugin, and the end of every job that a test began."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.process import members, send_groups
from radical_edge_core.jobs.retention import folders_in

from .clusters import INTERVAL_S, Controller, SlurmHost
from .programs import Programs

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


def python_of(user: str) -> list[str]:
    """Return a Python that a user may run and that has what this one has; skips where there is none."""
    for program in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin")):
        code = f"import site, runpy, sys; site.addsitedir({sysconfig.get_path('purelib')!r}); sys.argv.pop(0)"
        if program is None:
            continue
        probe = ["runuser", "-u", user, "--", program, "-c", f"{code}; import radical_edge_psij, msgspec"]
        if subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0:
            return [program, "-c", f"{code}; runpy.run_path(sys.argv[0], run_name='__main__')"]
    pytest.skip(f"needs a Python that {user} may run, with this one's packages")


class EdgeProcess:
    """The plugin in a process of its own."""

    def __init__(
        self, home: Path, config: dict[str, object] | None = None, user: str = "", **environ: str
    ) -> None:
        self.home = home
        become = ["runuser", "-u", user, "--", *python_of(user)] if user else [sys.executable]
        with (home / "edge.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*become, HOST, home, json.dumps(config or {})],
                env={**os.environ, **environ},
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
        return self.try_to_submit(sid, script, **more)["job_id"]

    def try_to_submit(
        self, sid: str, script: str, executor: str = "local", spec: dict | None = None, **more: object
    ) -> dict:
        job_spec = {"executable": "sh", "arguments": ["-c", script], **(spec or {})}
        return self.call("POST", "submit", sid, body={"job_spec": job_spec, "executor": executor}, **more)

    def kill(self) -> None:
        """End it as a crash, an administrator or a full memory does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.died()

    def died(self) -> bool:
        """Wait until it is dead, and say whether it was killed."""
        code = self.process.wait(60)
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        return code in {-signal.SIGKILL, 128 + signal.SIGKILL}


@pytest.fixture
def start_edge(home: Path) -> Iterator[Callable[[], EdgeProcess]]:
    """Start the plugin as a process on this home; killed at the end."""
    made: list[EdgeProcess] = []

    def start(*arguments: object, at: Path = home, **environ: str) -> EdgeProcess:
        made.append(EdgeProcess(at, *arguments, **environ))
        return made[-1]

    yield start
    for edge in made:
        if edge.process.returncode is None:
            edge.kill()


@pytest.fixture
async def make_slurm_host(
    slurm, make_host, monkeypatch, home: Path
) -> AsyncIterator[Callable[..., Awaitable]]:
    """Start the plugin beside a real cluster; every job there is ended at the end."""
    monkeypatch.setenv("SLURM_CONF", slurm.conf)

    async def make(**config: object) -> SlurmHost:
        settings = {"shared_dir": str(home / "job dir"), "interval_s": INTERVAL_S, "margin_s": 1.0, **config}
        host = await make_host(**settings)
        return SlurmHost(host, slurm, await host.register(name="tests"))

    yield make
    slurm.cancel_all()


@pytest.fixture
async def on_slurm(make_slurm_host) -> SlurmHost:
    return await make_slurm_host()


@pytest.fixture
def controller(slurm) -> Iterator[Controller]:
    """The controller, which runs again at the end."""
    made = Controller(slurm)
    yield made
    made.go_on()


@pytest.fixture
def programs(home: Path, slurm, monkeypatch) -> Programs:
    made = Programs(home / "programs")
    monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_CONF", slurm.conf)
    return made


@pytest.fixture
def runs(home: Path) -> Callable[[str], int]:
    """Count the runs of a payload that leaves a mark."""

    def count(key: str) -> int:
        file = home / "runs" / key
        return file.read_text().count("ran\n") if file.exists() else 0

    (home / "runs").mkdir()
    return count
