"""One process a state folder."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from radical_edge_core.edge.lease import Lease
from radical_edge_core.errors import Conflict

HOLD = """
import signal, sys
from pathlib import Path
from radical_edge_core.edge.lease import Lease
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
lease = Lease(Path(sys.argv[1]))
lease.take(takeover=False)
print("held", flush=True)
signal.sigwait([{signal}])
lease.release()
print("let go", flush=True)
"""


@contextmanager
def holder(path: Path, ends_on: str = "signal.SIGTERM") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease until it is told to end."""
    process = subprocess.Popen(
        (sys.executable, "-c", HOLD.format(signal=ends_on), str(path)), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_the_lease_names_its_holder(tmp_path: Path) -> None:
    """The file tells host and process, to its owner alone."""
    lease = Lease(tmp_path / "lease")
    lease.take(takeover=False)
    assert json.loads((tmp_path / "lease").read_text()) == {"host": socket.gethostname(), "pid": os.getpid()}
    assert stat.S_IMODE((tmp_path / "lease").stat().st_mode) == 0o600
    lease.release()
    lease.release()


def test_a_lease_that_was_given_back_can_be_taken(tmp_path: Path) -> None:
    """Nothing is left to clean up."""
    for _ in range(2):
        lease = Lease(tmp_path / "lease")
        lease.take(takeover=False)
        lease.release()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Whoever comes second is told host and process of the first."""
    with holder(tmp_path / "lease") as process, pytest.raises(Conflict) as error:
        Lease(tmp_path / "lease").take(takeover=False)
    assert f"host {socket.gethostname()}, process {process.pid}" in error.value.detail
    assert "--takeover" in error.value.detail


def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    """The lock goes with its process, however that ends."""
    with holder(tmp_path / "lease") as process:
        process.kill()
        process.wait(10)
        lease = Lease(tmp_path / "lease")
        lease.take(takeover=False)
        lease.release()


def test_a_takeover_asks_the_holder_to_end_and_waits(tmp_path: Path) -> None:
    """The holder ends in good order, and then the lease is the newcomer's."""
    with holder(tmp_path / "lease") as process:
        lease = Lease(tmp_path / "lease")
        lease.take(takeover=True)
        output, _ = process.communicate(timeout=10)
        assert (output, process.returncode) == ("let go\n", 0)
        lease.release()


def test_a_holder_that_does_not_end_keeps_the_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A takeover gives up after its time, and says who is in the way."""
    monkeypatch.setattr("radical_edge_core.edge.lease._TAKEOVER_S", 0.3)
    with holder(tmp_path / "lease", "signal.SIGUSR1") as process:
        with pytest.raises(Conflict, match=f"process {process.pid} still serves"):
            Lease(tmp_path / "lease").take(takeover=True)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    "owner", ["", "no json", "[]", '{"host": "elsewhere.example", "pid": 1}', '{"host": 5}'], ids=str
)
def test_a_holder_that_is_not_known_is_not_ended(tmp_path: Path, owner: str) -> None:
    """A takeover ends no process of another host, and none that the lease does not name."""
    path = tmp_path / "lease"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(owner)
        other.flush()
        with pytest.raises(Conflict, match="another process serves this state folder"):
            Lease(path).take(takeover=True)


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be locked the edge goes on, and warns of what could happen."""

    def unsupported(*_: object) -> None:
        raise OSError(38, "function not implemented")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    lease = Lease(tmp_path / "lease")
    lease.take(takeover=False)
    assert "two edges could share this folder" in caplog.text
    lease.release()
