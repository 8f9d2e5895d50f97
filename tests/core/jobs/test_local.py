"""What a local job's folder and processes say, and how it is ended."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from radical_edge_core.jobs.folder import JobFolder
from radical_edge_core.jobs.local import NODE_RESTARTED, SHIM_KILLED, observe, pursue_cancel
from radical_edge_core.jobs.process import find, members
from radical_edge_core.jobs.status import JobState

GRACE_S = 0.4


@pytest.fixture
def running(make_folder, start_shim, wait_until):
    """Start a script that says ``up`` when it is, and wait for that."""

    def start(script: str, **more) -> JobFolder:
        folder = make_folder(script=script, **more)
        start_shim(folder)
        wait_until(lambda: (folder.path / "stdout").read_text().startswith("up\n"))
        return folder

    return start


@pytest.fixture
def canceled(wait_until):
    """Carry a cancel out to its end, and return the final status."""

    def cancel(folder: JobFolder):
        folder.ask_to_cancel()

        def over() -> bool:
            pursue_cancel(folder, GRACE_S)
            return observe(folder).state.final

        wait_until(over)
        return observe(folder)

    return cancel


def test_a_job_goes_from_queued_to_active_to_its_end(make_folder, start_shim, wait_until) -> None:
    """Each state is told by the folder alone."""
    folder = make_folder(script="read line; exit 7", stdin=None)
    assert observe(folder).state is JobState.QUEUED
    folder = make_folder(script="until [ -e go ]; do sleep 0.02; done; exit 7")
    start_shim(folder)
    wait_until(lambda: observe(folder).state is JobState.ACTIVE)
    wait_until(lambda: observe(folder).started_at)
    (folder.path.parent.parent / "go").touch()
    wait_until(lambda: observe(folder).state.final)
    status = observe(folder)
    assert (status.state, status.exit_code, status.message) == (JobState.FAILED, 7, "exit code 7")
    assert status.started_at is not None
    assert status.ended_at is not None
    assert status.started_at <= status.ended_at
    assert status.stdout_bytes == status.stderr_bytes == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_gives_its_code_and_its_name(number, run_job) -> None:
    """A payload that dies of a signal is FAILED with 128 + n, and the message names the signal."""
    status = observe(run_job(script=f"kill -{number.value} $$"))
    assert (status.state, status.exit_code) == (JobState.FAILED, 128 + number)
    assert number.name in status.message


CANCELS = {
    "dies on TERM": ("echo up; exec sleep 60", 143, ""),
    "cleans up on TERM": (
        "trap 'echo clean; exit 0' TERM; echo up; while :; do sleep 0.05; done",
        0,
        "clean\n",
    ),
    "ignores TERM": ("trap '' TERM; echo up; while :; do sleep 0.05; done", 137, ""),
    "stopped": ("echo up; kill -STOP $$; echo never", 143, ""),
    "children that ignore TERM": (
        "(trap '' TERM; sleep 61) & trap '' TERM; echo up; wait; sleep 62",
        137,
        "",
    ),
}


@pytest.mark.parametrize("case", CANCELS)
def test_a_canceled_job_ends_and_leaves_its_record(case, running, canceled, wait_until) -> None:
    """Whatever the payload makes of TERM: it is over after the grace, CANCELED, its code on record."""
    script, code, more = CANCELS[case]
    folder = running(script)
    shim = folder.claim().process
    status = canceled(folder)
    assert (status.state, status.exit_code, status.message) == (JobState.CANCELED, code, "canceled")
    assert (folder.path / "stdout").read_text() == "up\n" + more
    assert folder.exit().signals == ("TERM",)
    # The record is written by the shim, which is gone a moment after it.
    wait_until(lambda: not [each for each in members(shim) if each.pid == shim.pid])


def test_a_cancel_reaches_other_groups_of_the_session(running, canceled, wait_until) -> None:
    """A payload that puts its children into groups of their own does not save them."""
    folder = running("exec bash -c 'set -m; sleep 63 & echo up; wait'")
    shim = folder.claim().process
    assert len({each.group for each in members(shim)}) > 1
    assert canceled(folder).state is JobState.CANCELED
    wait_until(lambda: not members(shim))


def test_a_cancel_before_the_start_means_no_start(make_folder, start_shim, canceled) -> None:
    """Who cancels a queued job can be sure that it will never run."""
    folder = make_folder(script="echo ran")
    assert canceled(folder).state is JobState.CANCELED
    assert start_shim(folder).wait(20) == 0
    assert (folder.path / "stdout").read_text() == ""
    assert observe(folder).exit_code is None


def test_cancel_races_with_the_start(make_folder, start_shim, canceled, chance, tell) -> None:
    """However cancel and start meet, the job ends CANCELED and nothing of it lives on."""
    met: dict[str, int] = {}
    for _ in range(40):
        folder = make_folder("sleep", "60")
        start_shim(folder)
        end = time.monotonic() + chance.uniform(0, 0.02)
        while time.monotonic() < end:
            pass
        assert canceled(folder).state is JobState.CANCELED
        claim = folder.claim()
        met[claim.kind] = met.get(claim.kind, 0) + 1
    tell(f"claims when the cancel came: {met}")
    assert sum(met.values()) == 40
    assert met.get("local"), "no cancel met a job that had begun"


def test_a_cancel_of_an_ended_job_changes_nothing(run_job, canceled) -> None:
    """A job that was over when the wish came keeps its own end."""
    folder = run_job("true")
    assert canceled(folder).state is JobState.COMPLETED


def test_a_cancel_goes_on_where_another_process_stopped(running, wait_until) -> None:
    """TERM is not repeated, and KILL comes when the grace that began before is over."""
    folder = running("trap 'echo term' TERM; echo up; while :; do sleep 0.05; done")
    folder.ask_to_cancel()
    pursue_cancel(folder, GRACE_S)
    wait_until(lambda: (folder.path / "stdout").read_text() == "up\nterm\n")
    again = JobFolder.open(folder.path)

    def over() -> bool:
        pursue_cancel(again, GRACE_S)
        return observe(again).state.final

    wait_until(over)
    assert observe(again).state is JobState.CANCELED
    assert (folder.path / "stdout").read_text() == "up\nterm\n"


def test_a_killed_shim_is_told_once_its_payload_is_gone_too(running, wait_until) -> None:
    """While a process of the job lives it is ACTIVE; then FAILED, and nobody claims to know the code."""
    folder = running("echo $$ >pid; echo up; exec sleep 60")
    shim = folder.claim().process
    os.kill(shim.pid, signal.SIGKILL)
    wait_until(lambda: find(shim.pid) is None)
    assert observe(folder).state is JobState.ACTIVE
    os.kill(int((folder.path.parent.parent / "pid").read_text()), signal.SIGKILL)
    wait_until(lambda: observe(folder).state.final)
    status = observe(folder)
    assert (status.state, status.exit_code, status.message) == (JobState.FAILED, None, SHIM_KILLED)


def test_a_payload_without_its_shim_can_be_canceled(running, canceled) -> None:
    """The session is still that of the claim."""
    folder = running("trap '' TERM; echo up; while :; do sleep 0.05; done")
    shim = folder.claim().process
    os.kill(shim.pid, signal.SIGKILL)
    status = canceled(folder)
    assert (status.state, status.exit_code) == (JobState.CANCELED, None)
    assert not members(shim)


def test_another_boot_is_the_end_of_a_job(make_folder, running) -> None:
    """With or without a claim, what was there in an earlier boot is over: the node restarted."""
    waiting = make_folder("true")
    assert observe(of_another_boot(waiting)).message == f"{NODE_RESTARTED} before the job began"
    active = of_another_boot(running("echo up; sleep 60"))
    status = observe(active)
    assert (status.state, status.exit_code, status.message) == (JobState.FAILED, None, NODE_RESTARTED)
    assert status.started_at is not None


def test_a_record_outlives_the_boot(run_job) -> None:
    """A job that ended before its node restarted keeps its end."""
    assert observe(of_another_boot(run_job(script="exit 3"))).exit_code == 3


def of_another_boot(folder: JobFolder) -> JobFolder:
    spec = json.loads((folder.path / "spec.json").read_text())
    mine = spec["boot_id"]
    (folder.path / "spec.json").write_text(json.dumps({**spec, "boot_id": "0" * 8}))
    if (folder.path / "claim").exists():
        text = (folder.path / "claim").read_text()
        (folder.path / "claim").write_text(text.replace(mine, "0" * 8))
    return JobFolder.open(folder.path)


def test_an_id_that_another_process_has_now_is_nobody(run_job, canceled, running) -> None:
    """A process with the claim's pid and another start time is not the job, and is never signalled."""
    folder = run_job("true")
    (folder.path / "exit.json").unlink()
    other = running("echo up; sleep 60")
    boot, pid = other.claim().boot, other.claim().process.pid
    (folder.path / "claim").write_text(f"local.{boot}.{pid}.1\n")
    assert observe(folder).message == SHIM_KILLED
    folder.ask_to_cancel()
    pursue_cancel(folder, 0)
    pursue_cancel(folder, 0)
    assert observe(other).state is JobState.ACTIVE
