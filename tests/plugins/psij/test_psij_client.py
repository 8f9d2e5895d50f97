"""The caller's side, over a transport that calls the plugin directly and can be told to break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from urllib.parse import unquote

import pytest

from radical_edge_core.errors import EdgeLost, NotFound, from_problem
from radical_edge_psij.client import PsijClient, client_plugin


class Direct:
    """Carries calls to the plugin; ``breaks`` says after how many bytes each next stream breaks off."""

    def __init__(self, host) -> None:
        self.host = host
        self.breaks: list[int] = []
        self.listeners: list[tuple[str | None, object]] = []

    async def request(self, method, path, *, json=None, params=None, **_more) -> object:
        status, document = await self.host.call(method, *self.segments(path), body=json, **(params or {}))
        if status >= 400:
            raise from_problem(document, status)
        return document

    @asynccontextmanager
    async def stream(self, method, path, *, params=None, **_more) -> AsyncIterator[object]:
        async with self.host.stream(*self.segments(path), **(params or {})) as chunks:
            yield Answer(chunks, self.breaks.pop(0) if self.breaks else None)

    def subscribe(self, edge, plugin, topic, callback) -> None:
        assert (edge, plugin) == ("here", "psij")
        self.listeners.append((topic, callback))

    def unsubscribe(self, edge, plugin, topic, callback) -> None:
        self.listeners.remove((topic, callback))

    def segments(self, path: str) -> list[str]:
        _, edge, plugin, *rest = path.split("/")
        assert (edge, plugin) == ("here", "psij")
        return [unquote(segment) for segment in rest]


class Answer:
    def __init__(self, chunks: AsyncIterator[bytes], breaks_after: int | None) -> None:
        self.chunks = chunks
        self.left = breaks_after

    async def iter_chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self.chunks:
            if self.left is not None and len(chunk) > self.left:
                yield chunk[: self.left]
                raise EdgeLost("the line broke")
            self.left = None if self.left is None else self.left - len(chunk)
            yield chunk


@pytest.fixture
async def client(host):
    description = json.loads(json.dumps(await host.get("describe")))
    made = client_plugin(description, Direct(host), "here")
    assert isinstance(made, PsijClient)
    await made.register_session()
    return made


async def test_the_methods_of_the_contract(client) -> None:
    """Submit, status, list, cancel, tunnels: by position and by name, with the contract's defaults."""
    job_id = (await client.submit_job({"executable": "echo", "arguments": ["hi"]}, "local"))["job_id"]
    assert (await client.wait(job_id))["state"] == "COMPLETED"
    assert (await client.get_job_status(job_id, 1))["stdout"] == "i\n"
    assert [job["job_id"] for job in (await client.list_jobs())["jobs"]] == [job_id]
    assert (await client.cancel_job(job_id))["ok"] is True
    spec = {"executable": "true", "arguments": ["-n", "new"]}
    assert (await client.submit_tunneled(spec, executor="local", tunnel=False))["edge_name"] == "new"
    assert (await client.tunnel_status("new"))["status"] == "no_tunnel"
    with pytest.raises(NotFound, match=r"^HTTP 404"):
        await client.get_job_status("nothing")


async def test_waiting_hears_the_event(client, host, monkeypatch) -> None:
    """An event ends the wait at once; nothing stays subscribed."""
    monkeypatch.setattr("radical_edge_psij.client._LOOK_S", 1000)
    publish = host.publish

    def tell(plugin: str, topic: str, data: object, *more: object) -> Future[None]:
        publish(plugin, topic, data, *more)
        done: Future[None] = Future()
        done.set_result(None)
        for _, callback in client.transport.listeners:
            callback("here", plugin, topic, data)
        return done

    monkeypatch.setattr(
        host.plugin, "notify", lambda topic, data, owner, once: tell("psij", topic, data, owner, True, once)
    )
    job_id = (await client.submit_job({"executable": "sleep", "arguments": ["0.3"]}))["job_id"]
    async with asyncio.timeout(20):
        assert (await client.wait(job_id))["exit_code"] == 0
    assert client.transport.listeners == []


async def test_waiting_survives_lost_events_and_has_a_deadline(client, monkeypatch) -> None:
    """Without events the state is looked at; a deadline is a TimeoutError."""
    monkeypatch.setattr("radical_edge_psij.client._LOOK_S", 0.1)
    job_id = (await client.submit_job({"executable": "sleep", "arguments": ["60"]}))["job_id"]
    with pytest.raises(TimeoutError):
        await client.wait(job_id, timeout=0.3)
    await client.cancel_job(job_id)
    assert (await client.wait(job_id))["state"] == "CANCELED"


async def test_following_goes_on_where_the_line_broke(client, tell) -> None:
    """Output broken off at several places arrives whole, each byte once."""
    breaks = [1, 700, 65_536, 3]
    client.transport.breaks = list(breaks)
    job_id = (await client.submit_job({"executable": "seq", "arguments": ["1", "40000"]}))["job_id"]
    got = b"".join([chunk async for chunk in client.follow_output(job_id)])
    assert got == "".join(f"{n}\n" for n in range(1, 40001)).encode()
    met = len(breaks) - len(client.transport.breaks)
    tell(f"{met} interruptions")
    assert met == len(breaks)
    with pytest.raises(NotFound):
        await anext(client.follow_output("nothing"))


def test_the_entry_points_name_the_hooks() -> None:
    """An edge finds the plugin and a client its methods under one name, and loading the first imports no PSI/J."""
    for group, hook in (("radical_edge.plugins", "edge_plugin"), ("radical_edge.clients", "client_plugin")):
        (entry,) = entry_points(group=group, name="psij")
        assert callable(getattr(entry.load(), hook))


def test_the_client_leaves_the_plugins_of_others() -> None:
    """A description of another plugin is not answered for."""
    assert client_plugin({"plugin": {"name": "other"}, "operations": {}}, None, "here") is None
