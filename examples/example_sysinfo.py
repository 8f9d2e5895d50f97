"""
Print what each connected edge tells of its machine: ``python example_sysinfo.py [EDGE]``.

Address and token come from ``RADICAL_BRIDGE_URL`` and ``RADICAL_BRIDGE_TOKEN``, or from the state folder of a bridge
on the same machine.
"""

from __future__ import annotations

import sys

from radical_edge_client import BridgeClient

GIB = 1024**3


def report(bridge: BridgeClient, name: str) -> None:
    """Print one edge's machine in a few lines."""
    sysinfo = bridge.get_edge_client(name).get_plugin("sysinfo")
    try:
        metrics = sysinfo.get_metrics()
        system, cpu, memory = metrics["system"], metrics["cpu"], metrics["memory"]
        print(
            f"{name}: {system['hostname']} ({system['kernel']}, {system['arch']}), {sysinfo.host_role()['role']}"
        )
        print(f"  cpu     {cpu['model']}: {cpu['cores_logical']} cores, {cpu['percent']:.0f} % busy")
        print(f"  memory  {memory['used'] / GIB:.1f} of {memory['total'] / GIB:.1f} GiB used")
        for disk in metrics["disks"]:
            print(
                f"  disk    {disk['mount']} ({disk['type']}): {disk['percent']:.0f} % of {disk['total'] / GIB:.0f} GiB"
            )
        for gpu in metrics["gpus"]:
            print(f"  gpu     {gpu['index']}: {gpu['name']}")
        for group, reason in metrics["errors"].items():
            print(f"  {group} is missing: {reason}")
    finally:
        sysinfo.close()


def main(arguments: list[str]) -> int:
    """Report on the edges named, or on all that are connected and have the plugin."""
    with BridgeClient() as bridge:
        names = arguments or [
            name for name in bridge.list_edges() if "sysinfo" in bridge.get_edge_client(name).list_plugins()
        ]
        for name in names:
            report(bridge, name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
