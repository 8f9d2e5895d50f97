"""One process of the system under test: started, watched, and ended by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kit.waiting import until

SCRIPTS = Path(sys.executable).parent
MIB = 1024 * 1024


class Process:
    """
    A console script that runs, with its output in a file.

    Args:
        command: The script's name and its arguments.
        environ: Its whole environment.
        log: Where its output goes, both streams.

    Attributes:
        errors_expected: Whether its log may hold errors and tracebacks at the end of the test.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = log.stem
        self.log = log
        self.errors_expected = False
        with log.open("wb") as stream:
            self._popen = subprocess.Popen(
                (str(SCRIPTS / command[0]), *command[1:]),
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def output(self) -> str:
        """Everything that it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def wait_for(self, text: str, within_s: float = 30.0) -> None:
        """Wait until it has printed ``text``."""

        def said() -> bool:
            if text in self.output:
                return True
            assert self.running, f"{self.name} ended with {self._popen.returncode} before it said {text!r}"
            return False

        until(said, within_s, f"{text!r} in the output of {self.name}")

    def wait(self, within_s: float = 45.0) -> int:
        """Wait until it ends by itself, and return its exit code."""
        try:
            return self._popen.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {within_s:g} s") from None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.running:
            os.kill(self.pid, number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Send a signal to it and all its children, as a terminal does."""
        os.killpg(self.pid, number)

    def stop(self, within_s: float = 45.0) -> int:
        """End it by SIGTERM, and return its exit code."""
        self.send(signal.SIGTERM)
        return self.wait(within_s)

    def kill(self) -> None:
        """End it by SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.wait(10)

    @staticmethod
    def kill_pid(pid: int) -> None:
        """End one of its children by SIGKILL."""
        os.kill(pid, signal.SIGKILL)

    def memory_mib(self, field: str = "VmRSS") -> float:
        """Return what it holds now (``VmRSS``) or held at most (``VmHWM``). Source: proc(5)."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise AssertionError(f"{self.name} has no {field}")

    def forget_peak(self) -> None:
        """Let ``VmHWM`` begin again at what is held now. Source: proc(5), clear_refs."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="utf-8")

    def bytes_read(self) -> int:
        """Return how much it has read so far, from files and else. Source: proc(5), /proc/pid/io."""
        return int(Path(f"/proc/{self.pid}/io").read_text(encoding="utf-8").split()[1])

    def threads(self) -> int:
        """Return how many threads it has."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/task").iterdir())

    def family(self) -> list[int]:
        """Return its id and those of its descendants."""
        found = [self.pid]
        for pid in found:
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
            except OSError:  # it has ended meanwhile
                continue
        return found

    def command_lines(self) -> bytes:
        """Return the command lines of it and its descendants, as any user of the machine can see them."""
        lines = []
        for pid in self.family():
            try:
                lines.append(Path(f"/proc/{pid}/cmdline").read_bytes())
            except OSError:
                continue
        return b"\n".join(lines)


def alive(pid: int) -> bool:
    """Say whether a process runs (one that has ended and was not waited for does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
