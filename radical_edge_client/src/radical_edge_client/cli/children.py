"""
Child processes of ``radical-edge up``: each in a process group of its own, ended in order, never left behind.

A group of its own keeps a terminal's Ctrl-C from reaching them all at once: the edge ends first, while its
bridge is still there. Where ``up`` itself is killed, the kernel sends them SIGTERM (Linux).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

_PR_SET_PDEATHSIG: Final = 1


class Child:
    """
    One running program; its output goes to our standard error.

    Args:
        program: The name of a console script.
        arguments: What it is called with.
        environ: Its environment.
    """

    def __init__(self, program: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self.program = program
        parent = os.getpid()
        self._process = subprocess.Popen(
            [find(program), *arguments],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            process_group=0,
            # This process has one thread, and the function makes system calls only.
            preexec_fn=lambda: _end_with(parent),  # noqa: PLW1509
        )

    @property
    def exit_code(self) -> int | None:
        """The exit code, ``None`` while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask the program to end."""
        if self.exit_code is None:
            self._process.terminate()

    def kill(self) -> None:
        """End the program's whole process group, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Changes:
    """Tells, without polling, that a child may have ended; for one event loop, in the main thread."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._changed.set)

    async def ended(self, *children: Child) -> Child:
        """Return the first of the children that has ended."""
        while True:
            self._changed.clear()
            for child in children:
                if child.exit_code is not None:
                    return child
            await self._changed.wait()


def find(program: str) -> str:
    """
    Return the path of a console script: beside our own Python first, so that versions fit together.

    Raises:
        click.ClickException: There is none.
    """
    beside = Path(sys.executable).with_name(program)
    found = str(beside) if beside.exists() else shutil.which(program)
    if found is None:
        raise click.ClickException(f"the program {program} was not found: is radical-edge-core installed?")
    return found


def _end_with(parent: int) -> None:
    """In the child, before the program begins: end when the parent does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before we could ask
            os._exit(1)
