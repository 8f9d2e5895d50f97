"""``radical-edge up``: everything on one machine by one command, used from other processes, and ended by Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from kit.processes import Process, alive
from kit.stand import Stand
from kit.waiting import until

# A job that goes on until a file is there (or a minute is over), and ends with what the file says.
WAITS = 'n=0; while ! test -s "$1" && test $n -lt 600; do n=$((n + 1)); sleep 0.1; done; exit "$(cat "$1")"'


def up(stand: Stand, *arguments: str) -> Process:
    """Start everything, and wait until it says that it is ready."""
    process = stand.console("radical-edge", "up", "--port", "0", *arguments)
    process.wait_for("sign in: ", 60)
    return process


def radical_edge(stand: Stand, *arguments: str) -> str:
    """Run a command that must succeed, from a process of its own, and return what it prints."""
    done = stand.run("radical-edge", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def submit(stand: Stand, *command: str) -> str:
    """Submit a local job and return its id, which is all that is printed."""
    printed = radical_edge(stand, "jobs", "submit", "--executor", "local", "--", *command)
    assert len(printed.split()) == 1, printed
    return printed.strip()


def status(stand: Stand, job: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(radical_edge(stand, "jobs", "status", job, "--json"))
    return found


def becomes(stand: Stand, job: str, state: str) -> dict[str, Any]:
    """Wait until a job is in a state, and return all that is told of it."""

    def there() -> dict[str, Any] | None:
        found = status(stand, job)
        return found if found["state"] == state else None

    return until(there, 30, f"job {job} is {state}")


def interrupt(process: Process) -> float:
    """Press Ctrl-C, and return how long it took until everything had ended."""
    hosts = hosts_of(process)
    assert set(hosts) == {"radical-edge", "radical-edge-bridge", "radical-edge-service"}
    began = time.monotonic()
    process.send_to_group(signal.SIGINT)
    assert process.wait(10) == 0
    took = time.monotonic() - began
    assert took < 5, f"it took {took:.1f} s"
    assert not [name for name, pid in hosts.items() if alive(pid)], "nothing is left"
    return took


def hosts_of(process: Process) -> dict[str, int]:
    """Return the id of each of our programs that runs under it; the jobs of the edge are none."""
    found: dict[str, int] = {}
    for pid in process.family():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        names = [Path(word.decode()).name for word in words[:2]]
        found |= {name: pid for name in names if name.startswith("radical-edge")}
    return found


def test_one_command_runs_it_all(stand: Stand) -> None:
    """``up`` tells address and sign-in link; other processes list edges, call operations and run jobs."""
    process = up(stand)
    lines = [line for line in process.output.splitlines() if line.startswith(("bridge: ", "sign in: "))]
    token = (stand.home / "bridge/admin.token").read_text(encoding="utf-8").strip()
    url = lines[0].removeprefix("bridge: ")
    assert lines == [f"bridge: {url}", f"sign in: {url}/#token={token}"]

    assert "local" in radical_edge(stand, "edges")
    rows = json.loads(radical_edge(stand, "edges", "--json"))["edges"]
    assert {row["name"]: row["connected"] for row in rows}["local"] is True
    assert "sysinfo" in radical_edge(stand, "plugins", "local")
    metrics = json.loads(radical_edge(stand, "call", "local", "sysinfo", "get_metrics", "--json"))
    assert metrics["cpu"]["cores_logical"] >= 1

    job = submit(stand, "/bin/echo", "hello")
    assert radical_edge(stand, "jobs", "logs", job, "-f") == "hello\n"
    assert becomes(stand, job, "COMPLETED")["exit_code"] == 0
    print(f"ended after {interrupt(process):.1f} s")


def test_jobs_outlive_it_and_are_there_again(stand: Stand) -> None:
    """Ctrl-C names the local jobs that go on; the next start has them again, with their true exit codes."""
    process = up(stand)
    meanwhile, later = stand.folder / "meanwhile", stand.folder / "later"
    ends_meanwhile = submit(stand, "/bin/sh", "-c", WAITS, "job", str(meanwhile))
    ends_later = submit(stand, "/bin/sh", "-c", WAITS, "job", str(later))
    over = submit(stand, "/bin/sh", "-c", "exit 3")
    becomes(stand, ends_meanwhile, "ACTIVE")
    becomes(stand, ends_later, "ACTIVE")
    becomes(stand, over, "FAILED")
    interrupt(process)
    last = "\n".join(process.output.splitlines()[-6:])
    assert ends_meanwhile in last
    assert ends_later in last
    assert over not in last

    meanwhile.write_text("7", encoding="utf-8")
    process = up(stand)
    assert becomes(stand, ends_meanwhile, "FAILED")["exit_code"] == 7
    assert status(stand, over)["exit_code"] == 3
    assert status(stand, ends_later)["state"] == "ACTIVE"
    later.write_text("9", encoding="utf-8")
    assert becomes(stand, ends_later, "FAILED")["exit_code"] == 9
    interrupt(process)


def test_jobs_end_with_it_where_that_is_wanted(stand: Stand) -> None:
    """With ``--cancel-jobs`` Ctrl-C ends the local jobs too."""
    process = up(stand, "--cancel-jobs")
    pid_file = stand.folder / "pid"
    submit(stand, "/bin/sh", "-c", 'echo $$ > "$1"; exec sleep 60', "job", str(pid_file))
    until(lambda: pid_file.exists() and pid_file.read_text(encoding="utf-8").strip(), 20, "the job has begun")
    pid = int(pid_file.read_text(encoding="utf-8"))
    assert alive(pid)
    interrupt(process)
    assert not alive(pid)


def test_a_port_that_is_taken_is_told(stand: Stand) -> None:
    """Where the port is taken it starts nothing, and says which option helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = stand.run("radical-edge", "up", "--port", str(port))
    assert done.returncode != 0
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert not (stand.home / "bridge").exists()


@pytest.mark.parametrize("victim", ["radical-edge", "radical-edge-bridge", "radical-edge-service"])
def test_a_kill_leaves_no_orphans(stand: Stand, victim: str) -> None:
    """``kill -9`` of it, or of one of its children, is noticed: told, or everything else ends by itself."""
    process = up(stand)
    process.errors_expected = True
    hosts = hosts_of(process)
    if victim == "radical-edge":
        process.kill()
    else:
        Process.kill_pid(hosts[victim])
    if victim == "radical-edge-service":
        process.wait_for("edge local has ended")
        assert process.running, "the bridge goes on"
        assert json.loads(radical_edge(stand, "edges", "--json"))["edges"]
        process.send_to_group(signal.SIGINT)
    until(lambda: not [name for name, pid in hosts.items() if alive(pid)], 10, "nothing is left")
