"""
Running a scheduler's commands so that none of them can hold the edge up.

Each runs without a shell, in a process group of its own, in the environment of ``environment.py``, with
nothing on standard input, with a deadline, and with a bound on what it may print. What outstays its deadline
is killed with its whole group. A command that even SIGKILL does not end (its system call hangs in a file
system) is left to a thread that waits for it, and the same program is not started again until it has ended.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from attrs import frozen

from radical_edge_core.schedulers.environment import scheduler_environment
from radical_edge_core.schedulers.errors import (
    CommandFailed,
    CommandTimedOut,
    OutputUnreadable,
    SchedulerUnavailable,
    command_text,
    tail,
)

DEADLINE_S = 30.0
MAX_OUTPUT_BYTES = 128 * 1024 * 1024
AT_ONCE = 4
# Where sites put schedulers that are not on everybody's PATH; searched last.
USUAL_FOLDERS = ("/usr/local/bin", "/opt/slurm/bin", "/usr/local/slurm/bin", "/opt/pbs/bin")
_READ_BYTES = 256 * 1024
_POLL_S = 0.005
_REAP_S = 2.0


@frozen(kw_only=True)
class Output:
    """What a command printed, and how it ended."""

    stdout: str
    stderr: str
    return_code: int


class Runner(Protocol):
    """Runs commands; ``CommandRunner`` is the real one."""

    def find(self, name: str) -> str | None:
        """Return where a program is; ``None``: nowhere."""

    def run(
        self, argv: Sequence[str], *, ends_well: Collection[int] = (0,), deadline_s: float | None = None
    ) -> Output:
        """Run a command to its end; blocking."""

    def stop(self) -> None:
        """End what runs; nothing is started afterwards."""


class CommandRunner:
    """
    Runs commands; every method may be called from any thread.

    Args:
        environ: Where the environment is looked up at each start; the process's by default.
        deadline_s: How long a command may take where the caller does not say.
        max_bytes: How much it may print.
        at_once: How many run at the same time; more wait, and the wait counts against their deadline.
    """

    def __init__(
        self,
        environ: Callable[[], Mapping[str, str]] = lambda: os.environ,
        *,
        deadline_s: float = DEADLINE_S,
        max_bytes: int = MAX_OUTPUT_BYTES,
        at_once: int = AT_ONCE,
    ) -> None:
        self.deadline_s = deadline_s
        self._environ = environ
        self._max_bytes = max_bytes
        self._places = threading.BoundedSemaphore(at_once)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._unending: set[str] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def find(self, name: str) -> str | None:
        """Return where a program is: on ``PATH``, else in one of the usual folders."""
        folders = (self._environ().get("PATH", os.defpath), *USUAL_FOLDERS)
        return shutil.which(name, path=os.pathsep.join(folders))

    def run(
        self, argv: Sequence[str], *, ends_well: Collection[int] = (0,), deadline_s: float | None = None
    ) -> Output:
        """
        Run a command and return what it printed.

        Args:
            argv: Program and arguments; the program is looked up with ``find``.
            ends_well: The return codes that are no failure.
            deadline_s: How long it may take; by default the runner's own.

        Raises:
            CommandFailed: It can't be started, or ended with another return code.
            CommandTimedOut: It outstayed its deadline.
            OutputUnreadable: It printed more than the bound.
        """
        deadline_s = self.deadline_s if deadline_s is None else deadline_s
        ends = time.monotonic() + deadline_s
        if not self._places.acquire(timeout=deadline_s):
            raise _timed_out(argv, deadline_s, "too many commands of the scheduler are running")
        try:
            process = self._start(argv)
            try:
                output = self._collect(process, argv, ends, deadline_s)
            finally:
                self._end(process, argv)
        finally:
            self._places.release()
        if output.return_code not in ends_well:
            raise _failed(argv, output)
        return output

    def stop(self) -> None:
        """Kill what runs; nothing is started afterwards."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill_group(process)

    def _start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        program = self.find(argv[0])
        if program is None:
            raise CommandFailed(
                f"{argv[0]} is not on the edge's PATH",
                command=command_text(argv),
                return_code=None,
                stderr="",
            )
        with self._lock:
            if self._stopped:
                raise SchedulerUnavailable(f"{argv[0]} not started: the edge is stopping")
            if argv[0] in self._unending:
                raise CommandTimedOut(
                    f"{argv[0]} hangs from an earlier call and can't be killed; not started again until it ends",
                    command=command_text(argv), return_code=None, stderr="",
                )  # fmt: skip
        try:
            process = subprocess.Popen(
                [program, *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=scheduler_environment(self._environ()),
                start_new_session=True,
            )
        except OSError as exc:
            raise CommandFailed(
                f"{Path(program).name} can't be started: {exc.strerror}",
                command=command_text(argv), return_code=None, stderr="",
            ) from exc  # fmt: skip
        with self._lock:
            self._running.add(process)
            if self._stopped:
                _kill_group(process)
        return process

    def _collect(
        self, process: subprocess.Popen[bytes], argv: Sequence[str], ends: float, deadline_s: float
    ) -> Output:
        assert process.stdout is not None
        assert process.stderr is not None
        printed: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
        with selectors.DefaultSelector() as selector:
            for stream in printed:
                selector.register(stream, selectors.EVENT_READ, stream)
            while selector.get_map():
                for key, _ in selector.select(max(0.0, ends - time.monotonic())):
                    stream = key.data
                    chunk = os.read(stream.fileno(), _READ_BYTES)
                    printed[stream] += chunk
                    if not chunk:
                        selector.unregister(stream)
                if sum(map(len, printed.values())) > self._max_bytes:
                    raise OutputUnreadable(
                        f"{argv[0]} printed more than {self._max_bytes} bytes", command=command_text(argv)
                    )
                if time.monotonic() >= ends:
                    raise _timed_out(argv, deadline_s, printed[process.stderr].decode("utf-8", "replace"))
        while not _ended(process):
            if time.monotonic() >= ends:
                raise _timed_out(argv, deadline_s, printed[process.stderr].decode("utf-8", "replace"))
            time.sleep(_POLL_S)
        out, err = (bytes(text).decode("utf-8", "replace") for text in printed.values())
        status = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert status is not None
        code = status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
        return Output(stdout=out, stderr=err, return_code=code)

    def _end(self, process: subprocess.Popen[bytes], argv: Sequence[str]) -> None:
        # Its number is its group's, and nobody else's until it was waited for: so it is killed before that, with
        # the children that it may have left, and out of `stop`'s reach after it.
        with self._lock:
            self._running.discard(process)
            _kill_group(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        try:
            process.wait(_REAP_S)
        except subprocess.TimeoutExpired:
            with self._lock:
                self._unending.add(argv[0])
            threading.Thread(
                target=self._wait, args=(process, argv[0]), name=f"unending {argv[0]}", daemon=True
            ).start()

    def _wait(self, process: subprocess.Popen[bytes], name: str) -> None:
        process.wait()
        with self._lock:
            self._unending.discard(name)


def _failed(argv: Sequence[str], output: Output) -> CommandFailed:
    said = tail(output.stderr) or tail(output.stdout)
    last = said.rpartition("\n")[2] or "no message"
    return CommandFailed(
        f"{argv[0]} ended with code {output.return_code}: {last}",
        command=command_text(argv),
        return_code=output.return_code,
        stderr=said,
    )


def _timed_out(argv: Sequence[str], deadline_s: float, stderr: str) -> CommandTimedOut:
    return CommandTimedOut(
        f"{argv[0]} gave no answer within {deadline_s:.3g} s",
        command=command_text(argv),
        return_code=None,
        stderr=tail(stderr),
    )


def _ended(process: subprocess.Popen[bytes]) -> bool:
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
