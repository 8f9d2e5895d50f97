"""Real servers on loopback, and a state folder of each test's own."""

from __future__ import annotations

import gc
import os
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN = "a-token-for-tests"


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
