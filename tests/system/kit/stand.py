"""A stand: one state folder, and the processes that share it."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kit.hosts import Bridge, Edge
from kit.processes import SCRIPTS, Process

ERRORS = ("Traceback", '"level": "ERROR"', " ERROR ")
# The one line that is meant to hold a token: for whoever started it, on their terminal.
SIGN_IN = "sign in: "
# On a machine that is busy with other things a loop may well stand still for half a second.
BUSY = "the event loop is blocked"


class Stand:
    """
    Starts processes that share a state folder, and looks them over at the end.

    Args:
        folder: Everything is kept in it.

    Attributes:
        home: RADICAL_EDGE_HOME of the processes.
        site: A folder on their PYTHONPATH.
        environ: Their environment; nothing of ours is left in it from the outside.
        processes: All that were started.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.site = folder / "site"
        self.processes: list[Process] = []
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RADICAL_", "PSIJ_")) and not name.lower().endswith("_proxy")
        }
        self.environ = kept | {
            "RADICAL_EDGE_HOME": str(self.home),
            "PYTHONPATH": str(self.site),
            "HOME": str(folder),
        }

    def bridge(
        self,
        *arguments: str,
        port: int = 0,
        tls: tuple[Path, Path] | None = None,
        also: Mapping[str, str] | None = None,
    ) -> Bridge:
        """
        Start a bridge on loopback and wait until it is ready.

        Args:
            arguments: Follow the script's name.
            port: 0 takes a free one.
            tls: A certificate and its key.
            also: Added to the environment.
        """
        environ = self.environ | dict(also or {})
        context = None
        if tls is not None:
            environ |= {"RADICAL_BRIDGE_CERT": str(tls[0]), "RADICAL_BRIDGE_KEY": str(tls[1])}
            context = ssl.create_default_context(cafile=str(tls[0]))
        made = Bridge(("--port", str(port), *arguments), environ, self._log("bridge"), self.home, context)
        self.processes.append(made)
        return made.ready()

    def edge(self, name: str = "hpc", *arguments: str, also: Mapping[str, str] | None = None) -> Edge:
        """Start an edge; it is not waited for."""
        made = Edge(arguments, self.environ | dict(also or {}), self._log(f"edge-{name}"), name)
        self.processes.append(made)
        return made

    def console(self, *command: str, also: Mapping[str, str] | None = None) -> Process:
        """Start any of the console scripts; it is not waited for."""
        made = Process(command, self.environ | dict(also or {}), self._log(command[0]))
        self.processes.append(made)
        return made

    def run(self, *command: str, within_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a console script to its end, with its two streams apart."""
        return subprocess.run(
            (str(SCRIPTS / command[0]), *command[1:]),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def secrets(self) -> list[str]:
        """Return every secret that the state folder holds."""
        files = [*self.home.glob("**/*.token"), *self.home.glob("**/credential")]
        return [path.read_text(encoding="utf-8").strip() for path in files]

    def close(self) -> None:
        """End the processes, and see that nothing they said or showed is unfit to be seen."""
        seen = b"\n".join(process.command_lines() for process in self.processes)
        for process in self.processes:
            if process.running:
                process.kill()
        for secret in self.secrets():
            assert secret.encode() not in seen, "a secret is on a command line"
            for process in self.processes:
                told = [line for line in process.output.splitlines() if secret in line]
                assert all(line.startswith(SIGN_IN) for line in told), (
                    f"a secret is in what {process.name} says"
                )
        for process in self.processes:
            if not process.errors_expected:
                lines = process.output.splitlines()
                found = [
                    line for line in lines if BUSY not in line and any(trace in line for trace in ERRORS)
                ]
                assert not found, f"{process.name} says: {found[0]}"

    def _log(self, name: str) -> Path:
        return self.folder / f"{len(self.processes)}-{name}.log"
