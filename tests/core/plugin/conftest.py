"""A plugin served in memory: no socket, no link, the very application that a host mounts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

from radical_edge_core.caller import Caller
from radical_edge_core.plugin import Plugin, PluginContext
from radical_edge_core.plugin.mount import PluginApp

EVERYTHING = ("read:*", "write:*", "function:*")


@frozen(kw_only=True)
class Reply:
    """What an application answered; ``broken`` where it raised after its head."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: BaseException | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problems(self) -> dict[str, str]:
        assert self.status == 422, self.body
        return {problem["path"]: problem["message"] for problem in self.json["problems"]}


@define
class Clock:
    """A clock that moves when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@define
class Served:
    """One application, and the calls of one subject."""

    app: Any
    subject: str = "alice"
    scopes: tuple[str, ...] = EVERYTHING
    request_id: str = "req-1"
    sent: list[dict[str, Any]] = field(factory=list)

    async def get(self, path: str, query: str = "", **more: Any) -> Reply:
        return await self.call("GET", path, query=query, **more)

    async def post(self, path: str, body: object = b"", **more: Any) -> Reply:
        return await self.call("POST", path, body=body, **more)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object = b"",
        query: str = "",
        headers: Mapping[str, str] | None = None,
        chunks: list[bytes] | None = None,
        key: str | None = None,
    ) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        waiting = list(chunks) if chunks is not None else [raw]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
            "http_version": "1.1",
            "scheme": "http",
            "root_path": "",
            "client": None,
            "server": None,
            "radical_edge.caller": Caller(
                subject=self.subject,
                scopes=self.scopes,
                request_id=self.request_id,
                idempotency_key=key,
            ),
        }

        async def receive() -> dict[str, Any]:
            if not waiting:
                await asyncio.get_running_loop().create_future()
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

        messages: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)
            self.sent.append(message)

        broken = None
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if not messages:
                raise
            broken = error
        head = messages[0]
        assert head["type"] == "http.response.start"
        return Reply(
            status=head["status"],
            headers={name.decode(): value.decode() for name, value in head["headers"]},
            body=b"".join(m.get("body", b"") for m in messages[1:]),
            broken=broken,
        )

    async def sid(self, **options: object) -> str:
        reply = await self.post("/register_session", options)
        assert reply.status == 200, reply.body
        return str(reply.json["sid"])

    def as_(self, subject: str, scopes: tuple[str, ...] = EVERYTHING) -> Served:
        return Served(self.app, subject, scopes)


@frozen(kw_only=True)
class Published:
    """One event that a plugin published."""

    plugin: str
    topic: str
    data: object
    owner: str
    durable: bool


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def published() -> list[Published]:
    return []


@pytest.fixture
def context(tmp_path: Path, clock: Clock, published: list[Published]) -> PluginContext:
    def publish(plugin: str, topic: str, data: object, owner: str, durable: bool) -> None:
        published.append(Published(plugin=plugin, topic=topic, data=data, owner=owner, durable=durable))

    return PluginContext(
        edge="hpc1",
        host="edge",
        config={},
        state_dir=tmp_path,
        job_dir=tmp_path,
        monotonic=clock,
        publish=publish,
        listening=lambda _plugin, _topic: False,
        on_listening=lambda _plugin, _callback: None,
    )


@pytest.fixture
def serve(context: PluginContext) -> Callable[..., Served]:
    def make(cls: type[Plugin], **options: Any) -> Served:
        return Served(PluginApp(cls(context), **options))

    return make


@pytest.fixture
def serve_app() -> Callable[[Any], Served]:
    """Call any application as a host does."""
    return Served


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition with a deadline, in the loop."""

    async def wait(condition: Callable[[], object], deadline_s: float = 10.0) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, "the condition did not come true in time"
            await asyncio.sleep(0.005)

    return wait
