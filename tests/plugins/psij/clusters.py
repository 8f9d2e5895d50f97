"""A real cluster under the plugin, and the cluster's controller, which a test may stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kit.processes import alive
from kit.waiting import until

INTERVAL_S = 2.0


class SlurmHost:
    """The plugin on a real SLURM cluster, and the cluster."""

    def __init__(self, host: object, cluster: object, sid: str) -> None:
        self.host, self.cluster, self.sid = host, cluster, sid

    async def submit(self, script: str, *, key: str | None = None, **spec: object) -> str:
        """Submit a shell script as a job."""
        return await self.host.submit(self.sid, "sh", "-c", script, executor="slurm", key=key, **spec)

    async def try_to_submit(
        self, script: str = "true", *, key: str | None = None, **spec: object
    ) -> tuple[int, dict]:
        """Submit a shell script and return status and answer."""
        job_spec = {"executable": "sh", "arguments": ["-c", script], **spec}
        body = {"job_spec": job_spec, "executor": "slurm"}
        return await self.host.call("POST", "submit", self.sid, body=body, key=key)

    async def status(self, job_id: str) -> dict:
        return await self.host.get("status", self.sid, job_id)

    async def ended(self, job_id: str, deadline_s: float = 60.0) -> dict:
        return await self.host.ended(self.sid, job_id, deadline_s)

    async def cancel(self, job_id: str) -> None:
        await self.host.post("cancel", self.sid, job_id)

    async def until(self, job_id: str, condition: Callable[[dict], object], deadline_s: float = 60.0) -> dict:
        """Wait until the status of a job is as wanted."""
        status = {}
        try:
            async with asyncio.timeout(deadline_s):
                while not condition(status := await self.status(job_id)):  # noqa: ASYNC110 - it is anything
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(status) from None
        return status

    async def told(self, job_id: str, states: list[str]) -> None:
        """Wait until exactly these states of a job are told as events."""
        async with asyncio.timeout(10):
            while (found := [event["state"] for event in self.host.events(job_id)]) != states:
                assert len(found) < len(states), found
                await asyncio.sleep(0.02)

    def folder(self, job_id: str) -> Path:
        """Where a job's folder is."""
        return self.host.home / "job dir" / "psij" / job_id

    async def accounted(self, native_id: str, fields: str = "State,ExitCode,Start,End") -> list[str]:
        """
        What the accounting says of a job that is over; waited for, as it lags.

        A short job's end may be noted before its beginning: until that comes too, within seconds, the row has no
        nodes, and is called "allocation".
        """
        end = time.monotonic() + 30
        while True:
            wanted = ("-XnP", "-j", native_id, "-o", f"JobName,State,{fields}")
            shown = await asyncio.to_thread(self.cluster.run, "sacct", *wanted)
            name, _, rest = shown.partition("|")
            state, _, said = rest.partition("|")
            if name not in {"", "allocation"} and state not in {"PENDING", "RUNNING", "COMPLETING"}:
                return said.split("|")
            assert time.monotonic() < end, shown
            await asyncio.sleep(0.2)

    async def agrees(self, status: dict, state: str = "COMPLETED") -> None:
        """Compare what is told of a job with its accounting: SLURM's own state for it, start and end to a second."""
        said, start, end = await self.accounted(status["native_id"], "State,Start,End")
        assert said.split()[0] == state
        moments = [time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S")) for text in (start, end)]
        assert moments[0] - 1.5 <= status["started_at"] <= status["ended_at"] <= moments[1] + 1.5

    def jobs_of(self, job_id: str) -> list[tuple[str, str]]:
        """The ids and states of all jobs that SLURM ever had of a job's key."""
        shown = self.cluster.run("squeue", "--noheader", "--states=all", "--format=%A|%T|%k|%j")
        rows = [line.split("|") for line in shown.splitlines()]
        return [(row[0], row[1]) for row in rows if f"re.{job_id[:12]}" in (*row[2].split(), row[3])]


class Controller:
    """The cluster's slurmctld."""

    def __init__(self, cluster: object) -> None:
        self.cluster = cluster

    @property
    def pid(self) -> int:
        return int((self.cluster.folder / "run" / "slurmctld.pid").read_text())

    def stop(self) -> None:
        pid = self.pid
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), 30, "slurmctld has ended")

    def start(self) -> None:
        environ = {**self.cluster.environ(), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        subprocess.run(
            ["slurmctld"], env=environ, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=30
        )
        ping = ("scontrol", "ping")
        until(lambda: "UP" in self.cluster.run(*ping, check=False), 60, "slurmctld answers", pause_s=0.2)

    def stall(self) -> None:
        """Let it take connections and answer none."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        os.kill(self.pid, signal.SIGCONT)
