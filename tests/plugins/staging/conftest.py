"""A host for the plugin under test: core's own manager and application, called as the edge calls them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import define, field, frozen

from radical_edge_core.caller import Caller
from radical_edge_core.errors import EdgeLost, from_problem
from radical_edge_core.plugin import PluginContext
from radical_edge_core.plugin.manager import PluginManager
from radical_edge_staging.client import StagingClient, client_plugin

EVERYTHING = ("read:*", "write:*", "function:*", "admin:*")
CALLER = Caller(subject="me", scopes=EVERYTHING)


@frozen
class Answer:
    """A whole answer; ``error`` is what broke it off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    error: BaseException | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@define
class Exchange:
    """One request to the application: its messages, both ways."""

    app: Any
    scope: dict[str, Any]
    body: AsyncIterator[bytes]
    cut_after: int | None = None
    sent: asyncio.Queue[dict[str, Any]] = field(factory=lambda: asyncio.Queue(maxsize=2))
    gone: asyncio.Event = field(factory=asyncio.Event)
    _received: int = 0

    async def receive(self) -> dict[str, Any]:
        async for chunk in self.body:
            self._received += len(chunk)
            if self.cut_after is not None and self._received > self.cut_after:
                self.gone.set()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": chunk, "more_body": True}
        if self.cut_after is None and not self.scope.get("ended"):
            self.scope["ended"] = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def run(self) -> None:
        await self.app(self.scope, self.receive, self.sent.put)


@define
class Host:
    """One edge with one plugin, and what a client needs of a transport to it."""

    app: Any = None
    plugin: Any = None
    sid: str = ""
    cuts: list[int] = field(factory=list)
    upload_cuts: list[int] = field(factory=list)
    queries: list[Mapping[str, str]] = field(factory=list)
    carried: int = 0
    lost_answers: int = 0
    requests: list[tuple[str, Mapping[str, str]]] = field(factory=list)
    before: Callable[[int], None] = lambda _number: None

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
        body: AsyncIterator[bytes] | bytes = b"",
        caller: Caller = CALLER,
        cut_after: int | None = None,
    ) -> Exchange:
        self.requests.append((method, headers or {}))
        self.before(len(self.requests))
        scope = {
            "type": "http",
            "method": method,
            "path": f"/{path}",
            "raw_path": f"/{path}".encode(),
            "query_string": (query if isinstance(query, str) else urlencode(query or {})).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "radical_edge.caller": caller,
        }
        return Exchange(self.app, scope, pieces(body) if isinstance(body, bytes) else body, cut_after)

    async def request(self, method: str, path: str, **parts: Any) -> Answer:
        """Make one request and gather its answer."""
        exchange = self.exchange(method, path, **parts)
        error: BaseException | None = None

        async def serve() -> None:
            nonlocal error
            try:
                await exchange.run()
            except Exception as exc:  # noqa: BLE001 - the host would abort the exchange
                error = exc
            await exchange.sent.put({})

        task = asyncio.create_task(serve())
        messages = []
        while message := await exchange.sent.get():
            messages.append(message)
        await task
        body = b"".join(message.get("body", b"") for message in messages[1:])
        if not messages:
            raise AssertionError("no answer") from error
        head = messages[0]
        return Answer(head["status"], decoded(head), body, error)

    async def post(self, operation: str, **fields: object) -> Answer:
        headers = {"content-type": "application/json"}
        return await self.request(
            "POST", f"{operation}/{self.sid}", headers=headers, body=json.dumps(fields).encode()
        )

    async def upload(self, path: object, body: Any = b"", *, headers: Any = None, **query: str) -> Answer:
        return await self.request(
            "PUT", f"file/{self.sid}", query={"path": str(path), **query}, body=body, headers=headers
        )

    async def download(self, path: object, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("GET", f"file/{self.sid}", query={"path": str(path)}, headers=named)


class Carrier:
    """
    A transport over the application under test. ``host.cuts`` says after how many bytes answers break off,
    ``host.upload_cuts`` the same of uploads, ``host.lost_answers`` how many uploads end well and nobody hears of it;
    ``host.carried`` counts the bytes of both.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    async def request(
        self, method: str, path: str, *, json: object = None, params: Any = None, content: Any = None,
        headers: Any = None, repeat: bool = False, deadline_s: float | None = None,
    ) -> Any:  # fmt: skip
        body = dumps(json) if content is None else content
        headers = {"content-type": "application/json"} if content is None else headers
        cut_after = None
        if content is not None:
            self._host.queries.append(params)
            cut_after = self._host.upload_cuts.pop(0) if self._host.upload_cuts else None
            body = self._cut(pieces(content) if isinstance(content, bytes) else content, cut_after)
        answer = await self._host.request(
            method, path.split("/", 3)[3], query=params, headers=headers, body=body, cut_after=cut_after
        )
        if content is not None and answer.status == 201 and self._host.lost_answers:
            self._host.lost_answers -= 1
            raise EdgeLost("the answer was lost")
        if cut_after is not None:
            raise EdgeLost("the link was cut")
        if answer.status >= 300:
            raise from_problem(answer.json, answer.status)
        return answer.json

    async def _cut(self, body: AsyncIterator[bytes], after: int | None) -> AsyncIterator[bytes]:
        """Count the body, and let it break off in the middle of a chunk."""
        sent = 0
        async for chunk in body:
            room = len(chunk) if after is None else min(len(chunk), after - sent)
            sent += room
            self._host.carried += room
            if room:
                yield chunk[:room]
            if room < len(chunk):
                yield chunk[room:]  # never arrives

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        headers: Any = None,
        repeat: bool = False,
        **_: Any,
    ) -> AsyncIterator[Any]:
        exchange = self._host.exchange(method, path.split("/", 3)[3], query=params, headers=headers)
        task = asyncio.create_task(exchange.run())
        try:
            head = await exchange.sent.get()
            if head["status"] >= 300:
                body = await exchange.sent.get()
                raise from_problem(json.loads(body["body"]), head["status"])
            cut_after = self._host.cuts.pop(0) if self._host.cuts else None
            answer = Streamed(exchange, head, cut_after)
            try:
                yield answer
            finally:
                self._host.carried += answer.received
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class Streamed:
    """An answer whose body arrives piece by piece."""

    def __init__(self, exchange: Exchange, head: dict[str, Any], cut_after: int | None) -> None:
        self._exchange = exchange
        self._cut_after = cut_after
        self.received = 0
        self.status = head["status"]
        self.headers = decoded(head)

    async def iter_chunks(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._exchange.sent.get()
            chunk, more = message.get("body", b""), message.get("more_body", False)
            if self._cut_after is not None and self.received + len(chunk) > self._cut_after:
                chunk = chunk[: self._cut_after - self.received]
                self.received += len(chunk)
                yield chunk
                raise EdgeLost("the link was cut")
            self.received += len(chunk)
            if chunk:
                yield chunk


def dumps(value: object) -> bytes:
    return json.dumps(value).encode()


def decoded(head: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in head["headers"]}


async def pieces(body: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for offset in range(0, len(body), size):
        yield body[offset : offset + size]


@pytest.fixture
def chunked() -> Callable[..., AsyncIterator[bytes]]:
    """Return the function that cuts a body into pieces."""
    return pieces


@pytest.fixture
def client(host: Callable[..., Any]) -> Callable[..., Any]:
    """Run a host, and a client of it that has a session."""

    @asynccontextmanager
    async def run(**config: object) -> AsyncIterator[tuple[Host, StagingClient]]:
        async with host(**config) as h:
            description = (await h.request("GET", "describe")).json
            made = client_plugin(description, Carrier(h), "here")
            assert isinstance(made, StagingClient)
            await made.register_session()
            yield h, made

    return run


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The caller's folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only allowed root, and the home directory too."""
    folder = tmp_path / "root"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def host(tmp_path: Path, root: Path) -> Callable[..., Any]:
    """Run the installed plugin in a host of its own; keywords are its settings."""

    @asynccontextmanager
    async def run(**config: object) -> AsyncIterator[Host]:
        made = Host()
        context = PluginContext(
            edge="here",
            host="edge",
            config={"roots": ["~"], **config},
            state_dir=tmp_path,
            job_dir=tmp_path,
            monotonic=time.monotonic,
            publish=lambda *_: None,
            listening=lambda *_: False,
            on_listening=lambda *_: None,
        )
        manager = PluginManager(context_for=lambda _name: context)
        manager.load(entry_points(group="radical_edge.plugins", name="staging"))
        await manager.start_all()
        mounted = manager.mounted["staging"]
        assert mounted.report.status == "loaded", mounted.report
        made.app, made.plugin = mounted, mounted.plugin
        answer = await made.request("POST", "register_session", body=b"{}")
        made.sid = answer.json["sid"]
        try:
            yield made
        finally:
            await manager.stop_all()

    return run


@pytest.fixture
def small(root: Path) -> Iterator[Path]:
    """A file system with room for a megabyte."""
    folder = root / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("needs root")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


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
def _nothing_left_behind(root: Path) -> Iterator[None]:
    """Fail a test after which a temporary file is left, a descriptor is open, or a thread of ours runs."""
    yield
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("staging")]
        parts = sorted(root.parent.rglob(".radical-edge-*"))
        opened = opened_below(root.parent)
        if not threads and not parts and not opened:
            return
        time.sleep(0.01)
    assert (threads, parts, opened) == ([], [], set())


def opened_below(folder: Path) -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(f"{descriptor.name}: {descriptor.readlink()}")
    return {text for text in found if str(folder) in text}
