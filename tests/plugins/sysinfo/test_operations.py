"""The operations, through the application that the edge mounts."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import time

import psutil
import pytest

from radical_edge_core.caller import Caller

GROUPS = {"time", "system", "cpu", "memory", "disks", "network", "gpus", "topology", "errors"}


async def test_homedir_needs_no_session(host, monkeypatch) -> None:
    """The home directory of the edge's user."""
    monkeypatch.setenv("HOME", "/home/somebody")
    async with host() as h:
        answer = await h.request("GET", "homedir")
        assert (answer.status, answer.json) == (200, {"homedir": "/home/somebody"})


@pytest.fixture
def no_job(monkeypatch) -> None:
    for name in (
        "SLURM_JOB_ID",
        "SLURM_JOBID",
        "PBS_JOBID",
        "LSB_JOBID",
        "FLUX_JOB_ID",
        "COBALT_JOBID",
        "OAR_JOB_ID",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_job")
async def test_the_role_outside_a_job_is_login(host) -> None:
    """Without a batch job, scheduler and job id are null."""
    async with host() as h:
        assert (await h.request("GET", "host_role")).json == {
            "role": "login",
            "scheduler": None,
            "job_id": None,
        }


@pytest.mark.usefixtures("no_job")
@pytest.mark.parametrize(
    ("variable", "scheduler"), [("SLURM_JOB_ID", "slurm"), ("PBS_JOBID", "pbs"), ("LSB_JOBID", "lsf")]
)
async def test_the_role_inside_a_job_is_compute(host, monkeypatch, variable, scheduler) -> None:
    """A batch job is known by its scheduler's variable."""
    monkeypatch.setenv(variable, "4711.server")
    async with host() as h:
        found = (await h.request("GET", "host_role")).json
    assert found == {"role": "compute", "scheduler": scheduler, "job_id": "4711.server"}


async def test_grid_engine_needs_two_variables(host, monkeypatch) -> None:
    """JOB_ID alone may be anybody's."""
    monkeypatch.setenv("JOB_ID", "12")
    async with host() as h:
        assert (await h.request("GET", "host_role")).json["scheduler"] is None
        monkeypatch.setenv("SGE_ROOT", "/opt/sge")
        assert (await h.request("GET", "host_role")).json["scheduler"] == "sge"


async def test_on_the_bridge_the_role_is_bridge(host) -> None:
    """A bridge's host is no login node."""
    async with host("bridge") as h:
        assert (await h.request("GET", "host_role")).json["role"] == "bridge"


async def test_metrics_have_every_group_and_field_of_the_contract(host) -> None:
    """Names and types are the contract's."""
    async with host() as h:
        found = await h.metrics()
    assert set(found) == GROUPS
    assert set(found["system"]) >= {"hostname", "uptime", "kernel", "arch"}
    assert set(found["cpu"]) >= {
        "model", "vendor", "cores_physical", "cores_logical", "percent", "load_avg", "freq_mhz"
    }  # fmt: skip
    assert set(found["memory"]) == {"total", "available", "used", "percent"}
    assert all(
        set(disk) == {"mount", "device", "fstype", "type", "total", "used", "percent"}
        for disk in found["disks"]
    )
    assert all(
        set(nic) >= {"interface", "ip", "mac", "rx_bytes", "tx_bytes", "speed_mbps"}
        for nic in found["network"]
    )
    assert set(found["topology"]) == {
        "sockets",
        "cores_per_socket",
        "threads_per_core",
        "numa_nodes",
        "caches",
    }
    assert isinstance(found["gpus"], list)


async def test_metrics_are_this_host_s(host) -> None:
    """What the kernel says elsewhere is what the answer says."""
    async with host() as h:
        found = await h.metrics()
    assert found["errors"] == {}
    assert found["system"]["hostname"] == socket.gethostname()
    assert found["system"]["kernel"] == platform.release()
    assert found["system"]["uptime"] == pytest.approx(time.time() - psutil.boot_time(), abs=30)
    assert found["cpu"]["cores_logical"] == os.cpu_count()
    assert found["cpu"]["cores_usable"] == len(os.sched_getaffinity(0))
    assert found["memory"]["total"] == psutil.virtual_memory().total
    root = next(disk for disk in found["disks"] if disk["mount"] == "/")
    assert root["total"] == psutil.disk_usage("/").total
    loopback = next(nic for nic in found["network"] if nic["interface"] == "lo")
    assert loopback["ip"] == "127.0.0.1"


async def test_busy_processors_are_seen_in_the_first_answer(host) -> None:
    """The first percentage is a measurement too, and not the 0.0 of a missing sample."""
    loops = [await asyncio.create_subprocess_exec("sh", "-c", "while :; do :; done") for _ in range(2)]
    try:
        async with host() as h:
            found = await h.metrics()
    finally:
        for loop in loops:
            loop.kill()
            await loop.wait()
    assert found["cpu"]["percent"] >= 50 / (os.cpu_count() or 1)


async def test_metrics_need_a_session_of_one_s_own(host) -> None:
    """Another subject's session looks unknown."""
    async with host() as h:
        sid = await h.open()
        stranger = Caller(subject="other", scopes=("read:*",))
        assert (await h.request("GET", f"metrics/{sid}", caller=stranger)).status == 404
        assert (await h.request("GET", "metrics/nothing")).status == 404


async def test_a_reading_token_reads_and_does_not_set(host) -> None:
    """Reading is a read, setting the interval a write."""
    reader = Caller(subject="me", scopes=("read:*",))
    async with host() as h:
        sid = await h.open()
        assert (await h.request("GET", f"metrics/{sid}", caller=reader)).status == 200
        assert (await h.request("POST", f"interval/{sid}", {"interval_s": 5.0}, caller=reader)).status == 403


async def test_health_names_what_is_being_measured(host) -> None:
    """The standard fields, and the measurements under way."""
    async with host() as h:
        await h.metrics()
        health = (await h.request("GET", "health")).json
    assert health["plugin"] == "sysinfo"
    assert isinstance(health["measuring"], list)


@pytest.mark.parametrize(
    "config",
    [{"metrics_interval_s": 0.1}, {"probe_deadline_s": 0.1}, {"min_interval_s": -1.0}, {"colour": "red"}],
)
async def test_settings_that_do_not_fit_are_refused(host, config) -> None:
    """A wrong setting keeps the plugin from loading and is named in its report."""
    with pytest.raises(AssertionError, match=next(iter(config))):
        async with host(**config):
            raise RuntimeError("it loaded")
