"""
The vendors' command-line tools, run so that none of them can hold the edge up.

Without a shell, in a process group of its own, with ``LC_ALL=C.UTF-8``, nothing on standard input, a
deadline, and a bound on what it may print. What outstays its deadline is killed with its whole group. A
program that even SIGKILL does not end (its system call hangs in a driver) is still waited for, by the
thread that ran it: `Workers` does not start it again meanwhile.
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
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from radical_edge_sysinfo.outcome import ProbeError

MAX_OUTPUT_BYTES = 4 * 1024 * 1024
_READ_BYTES = 64 * 1024
# Between the end of its output and that of the program itself, which is hardly ever waited for.
_POLL_S = 0.005


class ProgramError(ProbeError):
    """
    A program ended with an error.

    Args:
        name: The program's name.
        code: Its exit code, negative for a signal.
        text: What it printed on both streams.
    """

    def __init__(self, name: str, code: int, text: str) -> None:
        last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
        super().__init__(f"{name} ended with code {code}: {last[:200]}")
        self.text = text


class Programs:
    """Finds and runs programs; `stop` ends what still runs, from any thread."""

    def __init__(self, extra_path: Sequence[str] = ()) -> None:
        self._extra_path = tuple(extra_path)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def find(self, name: str) -> str | None:
        """Return the path of the program, from ``PATH`` or the extra folders."""
        return shutil.which(
            name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *self._extra_path))
        )

    def output(self, argv: Sequence[str], *, deadline_s: float) -> str:
        """
        Run a program and return what it printed on its standard output.

        Raises:
            ProgramError: It ended with another code than 0.
            ProbeError: It could not be started, outstayed its deadline, or printed more than the bound.
        """
        name = Path(argv[0]).name
        process = self._start(name, argv)
        try:
            out, err = self._collect(process, name, time.monotonic() + deadline_s, deadline_s)
        finally:
            self._end(process)
        if process.returncode:
            raise ProgramError(name, process.returncode, f"{err}\n{out}")
        return out

    def stop(self) -> None:
        """Kill what runs; later calls of `output` fail."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill_group(process)

    def _start(self, name: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if key != "LANGUAGE"}
        environment["LC_ALL"] = "C.UTF-8"
        with self._lock:
            if self._stopped:
                raise ProbeError(f"{name} not started: the plugin is stopping")
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except OSError as exc:
            raise ProbeError(f"{name} can't be started: {exc.strerror}") from exc
        with self._lock:
            self._running.add(process)
            if self._stopped:
                _kill_group(process)
        return process

    def _collect(
        self, process: subprocess.Popen[bytes], name: str, ends: float, deadline_s: float
    ) -> tuple[str, str]:
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
                if sum(map(len, printed.values())) > MAX_OUTPUT_BYTES:
                    raise ProbeError(f"{name} printed more than {MAX_OUTPUT_BYTES} bytes")
                if time.monotonic() >= ends:
                    raise ProbeError(f"{name} gave no answer within {deadline_s:.3g} s")
        while not _ended(process):
            if time.monotonic() >= ends:
                raise ProbeError(f"{name} gave no answer within {deadline_s:.3g} s")
            time.sleep(_POLL_S)
        out, err = (bytes(text).decode("utf-8", "replace") for text in printed.values())
        return out, err

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        # Its number is its group's, and nobody else's until it was waited for: so it is killed before that, with
        # the children that it may have left, and out of `stop`'s reach after it.
        with self._lock:
            self._running.discard(process)
            _kill_group(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()


def _ended(process: subprocess.Popen[bytes]) -> bool:
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
