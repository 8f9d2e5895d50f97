"""A scheduler through bridge, edge and client: a real SLURM where there is one, and none elsewhere."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.hosts import Bridge
from kit.slurm import Cluster
from kit.stand import Stand
from kit.waiting import until

from radical_edge_client import BridgeClient

EXAMPLE = Path(__file__).parents[2] / "examples" / "example_queue_info.py"


@pytest.fixture
def client(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Iterator[BridgeClient]:
    bridge = stand.bridge()
    monkeypatch.setenv("RADICAL_EDGE_HOME", str(stand.home))
    monkeypatch.delenv("RADICAL_BRIDGE_URL", raising=False)
    with BridgeClient(url=bridge.url) as made:
        monkeypatch.setenv("RADICAL_BRIDGE_URL", bridge.url)
        yield made


def bridge_of(stand: Stand) -> Bridge:
    return next(process for process in stand.processes if isinstance(process, Bridge))


def test_an_edge_without_a_scheduler_says_so(
    stand: Stand, client: BridgeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A string, None, and empty lists; the example says the same in words."""
    bridge = bridge_of(stand)
    settings = stand.folder / "plain.toml"
    settings.write_text('[plugins.queue_info]\nscheduler = "none"\n', encoding="utf-8")
    stand.edge("plain", "--url", bridge.url, "--plugins", "queue_info", "--config", str(settings))
    bridge.has("plain", "queue_info")
    queue_info = client.get_edge_client("plain").get_plugin("queue_info")
    assert queue_info.backend() == "none"
    assert queue_info.job_allocation() is None
    assert queue_info.get_info()["queues"] == {}
    assert queue_info.list_jobs("debug", user=None, force=False)["jobs"] == []
    assert queue_info.list_all_jobs()["jobs"] == []
    assert queue_info.list_allocations()["allocations"] == []
    queue_info.close()
    assert runpy.run_path(str(EXAMPLE))["main"]([]) == 0
    assert capsys.readouterr().out == "plain: no batch scheduler\n"


@pytest.mark.timeout(300)
def test_a_real_cluster_is_seen_through_the_bridge(
    stand: Stand, client: BridgeClient, slurm: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """Queues, a job, and its end."""
    bridge = bridge_of(stand)
    stand.edge("hpc", "--url", bridge.url, "--plugins", "queue_info", also={"SLURM_CONF": slurm.conf})
    bridge.has("hpc", "queue_info")
    queue_info = client.get_edge_client("hpc").get_plugin("queue_info")
    assert queue_info.backend() == "slurm"
    assert set(queue_info.get_info()["queues"]) == {"debug", "batch", "gpu", "restricted"}
    job_id = slurm.submit("sleep 500", "-J", "seen", user="root")

    def shown() -> bool:
        return any(job["job_id"] == job_id for job in queue_info.list_all_jobs(user="*", force=True)["jobs"])

    until(shown, 60)
    assert runpy.run_path(str(EXAMPLE))["main"](["--user", "*", "hpc"]) == 0
    printed = capsys.readouterr().out
    assert "queue   debug (UP)" in printed
    assert f"job     {job_id} seen (root) is " in printed
    assert queue_info.cancel_job(job_id) == {"job_id": job_id, "status": "canceled"}
    until(lambda: not shown(), 60)
    queue_info.close()
