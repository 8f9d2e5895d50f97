"""
Submit a job through the bridge, follow its states and print its output.

``python example_psij.py [--edge local] [--executor local] [-- COMMAND ARGUMENT ...]``

Address and token come from ``RADICAL_BRIDGE_URL`` and ``RADICAL_BRIDGE_TOKEN``, or from the state folder of a bridge
on the same machine.
"""

from __future__ import annotations

import argparse
import sys
import threading
from typing import Any

from radical_edge_client import BridgeClient

FINAL = {"COMPLETED", "FAILED", "CANCELED"}


def run(bridge: BridgeClient, edge: str, executor: str, command: list[str]) -> int:
    """Run one command as a job and return its exit code."""
    psij = bridge.get_edge_client(edge).get_plugin("psij")
    over = threading.Event()

    def notified(_edge: str, _plugin: str, topic: str, data: dict[str, Any]) -> None:
        print(f"  {topic}: {data['job_id']} is {data['state']}")
        if data["state"] in FINAL:
            over.set()

    psij.register_notification_callback(notified, topic="job_status")
    bridge.wait_for_listener(timeout=30)
    try:
        spec = {"executable": command[0], "arguments": command[1:], "attributes": {"duration": 300}}
        job_id = psij.submit_job(spec, executor=executor)["job_id"]
        print(f"submitted {job_id}")
        status = psij.get_job_status(job_id)
        # The notification makes the wait short; the state is asked for, so that a missed one makes it only longer.
        while status["state"] not in FINAL:
            over.wait(timeout=2)
            status = psij.get_job_status(job_id)
        print(f"{status['state']}, exit code {status['exit_code']}")
        print(status["stdout"], end="")
        print(status["stderr"], end="", file=sys.stderr)
        return int(status["exit_code"] or 0)
    finally:
        psij.unregister_notification_callback(notified, topic="job_status")
        psij.close()


def main(arguments: list[str]) -> int:
    """Read the command line and run the job."""
    parser = argparse.ArgumentParser(description="Run a command as a job on an edge.")
    parser.add_argument("--edge", default="local")
    parser.add_argument("--executor", default="local")
    parser.add_argument("command", nargs="*", default=["/bin/echo", "hello"])
    options = parser.parse_args(arguments)
    with BridgeClient() as bridge:
        return run(bridge, options.edge, options.executor, options.command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
