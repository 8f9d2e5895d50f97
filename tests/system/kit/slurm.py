"""A real SLURM cluster for one session of tests; ``tests/slurm/README.md`` says what is in it."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from attrs import frozen

SCRIPTS = Path(__file__).parents[2] / "slurm"
REUSED = "RADICAL_EDGE_TEST_SLURM"
WHY_NOT = "needs a real SLURM cluster, which tests/slurm/slurm-up starts as root on Debian only"
_START_S = 240.0
_PORTS = (0, 1, *range(10, 15))


@frozen
class Cluster:
    """
    A cluster that runs.

    Attributes:
        conf: What ``SLURM_CONF`` names.
        user: A plain user who may submit.
        folder: Where it lives.
    """

    conf: str
    user: str
    folder: Path

    def environ(self, user: str = "root") -> Mapping[str, str]:
        """Return the environment in which a user's commands find it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        home = "/root" if user == "root" else f"/home/{user}"
        return {**kept, "SLURM_CONF": self.conf, "HOME": home, "USER": user, "LOGNAME": user}

    def run(self, *command: str, user: str = "root", check: bool = True) -> str:
        """Run a command as a user, in their home, and return what it printed."""
        environ = self.environ(user)
        become = () if user == "root" else ("runuser", "-u", user, "--")
        done = subprocess.run(
            (*become, *command), env=environ, cwd="/tmp", capture_output=True, text=True, timeout=60, check=False
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def submit(self, script: str, *options: str, user: str | None = None) -> str:
        """Submit a job whose output goes nowhere, and return its id."""
        wanted = ("sbatch", "--parsable", "--output=/dev/null", *options, "--wrap", script)
        return self.run(*wanted, user=user or self.user)

    def cancel_all(self) -> None:
        """End every job."""
        for user in ("root", self.user):
            self.run("scancel", "--user", user, check=False)


def cluster(proctrack: str = "") -> Iterator[Cluster]:
    """
    Give the cluster that the environment names, or start one and end it afterwards.

    Skips the test where that can't be.

    Args:
        proctrack: How it knows a job's processes, where not as usual; it is then always one of its own.
    """
    reused = os.environ.get(REUSED)
    if reused and not proctrack:
        yield _up(Path(reused), None)
        return
    if os.geteuid() != 0 or not _on_debian():
        pytest.skip(WHY_NOT)
    folder = Path(tempfile.mkdtemp(prefix="edge-slurm-", dir="/tmp"))
    folder.chmod(0o755)  # the plain user has to get in
    try:
        yield _up(folder, _free_port(), proctrack)
    finally:
        subprocess.run(
            (SCRIPTS / "slurm-down", "--purge"),
            env={**os.environ, "SLURM_UP_DIR": str(folder)},
            timeout=120,
            check=False,
            capture_output=True,
        )
        shutil.rmtree(folder, ignore_errors=True)


def _up(folder: Path, port: int | None, proctrack: str = "") -> Cluster:
    environ = {**os.environ, "SLURM_UP_DIR": str(folder)}
    if port is not None:
        environ["SLURM_UP_PORT"] = str(port)
    if proctrack:
        environ["SLURM_UP_PROCTRACK"] = proctrack
    log = folder / "start.log"
    # Into a file: the daemons keep the descriptor, and a pipe would never end.
    with log.open("wb") as said:
        done = subprocess.run(
            (SCRIPTS / "slurm-up",), env=environ, stdout=subprocess.PIPE, stderr=said, timeout=_START_S, check=False
        )  # fmt: skip
    if done.returncode:
        words = log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
        if shutil.which("slurmctld", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            pytest.skip(f"{WHY_NOT}; its packages can't be installed: {words.rpartition(chr(10))[2]}")
        raise AssertionError(f"slurm-up failed: {words}")
    line = done.stdout.decode().strip().splitlines()[-1]
    told = dict(word.split("=", 1) for word in line.split() if "=" in word)
    return Cluster(told["SLURM_CONF"], told["user"], folder)


def _on_debian() -> bool:
    release = Path("/etc/os-release")
    return release.exists() and "ID=debian" in release.read_text(encoding="utf-8").splitlines()


def _free_port() -> int:
    for _ in range(50):
        port = random.randrange(20_000, 32_000)
        with ExitStack() as taken:
            try:
                for offset in _PORTS:
                    probe = taken.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port + offset))
            except OSError:
                continue
            return port
    raise AssertionError("no free ports for a cluster")
