"""
The plugin in its real manager, called as a bridge would call it; also as a process of its own, to be killed.

As a program it reads one request a line from its standard input and writes one answer a line; events go to a file.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

from radical_edge_core.caller import Caller
from radical_edge_core.errors import from_problem
from radical_edge_core.plugin import PluginContext
from radical_edge_core.plugin.manager import PluginManager
from radical_edge_core.plugin.paths import raw_path
from radical_edge_psij.service import PsijPlugin

SCOPES = ("read:*", "write:*")
FINAL = {"COMPLETED", "FAILED", "CANCELED"}


class Host:
    """One edge process, as far as one plugin sees it."""

    def __init__(
        self, home: Path, config: Mapping[str, object] | None = None, scopes: tuple[str, ...] = SCOPES
    ) -> None:
        self.home = home
        self.scopes = scopes
        self.events_file = home / "events.jsonl"
        (home / "state").mkdir(parents=True, exist_ok=True)
        self.manager = PluginManager(context_for=lambda _name: context)
        context = PluginContext(
            edge="here",
            host="edge",
            config=config or {},
            state_dir=home / "state",
            job_dir=home / "job dir",
            monotonic=time.monotonic,
            publish=self.publish,
            listening=lambda _plugin, _topic: True,
            on_listening=lambda _plugin, _callback: None,
        )
        self.plugin = PsijPlugin(context)
        self.app = self.manager.add(self.plugin)

    async def start(self) -> Host:
        await self.manager.start_all()
        (report,) = self.manager.reports()
        assert report.status == "loaded", report
        return self

    async def stop(self) -> None:
        await self.manager.stop_all()

    def publish(
        self, plugin: str, topic: str, data: object, owner: str, durable: bool, once: str | None = None
    ) -> None:
        """Keep an event, as the edge's journal does: one of a mark that is there already is not kept again."""
        assert (plugin, topic, durable) == ("psij", "job_status", True)
        if once is not None and once in {event.get("once") for event in self.events()}:
            return
        line = json.dumps({**data, "owner": owner, "once": once}) + "\n"
        handle = os.open(self.events_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, line.encode())
        os.close(handle)

    def events(self, job_id: str | None = None) -> list[dict]:
        """All events so far, of every process that had this home."""
        text = self.events_file.read_text() if self.events_file.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines()  # the last one may just be being written
        found = [json.loads(line) for line in lines]
        return [event for event in found if job_id in {None, event["job_id"]}]

    async def call(
        self,
        method: str,
        *path: str,
        body: object = None,
        subject: str = "alice",
        key: str | None = None,
        **query: object,
    ) -> tuple[int, dict]:
        """Make one call and return status and document."""
        answer = [part async for part in self._serve(method, path, body, subject, key, query)]
        status = next(part["status"] for part in answer if part["type"] == "http.response.start")
        content = b"".join(part.get("body", b"") for part in answer if part["type"] == "http.response.body")
        return status, json.loads(content)

    async def get(self, *path: str, **more: object) -> dict:
        status, document = await self.call("GET", *path, **more)
        assert status == 200, document
        return document

    async def post(self, *path: str, **more: object) -> dict:
        status, document = await self.call("POST", *path, **{"body": {}, **more})
        assert status == 200, document
        return document

    async def register(self, subject: str = "alice", name: str | None = None) -> str:
        body = {"name": name} if name else {}
        return (await self.post("register_session", body=body, subject=subject))["sid"]

    async def submit(
        self,
        sid: str,
        *words: str,
        subject: str = "alice",
        key: str | None = None,
        executor: str = "local",
        **spec: object,
    ) -> str:
        job_spec = {"executable": words[0], "arguments": list(words[1:]), **spec}
        body = {"job_spec": job_spec, "executor": executor}
        return (await self.post("submit", sid, body=body, subject=subject, key=key))["job_id"]

    @asynccontextmanager
    async def stream(
        self, *path: str, subject: str = "alice", **query: object
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Call a streaming operation and hand out its chunks; leaving is the caller's going away."""
        parts = self._serve("GET", path, None, subject, None, query)
        head = await anext(parts)
        if head["status"] != 200:
            content = b"".join([part.get("body", b"") async for part in parts])
            raise from_problem(json.loads(content), head["status"])

        async def chunks() -> AsyncIterator[bytes]:
            async for part in parts:
                if part.get("body"):
                    yield part["body"]

        try:
            yield chunks()
        finally:
            await parts.aclose()

    async def read(self, *path: str, **query: object) -> bytes:
        async with self.stream(*path, **query) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def ended(self, sid: str, job_id: str, deadline_s: float = 30, subject: str = "alice") -> dict:
        """Wait until a job is over, and return its status."""
        async with asyncio.timeout(deadline_s):
            while True:
                status = await self.get("status", sid, job_id, subject=subject)
                if status["state"] in FINAL:
                    return status
                await asyncio.sleep(0.02)

    async def _serve(self, method, path, body, subject, key, query) -> AsyncIterator[dict]:
        content = b"" if body is None else json.dumps(body).encode()
        raw = raw_path(path)
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": raw,
            "raw_path": raw.encode(), "root_path": "",
            "query_string": urlencode({name: value for name, value in query.items() if value is not None}).encode(),
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())],
            "radical_edge.caller": Caller(subject=subject, scopes=self.scopes, idempotency_key=key),
        }  # fmt: skip
        parts: asyncio.Queue[dict | BaseException | None] = asyncio.Queue(maxsize=4)
        sent = False

        async def receive() -> dict:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()
            sent = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def serve() -> None:
            try:
                await self.app(scope, receive, parts.put)
            finally:
                await parts.put(None)

        task = asyncio.create_task(serve())
        try:
            while (part := await parts.get()) is not None:
                yield part
            await task
        finally:
            task.cancel()
            while not task.done():
                while not parts.empty():
                    parts.get_nowait()
                await asyncio.wait({task}, timeout=0.01)
            if not task.cancelled():
                task.exception()


async def serve_lines(home: Path, config: Mapping[str, object]) -> None:
    """Answer one request a line, concurrently, until killed."""
    host = await Host(home, config).start()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()

    async def answer(request: dict) -> None:
        status, document = await host.call(request.pop("method"), *request.pop("path"), **request)
        sys.stdout.write(json.dumps({"status": status, **document}) + "\n")
        sys.stdout.flush()

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await reader.readline():
        task = asyncio.create_task(answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(serve_lines(Path(sys.argv[1]), json.loads(sys.argv[2])))
