"""An edge without its link: the real inside, on a journal that outlives it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

from radical_edge_core.caller import Caller
from radical_edge_core.edge.identity import this_host
from radical_edge_core.edge.runtime import EdgeRuntime, EdgeSetup
from radical_edge_core.link.notes import Event, decode_note
from radical_edge_core.plugin import Plugin
from radical_edge_core.state import private_folder
from radical_edge_core.testing.given import entry_points_of

EVERYTHING = ("read:*", "write:*", "function:*")


@pytest.fixture(autouse=True)
def _guarded(guarded: None) -> None:
    """Every test here leaves nothing behind."""


@pytest.fixture
def folder(home: Path) -> Path:
    """An edge's state folder."""
    return private_folder(home)


@frozen
class Reply:
    """What an operation answered."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """Stands for a link: keeps the events that are sent over it."""

    queued = 0

    def __init__(self) -> None:
        self.sent: list[Event] = []

    def notify(self, payload: bytes) -> None:
        note = decode_note(payload)
        if isinstance(note, Event):
            self.sent.append(note)

    @property
    def numbers(self) -> list[int]:
        return [event.seq for event in self.sent if event.durable]


@define(eq=False)
class Desk:
    """
    One process of an edge after the other, on one folder.

    Attributes:
        now: What the journal's clock shows.
        idle: What is added to the clock of idle times.
    """

    folder: Path
    plugin: type[Plugin]
    now: float = field(factory=time.time)
    idle: float = 0.0
    runtime: EdgeRuntime = field(init=False)

    async def begin(self) -> None:
        setup = EdgeSetup(
            name="here",
            host="edge",
            identity=this_host(),
            state_dir=self.folder,
            job_dir=self.folder / "jobs",
            monotonic=lambda: time.monotonic() + self.idle,
        )
        self.runtime = EdgeRuntime(setup)
        self.runtime.journal.clock = lambda: self.now
        await self.runtime.open()
        self.runtime.load(entry_points_of([self.plugin]))
        self.runtime.start()
        await self.runtime.started()
        assert [report.status for report in self.runtime.plugins.reports()] == ["loaded"]

    async def end(self) -> None:
        """Stop the process that runs now in good order."""
        await self.runtime.stop()

    async def die(self) -> None:
        """Lose the process, as far as one can within one: calls under way end, sessions are not closed."""
        await self.runtime._keys.finish(0)
        self.runtime.journal.close()
        self.mounted.sessions._entries.clear()
        await self.runtime.stop()

    async def crash(self) -> None:
        """Lose the process, and start the next."""
        await self.die()
        await self.begin()

    @property
    def mounted(self) -> Any:
        return self.runtime.plugins.mounted[self.plugin.name].plugin

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        subject: str = "alice",
    ) -> Reply:
        target, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": f"/{self.plugin.name}/{target}",
            "raw_path": f"/{self.plugin.name}/{target}".encode(),
            "query_string": query.encode(),
            "headers": [(b"content-type", b"application/json")],
            "http_version": "1.1",
            "scheme": "http",
            "root_path": "",
            "client": None,
            "server": None,
            "radical_edge.caller": Caller(subject=subject, scopes=EVERYTHING, idempotency_key=key),
        }
        waiting = [json.dumps(body or {}).encode()]
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not waiting:
                await asyncio.get_running_loop().create_future()
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.runtime(scope, receive, send)
        return Reply(messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:]))

    async def post(self, path: str, body: Mapping[str, object] | None = None, **more: Any) -> Reply:
        return await self.ask("POST", path, body, **more)

    async def sid(self, subject: str = "alice", **options: object) -> str:
        reply = await self.post("register_session", options, subject=subject)
        assert reply.status == 200, reply.body
        return str(reply.json["sid"])


@pytest.fixture
async def desk(folder: Path) -> AsyncIterator[Callable[..., Any]]:
    """Start an edge with one plugin; ended with the test."""
    async with AsyncExitStack() as stack:

        async def make(plugin: type[Plugin], at: Path | None = None) -> Desk:
            made = Desk(at or folder, plugin)
            await made.begin()
            stack.push_async_callback(made.end)
            return made

        yield make
