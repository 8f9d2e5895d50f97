"""
Start what an installation puts on the path; run by ``nox -s wheels`` with the environment's own Python.

Uses the standard library only, and nothing of this repository but what is installed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

SCRIPTS = Path(sys.executable).parent
DEADLINE_S = 60.0


def output_of(*command: str) -> str:
    """Run one console script to its end, and return what it printed."""
    print("+", *command, flush=True)
    done = subprocess.run(
        (str(SCRIPTS / command[0]), *command[1:]),
        check=True,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    return done.stdout


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the address answers 200."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the bridge ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{url} did not answer within {DEADLINE_S:.0f} s")


def main() -> None:
    """Check versions, plugins and help, then a bridge that answers."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["RADICAL_EDGE_HOME"] = home
        assert output_of("radical-edge-bridge", "--version").strip()
        plugins = output_of("radical-edge-service", "--list-plugins")
        for name in ("sysinfo", "queue_info", "psij", "staging"):
            assert name in plugins, plugins
        assert "Usage" in output_of("radical-edge", "--help")
        port = free_port()
        bridge = subprocess.Popen((str(SCRIPTS / "radical-edge-bridge"), "--port", str(port)))
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", bridge)
            print(f"the bridge answers on port {port}")
        finally:
            bridge.terminate()
            bridge.wait(DEADLINE_S)
        assert bridge.returncode == 0, f"the bridge ended with {bridge.returncode}"


if __name__ == "__main__":
    main()
