"""Commands: run as they are, ended in time, and told of when they fail."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from radical_edge_core.schedulers import (
    CommandFailed,
    CommandRunner,
    CommandTimedOut,
    OutputUnreadable,
    SchedulerUnavailable,
)
from radical_edge_core.testing.schedulers import StandIns


def test_arguments_reach_the_program_as_they_are(runner: CommandRunner, stand_ins: StandIns) -> None:
    """No shell reads them."""
    stand_ins.program("squeue", "42\n", stderr="a warning")
    output = runner.run(["squeue", "-o", "$(id) `id` ; * |x"])
    assert (output.stdout, output.stderr, output.return_code) == ("42\n", "a warning", 0)
    assert stand_ins.calls("squeue") == ["-o $(id) `id` ; * |x"]


def test_the_environment_is_the_schedulers(runner: CommandRunner, stand_ins: StandIns, monkeypatch) -> None:
    """English and UTC; the user's display variables are gone, SLURM_CONF is there."""
    monkeypatch.setenv("SQUEUE_FORMAT", "%j")
    monkeypatch.setenv("SLURM_CONF", "/here/slurm.conf")
    script = stand_ins.folder / "show"
    script.write_text("#!/bin/sh\nenv\n")
    script.chmod(0o755)
    shown = runner.run(["show"]).stdout.splitlines()
    assert {"LC_ALL=C.UTF-8", "TZ=UTC", "SLURM_TIME_FORMAT=%s", "SLURM_CONF=/here/slurm.conf"} <= set(shown)
    assert not [line for line in shown if line.startswith("SQUEUE_")]


def test_a_failure_tells_command_code_and_the_last_words(runner: CommandRunner, stand_ins: StandIns) -> None:
    """And travels as a transient 503."""
    stand_ins.program("sinfo", stderr="\n".join(f"line {number}" for number in range(9)), code=3)
    with pytest.raises(CommandFailed) as caught:
        runner.run(["sinfo", "-h"])
    assert caught.value.data == {
        "command": "sinfo -h", "return_code": 3, "stderr": "line 4\nline 5\nline 6\nline 7\nline 8",
    }  # fmt: skip
    assert (caught.value.status_code, caught.value.transient) == (503, True)
    assert str(caught.value) == "HTTP 503: sinfo ended with code 3: line 8"


def test_some_codes_may_be_no_failure(runner: CommandRunner, stand_ins: StandIns) -> None:
    """Where the caller says so."""
    stand_ins.program("qstat", "partly", code=35)
    assert runner.run(["qstat"], ends_well=(0, 35)).return_code == 35


def test_a_signal_is_a_failure(runner: CommandRunner, stand_ins: StandIns) -> None:
    """Its number is the code, negative."""
    script = stand_ins.folder / "dies"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    with pytest.raises(CommandFailed) as caught:
        runner.run(["dies"])
    assert caught.value.data["return_code"] == -9


def test_a_missing_program_is_named(runner: CommandRunner) -> None:
    """It has no return code."""
    with pytest.raises(CommandFailed, match="no-such-program is not on") as caught:
        runner.run(["no-such-program"])
    assert caught.value.data["return_code"] is None


def test_a_program_that_cannot_be_started_is_named(runner: CommandRunner, stand_ins: StandIns) -> None:
    """A script whose interpreter is not there."""
    script = stand_ins.folder / "odd"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(CommandFailed, match="odd can't be started"):
        runner.run(["odd"])


def test_what_hangs_is_killed_with_all_that_it_started(
    runner: CommandRunner, stand_ins: StandIns, until
) -> None:
    """At the deadline, and what it had said is told."""
    child = stand_ins.folder / "child"
    script = stand_ins.folder / "squeue"
    script.write_text(f"#!/bin/sh\necho waiting >&2\nsleep 1000 &\necho $! >'{child}'\nwait\n")
    script.chmod(0o755)
    began = time.monotonic()
    with pytest.raises(CommandTimedOut, match=r"no answer within 0\.5 s") as caught:
        runner.run(["squeue"], deadline_s=0.5)
    assert time.monotonic() - began < 10
    assert caught.value.data["stderr"] == "waiting"
    until(lambda: not alive(int(child.read_text())))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def until():
    def wait(condition) -> None:
        ends = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < ends
            time.sleep(0.005)

    return wait


def test_output_has_a_bound(stand_ins: StandIns) -> None:
    """A program that prints without end is ended."""
    runner = CommandRunner(lambda: stand_ins.environ, deadline_s=20, max_bytes=1_000_000)
    with pytest.raises(OutputUnreadable, match="more than 1000000 bytes"):
        runner.run(["yes"])


def test_bytes_that_are_no_text_are_replaced(runner: CommandRunner, stand_ins: StandIns) -> None:
    """Somebody's job name must not cost the list."""
    script = stand_ins.folder / "bytes"
    script.write_text("#!/bin/sh\nprintf '\\377ok'\n")
    script.chmod(0o755)
    assert runner.run(["bytes"]).stdout == "\ufffdok"


def test_stopping_ends_what_runs(runner: CommandRunner, stand_ins: StandIns, until) -> None:
    """And nothing is started afterwards."""
    stand_ins.program("squeue", hang=True)
    caught: list[BaseException] = []

    def run() -> None:
        try:
            runner.run(["squeue"])
        except SchedulerUnavailable as exc:
            caught.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: stand_ins.calls("squeue"))
    runner.stop()
    thread.join(10)
    assert caught
    with pytest.raises(SchedulerUnavailable, match="stopping"):
        runner.run(["squeue"])


def test_few_commands_run_at_once(stand_ins: StandIns, until) -> None:
    """The rest waits, and gives up at its deadline."""
    runner = CommandRunner(lambda: stand_ins.environ, deadline_s=20, at_once=1)
    stand_ins.program("squeue", hang=True)
    stand_ins.program("sinfo")

    def run() -> None:
        with pytest.raises(SchedulerUnavailable):
            runner.run(["squeue"])

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: stand_ins.calls("squeue"))
    with pytest.raises(CommandTimedOut):
        runner.run(["sinfo"], deadline_s=0.1)
    assert not stand_ins.calls("sinfo")
    runner.stop()
    thread.join(10)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_left(runner: CommandRunner, stand_ins: StandIns) -> None:
    """However commands end."""
    stand_ins.program("ends")
    stand_ins.program("fails", code=1)
    stand_ins.program("hangs", hang=True)
    before = descriptors()
    for name in ("ends", "fails", "hangs"):
        try:
            runner.run([name], deadline_s=0.3 if name == "hangs" else None)
        except CommandFailed:
            continue
    assert descriptors() == before
