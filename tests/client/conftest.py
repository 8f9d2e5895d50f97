"""Real servers on loopback, and a state folder of each test's own."""

from __future__ import annotations

import gc
import json
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from attrs import frozen

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DISTRIBUTION = Path(__file__).parent / "distribution"
DEADLINE_S = 30.0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state folder, and no setting left from the outside."""
    for name in [
        name for name in os.environ if name.startswith("RADICAL_") or name.lower().endswith("_proxy")
    ]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("RADICAL_EDGE_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """A test leaves no thread behind; what it forgot to close warns while the test still runs."""
    before = set(threading.enumerate())
    yield
    gc.collect()
    left = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    for thread in left:
        thread.join(5)
    assert not [thread.name for thread in left if thread.is_alive()]


@pytest.fixture
def serve() -> Callable[..., AbstractAsyncContextManager[str]]:
    """Return the context manager of a server on a free loopback port: handler in, URL out."""
    return serving


@asynccontextmanager
async def serving(
    handler: Handler, context: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[str]:
    """Answer every request by ``handler``; yields the URL."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        bound = runner.addresses[0][1]
        yield f"{'https' if context else 'http'}://127.0.0.1:{bound}"
    finally:
        await runner.cleanup()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and localhost, made as users are told to."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1,DNS:localhost")


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Another one, for a name that is not this machine's."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "DNS:bridge.example")


@pytest.fixture
def tls() -> Callable[[tuple[Path, Path]], ssl.SSLContext]:
    """A server's TLS settings from a certificate and its key."""
    return server_context


def make_certificate(folder: Path, names: str) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "rsa:2048",
            "-keyout", key, "-out", cert, "-subj", "/CN=RADICAL", "-addext", f"subjectAltName = {names}",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key


def server_context(pair: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pair)
    return context


class Program:
    """One of our console scripts, as a process of its own with a log in a file."""

    def __init__(self, log: Path, *arguments: str, home: Path) -> None:
        name, *rest = arguments
        environ = {name: value for name, value in os.environ.items() if not name.startswith("RADICAL_")}
        environ |= {
            "RADICAL_EDGE_HOME": str(home),
            "PYTHONPATH": str(DISTRIBUTION),
            "PYTHONWARNINGS": "default",
        }
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name(name), *rest], env=environ, stdout=output, stderr=output
            )

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()


@frozen
class Hub:
    """A real bridge with a real edge ``local``, and where they keep their state."""

    home: Path
    url: str
    token: str


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A bridge and an edge with the example plugins, for all tests that don't harm them."""
    folder = tmp_path_factory.mktemp("hub")
    home = folder / "home"
    bridge = Program(folder / "bridge.log", "radical-edge-bridge", "--port", "0", "--drain-s", "1", home=home)
    try:
        until((home / "bridge" / "bridge.url").exists, bridge)
        url = (home / "bridge" / "bridge.url").read_text().strip()
        token = (home / "bridge" / "admin.token").read_text().strip()
        edge = start_edge(folder, home, url, "local")
        try:
            until(partial(settled, url, token, "local"), bridge, edge)
            yield Hub(home, url, token)
        finally:
            edge.stop()
    finally:
        bridge.stop()


@pytest.fixture
def at_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The state folder of the bridge is this test's own: nothing else has to be configured."""
    monkeypatch.setenv("RADICAL_EDGE_HOME", str(hub.home))
    return hub


def start_edge(folder: Path, home: Path, url: str, name: str) -> Program:
    return Program(
        folder / f"{name}.log", "radical-edge-service", "--name", name, "--url", url, "--drain-s", "1",
        "--plugins", "example,jobs,broken", home=home,
    )  # fmt: skip


def settled(url: str, token: str, name: str) -> bool:
    """Say whether an edge is connected and none of its plugins is starting any more."""
    request = urllib.request.Request(f"{url}/edge/list", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            edges = json.load(answer)["data"]["edges"]
    except OSError:
        return False
    return name in edges and all(told["status"] != "starting" for told in edges[name]["plugins"].values())


def until(condition: Callable[[], bool], *programs: Program) -> None:
    """Wait for a condition, as long as the programs run."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        ended = [program.process.args for program in programs if program.process.poll() is not None]
        assert not ended, f"ended early: {ended}"
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path, home: Path) -> Iterator[Callable[..., Program]]:
    """Start console scripts with this test's state folder; ended after the test, the last started first."""
    started: list[Program] = []

    def begin(*arguments: str) -> Program:
        started.append(Program(tmp_path / f"{len(started)}.log", *arguments, "--drain-s", "1", home=home))
        return started[-1]

    yield begin
    for program in reversed(started):
        program.stop()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition, as long as the programs given run."""
    return until
