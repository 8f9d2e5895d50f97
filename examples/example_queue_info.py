"""
Print queues, jobs and allocations of the batch scheduler of each connected edge.

``python example_queue_info.py [--user NAME] [EDGE ...]``, where ``--user '*'`` stands for everybody.

Address and token come from ``RADICAL_BRIDGE_URL`` and ``RADICAL_BRIDGE_TOKEN``, or from the state folder of a bridge
on the same machine.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from radical_edge_client import BridgeClient


def told(minutes: int | str | None) -> str:
    """Write a time limit as hours and minutes."""
    return f"jobs of up to {minutes // 60}:{minutes % 60:02d} h" if isinstance(minutes, int) else "no limit"


def hours(node_hours: float | None) -> str:
    """Write node hours; there may be no budget."""
    return "no budget" if node_hours is None else f"{node_hours:.1f} node hours left"


def report(bridge: BridgeClient, name: str, user: str | None) -> None:
    """Print one edge's scheduler in a few lines."""
    queue_info = bridge.get_edge_client(name).get_plugin("queue_info")
    try:
        backend = queue_info.backend()
        print(f"{name}: {'no batch scheduler' if backend == 'none' else backend}")
        queues: dict[str, Any] = queue_info.get_info()["queues"]
        for queue in queues.values():
            free = f"{queue['nodes_idle']} of {queue['nodes_total']} nodes free"
            print(f"  queue   {queue['name']} ({queue['state']}): {free}, {told(queue['time_limit'])}")
        answer = queue_info.list_all_jobs(user=user)
        for job in answer["jobs"]:
            why = f": {job['reason_text']}" if job["reason_text"] else ""
            print(f"  job     {job['job_id']} {job['job_name']} ({job['user']}) is {job['state']}{why}")
        if answer["unknown_since"]:
            print(f"  the scheduler can't be asked now: {answer['problem']}")
        for allocation in queue_info.list_allocations()["allocations"]:
            print(f"  account {allocation['account']}: {hours(allocation['remaining_node_hours'])}")
        if (own := queue_info.job_allocation()) is not None:
            print(f"  the edge itself runs in job {own['job_id']} on {own['nodelist']}")
    finally:
        queue_info.close()


def main(arguments: list[str]) -> int:
    """Report on the edges named, or on all that are connected and have the plugin."""
    parser = argparse.ArgumentParser(description="Print what batch schedulers have and do.")
    parser.add_argument("--user", help="whose jobs; * for everybody's")
    parser.add_argument("edges", nargs="*")
    options = parser.parse_args(arguments)
    with BridgeClient() as bridge:
        names = options.edges or [
            name
            for name in bridge.list_edges()
            if "queue_info" in bridge.get_edge_client(name).list_plugins()
        ]
        for name in names:
            report(bridge, name, options.user)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
