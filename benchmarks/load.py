"""
Load for one address: many small requests over a number of connections that stay open.

Made by wrk where it is on the path, else by a small generator on aiohttp that is slower than what it
measures, and therefore good for comparisons only. The token reaches wrk in a script file of mode 0600, the
generator by its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
from attrs import frozen

from processes import cpu_s
from stand import Target

LUA = """\
wrk.headers = {headers}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n@@ {{"requests": %d, "seconds": %.6f, "errors": %d, "p50_ms": %.4f, "p99_ms": %.4f}}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@frozen(kw_only=True)
class Load:
    """What one round of load found."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float]  # CPU time per request, by process

    @property
    def per_s(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds


def generator() -> str:
    """Name the load generator that ``load`` will use."""
    return "wrk" if shutil.which("wrk") else "aiohttp"


def load(target: Target, *, connections: int, seconds: float, folder: Path) -> Load:
    """
    Load the small route.

    Raises:
        SystemExit: An answer was no success; such a round measures something else.
    """
    url = f"http://127.0.0.1:{target.port}{target.prefix}/small"
    make = wrk if generator() == "wrk" else bundled
    before = {name: cpu_s(pid) for name, pid in target.pids.items()}
    found = make(target, url, connections, seconds, folder)
    used = {name: cpu_s(pid) - before[name] for name, pid in target.pids.items()}
    if found["errors"] or not found["requests"]:
        raise SystemExit(f"{target.name}: {found['errors']} of {found['requests']} requests failed")
    requests = int(found["requests"])
    return Load(
        requests=requests,
        seconds=found["seconds"],
        errors=0,
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        cpu_us={name: value / requests * 1e6 for name, value in used.items()},
    )


def wrk(target: Target, url: str, connections: int, seconds: float, folder: Path) -> dict[str, float]:
    """Run wrk in one thread."""
    script = folder / f"{target.name}.lua"
    headers = ", ".join(f'["{name}"] = "{value}"' for name, value in target.headers().items())
    script.unlink(missing_ok=True)
    with os.fdopen(os.open(script, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(LUA.format(headers="{" + headers + "}"))
    command = ("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), url)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.rpartition("@@")[2]))


def bundled(target: Target, url: str, connections: int, seconds: float, _folder: Path) -> dict[str, float]:
    """Run the generator of this module in a process of its own."""
    task = {"url": url, "headers": target.headers(), "connections": connections, "seconds": seconds}
    command = (sys.executable, __file__)
    done = subprocess.run(command, check=True, capture_output=True, text=True, input=json.dumps(task))
    return dict(json.loads(done.stdout))


async def generate(url: str, headers: dict[str, str], connections: int, seconds: float) -> dict[str, float]:
    """Keep each connection busy until the time is over."""
    latencies: list[float] = []
    errors = 0
    started = time.perf_counter()

    async def one(session: aiohttp.ClientSession) -> None:
        nonlocal errors
        while (begun := time.perf_counter()) < started + seconds:
            async with session.get(url, headers=headers) as answer:
                await answer.read()
                errors += answer.status != 200
            latencies.append(time.perf_counter() - begun)

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one(session))
    elapsed = time.perf_counter() - started
    latencies.sort()
    return {
        "requests": len(latencies),
        "seconds": elapsed,
        "errors": errors,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(generate(**json.load(sys.stdin)))))
