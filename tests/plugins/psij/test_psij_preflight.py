"""What is told before a job is submitted, on a real SLURM and without."""

from __future__ import annotations

import time

import pytest


async def check(on_slurm, executor: str = "slurm", **spec: object) -> dict:
    body = {"job_spec": {"executable": "true", **spec}, "executor": executor}
    return await on_slurm.host.post("validate", on_slurm.sid, body=body)


async def test_a_good_job_has_an_estimate(on_slurm, home) -> None:
    """And nothing is submitted, or made."""
    attributes = {"queue_name": "batch", "node_count": 2, "duration": 3600, "slurm.constraint": "intel|amd"}
    found = await check(on_slurm, attributes=attributes, directory=str(home / "new"), mkdir=True)
    assert (found["valid"], found["problems"], found["unknown"]) == (True, [], [])
    assert abs(found["start_estimate"] - time.time()) < 3600
    assert "in partition batch" in found["estimate"]
    assert not (home / "new").exists()
    assert on_slurm.cluster.run("squeue", "--noheader") == ""
    assert (await on_slurm.host.get("list_jobs", on_slurm.sid))["jobs"] == []


@pytest.mark.parametrize(
    ("attributes", "path", "said"),
    [
        ({"queue_name": "nosuch"}, "$.job_spec.attributes.queue_name", "there is no queue 'nosuch'"),
        ({"account": "nobody"}, "$.job_spec.attributes.account", "granted are astro, physics"),
        ({"duration": 3600}, "$.job_spec.attributes.duration", "more than the 1800 s that debug allows"),
        ({"node_count": 3}, "$.job_spec.resources.node_count", "more than the 2 that debug allows"),
        (
            {"queue_name": "restricted", "account": "physics"},
            "$.job_spec.attributes.account",
            "is for astro only",
        ),
        ({"slurm.constraint": "nosuch"}, "$.job_spec", "Invalid feature specification"),
        ({"slurm.array": "1-3"}, "$.job_spec.custom_attributes.slurm.array", "one job for each task"),
    ],
)
async def test_what_is_wrong_is_told(on_slurm, attributes: dict, path: str, said: str) -> None:
    """Limits and accounts by name, the rest in the scheduler's own words."""
    found = await check(on_slurm, attributes=attributes)
    assert not found["valid"]
    assert [problem["path"] for problem in found["problems"]] == [path]
    assert said in found["problems"][0]["message"]


async def test_several_problems_at_once(on_slurm, home) -> None:
    """A missing directory beside a queue's limit."""
    found = await check(
        on_slurm, directory=str(home / "none"), attributes={"node_count": 9, "duration": 9999}
    )
    assert [problem["path"].rpartition(".")[2] for problem in found["problems"]] == [
        "directory", "duration", "node_count",
    ]  # fmt: skip


async def test_choices_for_forms(on_slurm) -> None:
    """The default queue first; the accounts of the edge's user."""
    found = await on_slurm.host.get("submit_choices")
    assert found["executor"] == "slurm"
    assert [queue["name"] for queue in found["queues"]] == ["debug", "batch", "gpu", "restricted"]
    assert found["queues"][0]["label"] == "debug (up to 30 min, 2 nodes)"
    assert {"astro", "physics"} <= {account["name"] for account in found["accounts"]}
    assert found["problem"] == ""


async def test_without_a_scheduler(host, sid, home) -> None:
    """Local jobs have nothing to choose from; their files are looked at."""
    found = await host.get("submit_choices", executor="local")
    assert (found["queues"], found["accounts"], found["problem"]) == ([], [], "")
    status, _ = await host.call("GET", "submit_choices", executor="nosuch")
    assert status == 422
    body = {"job_spec": {"executable": "true", "directory": str(home / "none")}, "executor": "local"}
    found = await host.post("validate", sid, body=body)
    assert (found["valid"], len(found["problems"])) == (False, 1)
