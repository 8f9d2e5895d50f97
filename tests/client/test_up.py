"""``radical-edge up`` as a process of its own, with its real children."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from radical_edge_client import BridgeClient

SCRIPT = Path(sys.executable).with_name("radical-edge")
DISTRIBUTION = Path(__file__).parent / "distribution"
DEADLINE_S = 40.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for children in /proc")


class Up:
    """One running ``up``."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [SCRIPT, "up", "--port", "0", *arguments],
                env={**os.environ, "PYTHONPATH": str(DISTRIBUTION)},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.children: list[int] = []

    def lines(self) -> list[str]:
        """Return the two lines that it prints when it is ready; remembers its children."""
        assert self.process.stdout
        lines = [self.process.stdout.readline().rstrip("\n") for _ in range(2)]
        pid = self.process.pid
        self.children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return lines

    def end(self, *signals: signal.Signals) -> float:
        """Send signals and return after how many seconds it has ended."""
        begun = time.monotonic()
        for number in signals:
            self.process.send_signal(number)
        self.process.wait(DEADLINE_S)
        return time.monotonic() - begun


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*arguments: str) -> Up:
        started.append(Up(tmp_path / f"up{len(started)}.log", *arguments))
        return started[-1]

    yield start
    for found in started:
        for pid in (found.process.pid, *found.children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        found.process.wait()
        if found.process.stdout:
            found.process.stdout.close()


def alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_ready_when_it_says_so_and_ends_when_told(
    up: Callable[..., Up], home: Path, number: signal.Signals
) -> None:
    """Two lines, an edge with its plugins, a broken one named, and nothing left 5 s after the signal."""
    running = up("--plugins", "example,broken", "--name", "here")
    bridge, sign_in = running.lines()
    url = bridge.removeprefix("bridge: ")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
    token = sign_in.removeprefix(f"sign in: {url}/#token=")
    assert token == (home / "bridge" / "admin.token").read_text().strip()
    with BridgeClient() as client:
        assert client.url.rstrip("/") == url
        assert client.get_edge_client("here").list_plugins()["example"]["status"] == "loaded"
    assert "plugin broken failed: AttributeError" in running.log.read_text()
    assert token not in running.log.read_text()
    assert len(running.children) == 2
    assert running.end(number) < 5
    assert running.process.returncode == 0
    assert not any(map(alive, running.children))
    assert running.process.stdout
    assert running.process.stdout.read() == ""


def test_with_tls(up: Callable[..., Up], certificate: tuple[Path, Path]) -> None:
    """The bridge speaks https; its edge trusts its certificate, and so does a client of the state folder."""
    running = up("--plugins", "example", "--cert", str(certificate[0]), "--key", str(certificate[1]))
    bridge, _ = running.lines()
    assert bridge.startswith("bridge: https://localhost:")
    with BridgeClient() as client:
        assert "local" in client.list_edges()
    assert running.end(signal.SIGTERM) < 5


def test_a_taken_port_is_told(up: Callable[..., Up]) -> None:
    """Nothing is started, and the line says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        running = up("--port", str(server.getsockname()[1]))
        assert running.process.wait(DEADLINE_S) == 1
    told = running.log.read_text()
    assert "Address already in use" in told
    assert "--port" in told
    assert told.count("\n") == 1


def test_a_failed_start_leaves_nothing(up: Callable[..., Up]) -> None:
    """Where the edge can't start, the bridge is ended again, and the code says so."""
    running = up("--name", "edges")  # a reserved name
    assert running.process.wait(DEADLINE_S) == 1
    assert "radical-edge-service ended with 2" in running.log.read_text()


def test_a_stubborn_plugin_does_not_delay_the_end(up: Callable[..., Up]) -> None:
    """What does not stop in time is killed, still within 5 s."""
    running = up("--plugins", "stubborn")
    running.lines()
    assert running.end(signal.SIGINT) < 5
    assert not any(map(alive, running.children))


def test_the_second_signal_kills(up: Callable[..., Up], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who presses Ctrl-C twice does not wait."""
    monkeypatch.setenv("RADICAL_LOG_LVL", "INFO")
    running = up("--plugins", "stubborn")
    running.lines()
    running.process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 3
    while "once more stops at once" not in running.log.read_text():  # the edge begins to stop
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert running.end(signal.SIGINT) < 1.5
    assert not any(map(alive, running.children))


def test_children_end_with_their_parent(up: Callable[..., Up]) -> None:
    """Where ``up`` itself is killed, bridge and edge do not stay behind."""
    running = up("--plugins", "example")
    running.lines()
    running.end(signal.SIGKILL)
    assert gone(running.children)
