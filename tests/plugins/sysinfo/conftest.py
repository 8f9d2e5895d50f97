"""A host for the plugin under test: core's own manager and application, called as the edge calls them."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import define, field, frozen

from radical_edge_core.caller import Caller
from radical_edge_core.errors import from_problem
from radical_edge_core.plugin import PluginContext
from radical_edge_core.plugin.manager import PluginManager
from radical_edge_core.testing.leaks import child_processes

EVERYTHING = ("read:*", "write:*", "function:*", "admin:*")


@frozen
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@define
class Host:
    """One edge (or bridge) with one plugin."""

    app: Any
    plugin: Any
    events: list[tuple[str, Any, str, bool]] = field(factory=list)
    listened: set[str] = field(factory=set)
    watchers: list[Callable[[], None]] = field(factory=list)

    def listen(self, *topics: str) -> None:
        self.listened = set(topics)
        for watcher in self.watchers:
            watcher()

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        caller: Caller | None = None,
    ) -> Answer:
        sent: list[dict[str, Any]] = []
        content = b"" if body is None else json.dumps(body).encode()
        messages = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return messages.pop() if messages else await asyncio.Event().wait()  # type: ignore[return-value]

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": f"/{path}",
            "raw_path": f"/{path}".encode(),
            "query_string": urlencode(query or {}).encode(),
            "headers": [(b"content-type", b"application/json")],
            "radical_edge.caller": caller or Caller(subject="me", scopes=EVERYTHING),
        }
        await self.app(scope, receive, send)
        head = sent[0]
        return Answer(
            head["status"],
            {name.decode(): value.decode() for name, value in head["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )

    # What a client needs of a transport, over the same application.

    async def carry(
        self, method: str, path: str, *, json: object = None, params: Any = None, **_: object
    ) -> Any:
        answer = await self.request(method, path.split("/", 3)[3], json, query=params)
        if answer.status >= 300:
            raise from_problem(answer.json, answer.status)
        return answer.json

    async def open(self, **options: object) -> str:
        return str((await self.request("POST", "register_session", options)).json["sid"])

    async def metrics(self, sid: str | None = None) -> Any:
        answer = await self.request("GET", f"metrics/{sid or await self.open()}")
        assert answer.status == 200, answer.body
        return answer.json


@pytest.fixture
def host(tmp_path: Path) -> Callable[..., Any]:
    """Run the installed plugin in a host of its own; keywords are its settings."""

    @asynccontextmanager
    async def run(kind: str = "edge", **config: object) -> AsyncIterator[Host]:
        made = Host(app=None, plugin=None)
        context = PluginContext(
            edge="here" if kind == "edge" else "bridge",
            host=kind,  # type: ignore[arg-type]
            config=config,
            state_dir=tmp_path,
            job_dir=tmp_path,
            monotonic=time.monotonic,
            publish=lambda _plugin, topic, data, owner, durable: made.events.append(
                (topic, data, owner, durable)
            ),
            listening=lambda _plugin, topic: topic in made.listened,
            on_listening=lambda _plugin, callback: made.watchers.append(callback),
        )
        manager = PluginManager(context_for=lambda _name: context)
        manager.load(entry_points(group="radical_edge.plugins", name="sysinfo"))
        await manager.start_all()
        mounted = manager.mounted["sysinfo"]
        assert mounted.report.status == "loaded", mounted.report
        made.app, made.plugin = mounted, mounted.plugin
        try:
            yield made
        finally:
            await manager.stop_all()

    return run


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Return a function that puts a small program on a ``PATH`` that has no vendor's tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def add(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return add


@pytest.fixture
def recorded() -> Callable[[str], str]:
    """Return a function that reads one of the tools' outputs kept beside the tests."""
    folder = Path(__file__).parent / "recorded"
    return lambda name: (folder / name).read_text("utf-8")


@pytest.fixture
def until() -> Callable[..., Any]:
    """Return a function that waits for a condition, with a deadline."""

    async def wait(condition: Callable[[], object], within_s: float = 10.0) -> Any:
        async with asyncio.timeout(within_s):
            while not (found := condition()):  # noqa: ASYNC110 - any condition, which nobody announces
                await asyncio.sleep(0.005)
        return found

    return wait


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Any:
    """Fail a test after which a thread of a measurement, or a child process, still runs."""
    before = child_processes()  # of other tests in this process
    yield
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("sysinfo")]
        if not threads:
            break
        time.sleep(0.005)
    assert not threads
    assert child_processes() <= before
