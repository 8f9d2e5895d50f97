"""A bridge behind a proxy: the way there, and what the doctor says where there is none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from radical_edge_client import AsyncBridgeClient, BridgeUnreachable, NotABridge
from radical_edge_client.cli.doctor.findings import Finding
from radical_edge_client.cli.doctor.way import Blocked, way
from radical_edge_client.settings import resolve

Serve = Callable[..., AbstractAsyncContextManager[str]]


class Proxy:
    """An HTTP proxy that knows CONNECT only, and one target behind every name."""

    def __init__(self) -> None:
        self.target = 0
        self.answer = b"200 OK"
        self.asked: list[str] = []
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head.decode().splitlines()[0])
            writer.write(b"HTTP/1.1 " + self.answer + b"\r\n\r\n")
            await writer.drain()
            if b" 200" not in b" " + self.answer:
                return
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
            try:
                await asyncio.gather(copy(reader, forth), copy(back, writer))
            finally:
                forth.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """The proxy that the environment names."""
    found = Proxy()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(found(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{found.port}")
    yield found
    server.close()
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def bridge(
    serve: Serve,
    proxy: Proxy,
    other_certificate: tuple[Path, Path],
    tls: Callable[[tuple[Path, Path]], ssl.SSLContext],
) -> AsyncIterator[dict[str, Any]]:
    """A bridge known as ``bridge.example``, which only the proxy can reach; yields a client's arguments."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"data": {"edges": {"e": {}}}})

    async with serve(answer, tls(other_certificate)) as url:
        proxy.target = int(url.rpartition(":")[2])
        yield {"url": "https://bridge.example:8000", "cert": str(other_certificate[0]), "token": "t"}


async def test_calls_go_through_the_proxy(bridge: dict[str, Any], proxy: Proxy) -> None:
    """``HTTPS_PROXY`` is honoured, and TLS is verified end to end behind it."""
    async with AsyncBridgeClient(**bridge) as client:
        assert await client.list_edges() == ["e"]
    assert proxy.asked == ["CONNECT bridge.example:8000 HTTP/1.1"]


@pytest.mark.parametrize("answer", [b"403 Forbidden", b"407 Proxy Authentication Required"])
async def test_a_proxy_that_refuses(bridge: dict[str, Any], proxy: Proxy, answer: bytes) -> None:
    """The proxy's answer is told as the proxy's, with the setting to look at."""
    proxy.answer = answer
    async with AsyncBridgeClient(**bridge, patience_s=0) as client:
        with pytest.raises(NotABridge, match=rf"proxy refuses .*\({answer[:3].decode()} .*HTTPS_PROXY"):
            await client.list_edges()


async def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead proxy is named, not the bridge."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    async with AsyncBridgeClient("https://bridge.example", token="t", patience_s=0) as client:
        with pytest.raises(BridgeUnreachable, match=r"the proxy 127\.0\.0\.1:1 can't be reached"):
            await client.list_edges()


async def findings(arguments: dict[str, Any]) -> list[Finding]:
    """Run the doctor's checks of the way; they block, so in a thread."""
    found: list[Finding] = []

    def check() -> None:
        try:
            found.extend(way(resolve({}, **arguments)))
        except Blocked as blocked:
            found.append(blocked.finding)

    with ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, check)
    return found


async def test_the_doctor_goes_through_the_proxy(bridge: dict[str, Any]) -> None:
    """Its checks take the same way as calls do."""
    found = {finding.subject: finding for finding in await findings(bridge)}
    assert "through the proxy" in found["connection"].detail
    assert found["TLS"].status == "warn"  # good, but it ends within the month
    assert "TLSv1." in found["TLS"].detail


async def test_the_doctor_tells_the_proxys_refusal(bridge: dict[str, Any], proxy: Proxy) -> None:
    """A refused CONNECT is not taken for a bridge that is away."""
    proxy.answer = b"407 Proxy Authentication Required"
    last = (await findings(bridge))[-1]
    assert (last.status, last.subject) == ("fail", "proxy")
    assert "407" in last.detail
    assert "HTTPS_PROXY" in last.advice


async def test_the_doctor_tells_an_intercepted_tls(
    bridge: dict[str, Any], certificate: tuple[Path, Path]
) -> None:
    """Another certificate than the bridge's may be the proxy's own."""
    last = (await findings({**bridge, "cert": str(certificate[0])}))[-1]
    assert (last.status, last.subject) == ("fail", "TLS")
    assert "intercepted" in last.advice
