"""
The plugin in its real manager, called as the edge calls it; also as a program, to be another user.

As a program it takes a user's name, becomes that user once everything is imported, and then reads one request a
line from its standard input and writes one answer a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from attrs import define, frozen

from radical_edge_core.caller import Caller
from radical_edge_core.errors import from_problem
from radical_edge_core.plugin import PluginContext
from radical_edge_core.plugin.manager import PluginManager
from radical_edge_core.plugin.paths import raw_path
from radical_edge_core.schedulers import Schedulers

ME = Caller(subject="me", scopes=("read:*", "write:*"))


@frozen
class Answer:
    status: int
    json: Any


@define
class Host:
    """One edge with one plugin."""

    app: Any
    plugin: Any

    async def request(
        self, method: str, *path: str, caller: Caller = ME, body: object = None, **query: object
    ) -> Answer:
        sent: list[dict[str, Any]] = []
        messages = [{"type": "http.request", "body": json.dumps(body or {}).encode(), "more_body": False}]

        async def receive() -> dict[str, Any]:
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        raw = raw_path(path)
        scope = {
            "type": "http",
            "method": method,
            "path": raw,
            "raw_path": raw.encode(),
            "query_string": urlencode(query).encode(),
            "headers": [(b"content-type", b"application/json")],
            "radical_edge.caller": caller,
        }
        await self.app(scope, receive, send)
        return Answer(sent[0]["status"], json.loads(b"".join(part.get("body", b"") for part in sent[1:])))

    async def get(self, *path: str, **query: object) -> Any:
        answer = await self.request("GET", *path, **query)
        if answer.status != 200:
            raise from_problem(answer.json, answer.status)
        return answer.json

    async def post(self, *path: str, **more: object) -> Any:
        answer = await self.request("POST", *path, **more)
        if answer.status != 200:
            raise from_problem(answer.json, answer.status)
        return answer.json

    async def open(self) -> str:
        return str((await self.post("register_session"))["sid"])


@asynccontextmanager
async def running(folder: Path, schedulers: Schedulers, config: Mapping[str, object]) -> AsyncIterator[Host]:
    """Run the installed plugin in a host of its own."""
    context = PluginContext(
        edge="here",
        host="edge",
        config=config,
        state_dir=folder,
        job_dir=folder,
        monotonic=time.monotonic,
        publish=lambda *_parts: None,
        listening=lambda _plugin, _topic: False,
        on_listening=lambda _plugin, _callback: None,
        schedulers=schedulers,
    )
    manager = PluginManager(context_for=lambda _name: context)
    manager.load(entry_points(group="radical_edge.plugins", name="queue_info"))
    await manager.start_all()
    mounted = manager.mounted["queue_info"]
    assert mounted.report.status == "loaded", mounted.report
    try:
        yield Host(mounted, mounted.plugin)
    finally:
        await manager.stop_all()
        schedulers.close()


async def warm_up(folder: Path) -> None:
    """Make the interpreter import what it imports late: afterwards it may not be able to read its own library."""
    import _strptime  # noqa: F401

    import radical_edge_core.schedulers.lsf
    import radical_edge_core.schedulers.pbs
    import radical_edge_core.schedulers.slurm  # noqa: F401

    async with running(folder, Schedulers(), {"scheduler": "none"}) as host:
        await host.get("backend")
        await asyncio.gather(host.get("list_all_jobs", await host.open()), host.request("GET", "nowhere"))
        await host.plugin.workers.run(lambda: None)


def become(name: str) -> None:
    """Become another user, for good."""
    entry = pwd.getpwnam(name)
    os.environ.update(HOME=entry.pw_dir, USER=name, LOGNAME=name)
    if os.geteuid() == 0 and entry.pw_uid != 0:
        os.initgroups(name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    os.chdir("/")


async def serve_lines(name: str) -> None:
    """Answer one request a line, concurrently, until the input ends."""
    with tempfile.TemporaryDirectory() as folder:
        await warm_up(Path(folder))
    become(name)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with running(Path("/nonexistent"), Schedulers(), {}) as host:
        while line := await reader.readline():
            request = json.loads(line)
            answer = await host.request(request["method"], *request["path"], **request.get("query", {}))
            sys.stdout.write(json.dumps({"status": answer.status, "json": answer.json}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve_lines(sys.argv[1]))
