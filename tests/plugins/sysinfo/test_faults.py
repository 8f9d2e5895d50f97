"""Whatever hangs, lies or goes away costs its own group and none of the others, and for a bounded time."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from radical_edge_sysinfo.outcome import ProbeError
from radical_edge_sysinfo.programs import MAX_OUTPUT_BYTES, Programs
from radical_edge_sysinfo.workers import Workers

DEADLINE_S = 1.0
OTHERS = ("system", "cpu", "memory", "topology")


def complete(found: dict[str, object], but: str) -> bool:
    """Tell whether every group but one is there."""
    return set(found["errors"]) == {but} and all(found[group] for group in OTHERS if group != but)


def alive(path: Path) -> bool:
    """Tell whether the process whose number is in a file still runs."""
    return path.exists() and psutil.pid_exists(int(path.read_text()))


async def test_a_hanging_program_is_killed_with_its_children(host, programs, until, tmp_path) -> None:
    """The answer comes at the deadline, says so, and neither program nor child lives on."""
    programs("nvidia-smi", f"sleep 1000 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/parent; wait")
    async with host(probe_deadline_s=DEADLINE_S) as h:
        began = time.monotonic()
        found = await h.metrics()
        assert time.monotonic() - began < 4 * DEADLINE_S
        assert complete(found, "gpus")
        assert found["errors"]["gpus"] == "nvidia-smi gave no answer within 0.8 s"
        assert found["gpus"] == []
        await until(lambda: not alive(tmp_path / "parent"))
        await until(lambda: not alive(tmp_path / "child"))
    assert (tmp_path / "parent").exists()  # the fault was hit


async def test_a_program_that_recovers_is_heard_again(host, programs, until, tmp_path) -> None:
    """After a rest of four times its length, the measurement is taken again."""
    recorded = Path(__file__).parent / "recorded/nvidia-smi.csv"
    programs(
        "nvidia-smi",
        f"test -e {tmp_path}/well && exec cat {recorded}; echo >>{tmp_path}/sick; exec sleep 1000",
    )
    async with host(probe_deadline_s=0.5, min_interval_s=0.05) as h:
        sid = await h.open()
        assert "gpus" in (await h.metrics(sid))["errors"]
        (tmp_path / "well").touch()
        async with asyncio.timeout(10):
            while not (await h.metrics(sid))["gpus"]:  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0.01)
        assert (await h.metrics(sid))["errors"] == {}
    assert (tmp_path / "sick").read_text().count("\n") >= 1


FAULTS = {
    "garbage": (r"printf '\377\376\000oops\n'", "nvidia-smi printed what is no list of GPUs"),
    "half a line": ("printf '0, GPU-1, A100'", "nvidia-smi printed what is no list of GPUs"),
    "exit code": (
        "echo 'Unable to determine the device handle' >&2; exit 15",
        "ended with code 15: Unable to",
    ),
    "no driver": (
        f"cat {Path(__file__).parent}/recorded/nvidia-smi.broken; exit 9",
        "ended with code 9: NVIDIA-SMI has",
    ),
    "killed": ("kill -KILL $$", "ended with code -9"),
    "flood": ("exec cat /dev/zero", f"printed more than {MAX_OUTPUT_BYTES} bytes"),
    "closes its output and stays": ("exec >&- 2>&-; exec sleep 1000", "gave no answer within"),
    "child keeps the output open": ("sleep 1000 & exit 0", "gave no answer within"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_program_that_misbehaves_is_named(host, programs, tmp_path, fault) -> None:
    """One line says which program and what it did; the other groups are complete."""
    script, reason = FAULTS[fault]
    programs("nvidia-smi", f"echo >>{tmp_path}/runs; {script}")
    async with host(probe_deadline_s=DEADLINE_S) as h:
        found = await h.metrics()
    assert complete(found, "gpus")
    assert reason in found["errors"]["gpus"]
    assert "\n" not in found["errors"]["gpus"]
    assert (tmp_path / "runs").read_text() == "\n"


@pytest.mark.parametrize("then", ["exit 0", "exec >&- 2>&-; exit 0", "kill -KILL $$"])
async def test_a_child_that_a_program_leaves_behind_is_killed(host, programs, until, tmp_path, then) -> None:
    """Whether or not it holds the program's output open, and however the program itself ended."""
    redirect = ">&- 2>&-" if "exec" in then else ""
    programs("nvidia-smi", f"sleep 1000 {redirect} & echo $! >{tmp_path}/child; {then}")
    async with host(probe_deadline_s=DEADLINE_S) as h:
        await h.metrics()
    assert (tmp_path / "child").exists()
    await until(lambda: not alive(tmp_path / "child"))


async def test_a_program_that_can_t_be_started_is_named(host, programs) -> None:
    """A broken interpreter line, as after an upgrade gone wrong."""
    path = programs("rocm-smi", "")
    path.write_text("#!/nowhere/python3\n")
    async with host() as h:
        found = await h.metrics()
    assert complete(found, "gpus")
    assert found["errors"]["gpus"] == "rocm-smi can't be started: No such file or directory"


async def test_a_program_that_vanishes_takes_its_gpus_along(host, programs, recorded, until) -> None:
    """A tool that was uninstalled is no error."""
    path = programs("nvidia-smi", f"cat {Path(__file__).parent}/recorded/nvidia-smi.csv")
    async with host(min_interval_s=0.0) as h:
        sid = await h.open()
        assert len((await h.metrics(sid))["gpus"]) == 2
        path.unlink()
        async with asyncio.timeout(10):
            while (found := await h.metrics(sid))["gpus"]:  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0.01)
        assert found["errors"] == {}


async def test_one_vendor_s_tool_hides_nobody_else_s_gpus(host, programs) -> None:
    """The vendors are asked side by side."""
    programs("nvidia-smi", "exec sleep 1000")
    programs("rocm-smi", f"cat {Path(__file__).parent}/recorded/rocm-smi-5.json")
    programs("xpu-smi", "echo '[]'; exit 1")
    async with host(probe_deadline_s=DEADLINE_S) as h:
        found = await h.metrics()
    assert [gpu["id"] for gpu in found["gpus"]] == ["amd-0"]
    assert "nvidia-smi gave no answer" in found["errors"]["gpus"]
    assert "xpu-smi ended with code 1" in found["errors"]["gpus"]


async def test_stopping_kills_the_program_that_runs(host, programs, until, tmp_path) -> None:
    """A plugin's stop waits for no tool."""
    programs("nvidia-smi", f"echo $$ >{tmp_path}/pid; exec sleep 1000")
    async with host(probe_deadline_s=60.0):
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        began = time.monotonic()
    assert time.monotonic() - began < 5
    await until(lambda: not alive(tmp_path / "pid"))


def test_no_program_starts_after_the_stop() -> None:
    """What comes too late is refused."""
    programs = Programs()
    programs.stop()
    with pytest.raises(ProbeError, match="the plugin is stopping"):
        programs.output(["true"], deadline_s=1.0)


def test_programs_run_without_a_shell_in_a_known_language(programs) -> None:
    """Arguments are taken as they are, and messages are English."""
    path = programs("say", 'echo "$LC_ALL|$LANGUAGE|$1"; test ! -t 0')
    os.environ["LANGUAGE"] = "de"
    try:
        assert Programs().output([str(path), "$(id); `id`"], deadline_s=5.0) == "C.UTF-8||$(id); `id`\n"
    finally:
        del os.environ["LANGUAGE"]


async def test_a_hanging_measurement_is_not_started_again(host, until) -> None:
    """However often one asks, there is one hanging thread, and once it ends all is well."""
    runs: list[int] = []
    let_go = threading.Event()
    async with host(min_interval_s=0.0) as h:
        memory = h.plugin.sampler.memory
        measure, memory._deadline_s = memory._read, 0.1

        def hang() -> object:
            runs.append(threading.get_ident())
            let_go.wait()
            return measure()

        await h.metrics()
        memory._read, memory._due = hang, 0.0
        sid = await h.open()
        try:
            reasons = set()
            for _ in range(10):
                memory._due = 0.0
                found = await h.metrics(sid)
                assert complete(found, "memory")
                assert found["memory"] is None
                reasons.add(found["errors"]["memory"])
            assert len(runs) == 1
            assert "no answer within 0.1 s" in reasons
            assert any(reason.startswith("hanging for") for reason in reasons)
            assert "memory" in (await h.request("GET", "health")).json["measuring"]
        finally:
            let_go.set()
        await until(lambda: "memory" not in h.plugin.sampler.workers.hanging())
        memory._due = 0.0
        assert (await h.metrics(sid))["memory"]


async def test_a_measurement_that_raises_is_named(host) -> None:
    """Whatever it raises, SystemExit too."""
    async with host() as h:
        await h.metrics()
        hits = 0
        for error, reason in [
            (PermissionError(13, "Permission denied", "/proc/x"), "Permission denied: /proc/x"),
            (KeyError("idle"), "KeyError: 'idle'"),
            (SystemExit(3), "SystemExit: 3"),
        ]:

            def fail(error: BaseException = error) -> None:
                nonlocal hits
                hits += 1
                raise error

            cpu = h.plugin.sampler.cpu
            cpu._read, cpu._due = fail, 0.0
            found = await h.metrics()
            assert complete(found, "cpu")
            assert found["errors"]["cpu"] == reason
        assert hits == 3


def test_threads_are_not_started_beyond_the_system_s_limit(monkeypatch) -> None:
    """The reason is told, and the measurement may be tried again."""
    workers = Workers()

    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        results, reasons = workers.fan_out({"a": lambda: 1}, 1.0)
    assert (results, reasons) == ({}, {"a": "can't start new thread"})
    assert workers.fan_out({"a": lambda: 1}, 5.0) == ({"a": 1}, {})


@pytest.fixture
def dead_mount(tmp_path) -> Iterator[Path]:
    """A mount that hangs whoever touches it, as a dead server's does."""
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip("needs root and /dev/fuse")
    folder = tmp_path / "dead"
    folder.mkdir()
    script = str(Path(__file__).with_name("hang.py"))
    process = subprocess.Popen(
        [sys.executable, script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        if process.stdout.readline() != b"mounted\n":
            pytest.skip("mounting is not permitted here")
        yield folder
    finally:
        process.communicate(timeout=10)


async def test_a_dead_mount_hides_no_other(host, dead_mount, until) -> None:
    """Its own entry is missing and named; the others, and the other groups, are there; nothing piles up."""
    async with host(probe_deadline_s=DEADLINE_S, min_interval_s=0.0) as h:
        sid = await h.open()
        name = f"disk {dead_mount}"
        for turn in range(4):
            h.plugin.sampler.disks._due = 0.0
            found = await h.metrics(sid)
            assert complete(found, "disks")
            assert found["errors"]["disks"].startswith(
                f"{dead_mount}: no answer within 0.9 s" if turn == 0 else f"{dead_mount}: hanging for"
            )
            assert "/" in [disk["mount"] for disk in found["disks"]]
            assert str(dead_mount) not in [disk["mount"] for disk in found["disks"]]
            assert [thread.name for thread in threading.enumerate()].count(f"sysinfo {name}") == 1
        assert name in h.plugin.sampler.workers.hanging()
