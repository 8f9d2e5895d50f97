"""
The processes under measurement, started as a user starts them, and ended together.

Bridge and edge are the console scripts with their default configuration: the token, the request log and the
metrics are on. Everything lies in one temporary state folder; the tokens are read from its files and never
stand in argv.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import frozen

SCRIPTS = Path(sys.executable).parent
START_S = 60.0
HYPERCORN = """\
bind = "127.0.0.1:{port}"
worker_class = "uvloop"
workers = 0
backlog = 2048
keep_alive_max_requests = 1000000000
keep_alive_timeout = 25
"""


@frozen(kw_only=True)
class Target:
    """One thing to load: where it listens, what its paths begin with, and which processes serve it."""

    name: str
    port: int
    prefix: str
    pids: dict[str, int]
    token_file: Path | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that every request needs."""
        if self.token_file is None:
            return {}
        return {"Authorization": f"Bearer {self.token_file.read_text(encoding='utf-8').strip()}"}


@frozen(kw_only=True)
class Stand:
    """The ceiling and the proxy, both running."""

    direct: Target
    proxied: Target
    configuration: dict[str, str]


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """Start everything; end it in reverse order."""
    environ = {**os.environ, "RADICAL_EDGE_HOME": str(folder)}
    environ = {name: value for name, value in environ.items() if not name.startswith("RADICAL_BRIDGE_")}
    bridge_port, direct_port = free_port(), free_port()
    bridge = ("radical-edge-bridge", "--port", str(bridge_port))
    edge = ("radical-edge-service", "--name", "bench", "--url", f"ws://127.0.0.1:{bridge_port}")
    settings = folder / "hypercorn.toml"
    settings.write_text(HYPERCORN.format(port=direct_port), encoding="utf-8")
    ceiling = (sys.executable, "-m", "hypercorn", "--config", str(settings), "radical_edge_bench.app:app")
    with ExitStack() as stack:
        direct_pid = stack.enter_context(running(ceiling, environ, folder / "direct.log"))
        bridge_pid = stack.enter_context(running(bridge, environ, folder / "bridge.log"))
        token = folder / "bridge" / "admin.token"
        wait_until(token.exists, "the bridge did not write its token", folder)
        edge_pid = stack.enter_context(running(edge, environ, folder / "edge.log"))
        proxied = Target(
            name="proxied",
            port=bridge_port,
            prefix="/bench/bench",
            pids={"bridge": bridge_pid, "edge": edge_pid},
            token_file=token,
        )
        direct = Target(name="direct", port=direct_port, prefix="", pids={"hypercorn": direct_pid})
        for target in (direct, proxied):
            wait_until(lambda target=target: answers(target), f"{target.name} does not answer", folder)
        shown = {command[0]: configuration_of(command, environ) for command in (bridge, edge)}
        yield Stand(
            direct=direct, proxied=proxied, configuration=shown | {"hypercorn": settings.read_text("utf-8")}
        )


@contextmanager
def running(command: tuple[str, ...], environ: dict[str, str], log: Path) -> Iterator[int]:
    """Run one process, its output in a file, and yield its process id."""
    program = command[0] if "/" in command[0] else str(SCRIPTS / command[0])
    with log.open("wb") as output:
        process = subprocess.Popen((program, *command[1:]), env=environ, stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def configuration_of(command: tuple[str, ...], environ: dict[str, str]) -> str:
    """Return what ``--show-config`` prints: each value with its origin."""
    program = str(SCRIPTS / command[0])
    done = subprocess.run(
        (program, *command[1:], "--show-config"), env=environ, capture_output=True, check=True
    )
    return done.stdout.decode()


def answers(target: Target) -> bool:
    """Tell whether a small request succeeds now."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=5)
    try:
        connection.request("GET", target.prefix + "/small", headers=target.headers())
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def wait_until(condition: object, complaint: str, folder: Path) -> None:
    """Wait for a condition; where it stays away, end with what the logs say."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if callable(condition) and condition():
            return
        time.sleep(0.05)
    logs = "".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(folder.glob("*.log")))
    raise SystemExit(f"{complaint} within {START_S:.0f} s\n{logs}")


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
