"""A cluster that knows a job's processes by their group only (``proctrack/pgid``): what is canceled is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.slurm import Cluster, cluster

pytestmark = pytest.mark.timeout(300)
WAIT = "i=0; while [ $i -lt 6000 ]; do sleep 0.1; i=$((i+1)); done"
CASES = (
    ("echo up; sleep 600", 143, "up\n"),
    (f"trap 'echo tidy; exit 5' TERM; echo up; {WAIT}", 5, "up\ntidy\n"),
    (f"trap '' TERM; echo up; {WAIT}", None, "up\n"),
)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Cluster]:
    """The cluster of these tests."""
    yield from cluster(proctrack="pgid")


@pytest.mark.parametrize("ends", ["canceled", pytest.param("timed out", marks=pytest.mark.slow)])
async def test_what_is_ended_is_gone(on_slurm, eventually, ends: str) -> None:
    """A payload that dies, one that cleans up with its own code, and one that will not."""
    assert "proctrack/pgid" in on_slurm.cluster.run("scontrol", "show", "config")
    limit = {} if ends == "canceled" else {"duration": 60}
    jobs = [await on_slurm.submit(f"echo $$; {script}", attributes=limit) for script, _, _ in CASES]
    pids = []
    for job_id in jobs:
        status = await on_slurm.until(job_id, lambda status: "up" in status["stdout"])
        pids.append(int(status["stdout"].split()[0]))
        if ends == "canceled":
            await on_slurm.cancel(job_id)
    for job_id, pid, (_, code, out) in zip(jobs, pids, CASES, strict=True):
        status = await on_slurm.ended(job_id, 180)
        assert status["state"] == ("CANCELED" if ends == "canceled" else "FAILED")
        assert (status["exit_code"], status["stdout"]) == (code, f"{pid}\n{out}")
        await on_slurm.agrees(status, "CANCELLED" if ends == "canceled" else "TIMEOUT")
        await eventually(lambda pid=pid: not Path(f"/proc/{pid}").exists())
