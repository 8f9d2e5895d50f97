"""
Submit a job through the bridge, follow its states and print its output.

``python example_psij.py [--edge local] [--executor local] [--queue Q] [--account A] [-- COMMAND ARGUMENT ...]``

With a scheduler's executor, such as ``slurm``, queue and account are chosen from what ``queue_info`` tells, where the
command line names none.

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


def choose_place(bridge: BridgeClient, edge: str, queue: str | None, account: str | None) -> dict[str, str]:
    """Return a queue and an account that a job may go to: those that are named, else what the scheduler offers."""
    queue_info = bridge.get_edge_client(edge).get_plugin("queue_info")
    try:
        queues = queue_info.get_info()["queues"].values()
        accounts = [found["account"] for found in queue_info.list_allocations()["allocations"]]
    finally:
        queue_info.close()
    open_ones = [found for found in queues if found["state"] == "UP"]
    best = max(open_ones, key=lambda found: (found["default"], found["nodes_idle"]), default=None)
    queue = queue or (best["name"] if best else None)
    allowed = next((found["accounts"] for found in queues if found["name"] == queue), []) or accounts
    # An account that is the scheduler's default need not be named; one is only where the queue asks for it.
    if account is None and not set(accounts) <= set(allowed):
        account = next((name for name in accounts if name in allowed), None)
    place = {"queue_name": queue, "account": account}
    return {name: value for name, value in place.items() if value}


def run(bridge: BridgeClient, edge: str, executor: str, command: list[str], place: dict[str, str]) -> int:
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
        spec = {"executable": command[0], "arguments": command[1:], "attributes": {"duration": 300, **place}}
        job_id = psij.submit_job(spec, executor=executor)["job_id"]
        print(f"submitted {job_id}" + "".join(f", {name} {value}" for name, value in place.items()))
        status = psij.get_job_status(job_id)
        # The notification makes the wait short; the state is asked for, so that a missed one makes it only longer.
        while status["state"] not in FINAL:
            over.wait(timeout=2)
            status = psij.get_job_status(job_id)
            if status.get("reason_text"):
                print(f"  waits: {status['reason_text']}")
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
    parser.add_argument("--queue", help="by default the scheduler's own, or the one with the most idle nodes")
    parser.add_argument("--account", help="by default the scheduler's own")
    parser.add_argument("command", nargs="*", default=["/bin/echo", "hello"])
    options = parser.parse_args(arguments)
    with BridgeClient() as bridge:
        place = {}
        if options.executor != "local":
            place = choose_place(bridge, options.edge, options.queue, options.account)
        return run(bridge, options.edge, options.executor, options.command, place)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
