"""
Queues and nodes, from ``qstat -Qf``, ``qstat -Bf`` and ``pbsnodes -a``.

A node may be bound to one queue (its attribute ``queue``), or a queue may ask for nodes with a resource of some
value (``default_chunk``); what is bound to nothing serves every queue that is not bound.

Sources: qstat(1B) and pbsnodes(8B) of OpenPBS; "Queue Attributes" and "Vnode States" of its Reference Guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.records import Node, Queue
from radical_edge_core.schedulers.tables import read_blocks
from radical_edge_core.schedulers.values import count, minutes, names, seconds, size_mib, whole

_STATES = {(True, True): "UP", (True, False): "DOWN", (False, True): "DRAIN", (False, False): "INACTIVE"}
_BROKEN = frozenset({
    "down", "offline", "unknown", "state-unknown", "stale", "provisioning", "wait-provisioning", "maintenance",
    "sleep", "unresolvable",
})  # fmt: skip
_COUNT = re.compile(r"(\w+):(\d+)")
_USER_LIMIT = re.compile(r"\[?u:PBS_GENERIC=(\d+)\]?")


@frozen(kw_only=True)
class Host:
    """A node with what places it: the queue it is bound to, and its resources."""

    node: Node
    queue: str
    resources: Mapping[str, tuple[str, ...]]
    jobs: int


def ask_queues(runner: Runner) -> Mapping[str, Mapping[str, str]]:
    """Run ``qstat`` for the queues; return their attributes by name."""
    return read_queues(runner.run(["qstat", "-Q", "-f"]).stdout)


def ask_default_queue(runner: Runner) -> str:
    """Run ``qstat`` for the server, and return its default queue."""
    for _, attributes in read_blocks(runner.run(["qstat", "-B", "-f"]).stdout):
        if queue := attributes.get("default_queue"):
            return queue
    return ""


def ask_hosts(runner: Runner) -> tuple[Host, ...]:
    """Run ``pbsnodes`` for all nodes."""
    return read_hosts(runner.run(["pbsnodes", "-a"]).stdout)


def read_queues(text: str) -> Mapping[str, Mapping[str, str]]:
    """Read what ``qstat -Q -f`` printed."""
    return {
        head.partition(":")[2].strip(): attributes
        for head, attributes in read_blocks(text)
        if head.startswith("Queue:")
    }


def read_hosts(text: str) -> tuple[Host, ...]:
    """Read what ``pbsnodes -a`` printed."""
    return tuple(_host(name, attributes) for name, attributes in read_blocks(text) if "state" in attributes)


def join(queues: Mapping[str, Mapping[str, str]], hosts: Sequence[Host], default: str) -> tuple[Queue, ...]:
    """Make queues of their attributes and the nodes that serve them."""
    return tuple(
        _queue(name, told, _serving(name, told, hosts), name == default) for name, told in queues.items()
    )


def with_queues(hosts: Sequence[Host], queues: Mapping[str, Mapping[str, str]]) -> tuple[Node, ...]:
    """Return the nodes, each with the queues that it serves."""
    serving = {
        name: {host.node.name for host in _serving(name, told, hosts)} for name, told in queues.items()
    }
    return tuple(
        evolve(
            host.node, partitions=tuple(name for name, where in serving.items() if host.node.name in where)
        )
        for host in hosts
    )


def _serving(name: str, told: Mapping[str, str], hosts: Sequence[Host]) -> list[Host]:
    if told.get("queue_type", "").lower().startswith("r"):  # a route hands its jobs on
        return []
    bound = [host for host in hosts if host.queue == name]
    if bound:
        return bound
    wanted = {
        key.removeprefix("default_chunk."): value
        for key, value in told.items()
        if key.startswith("default_chunk.") and not value.isdigit()
    }
    return [
        host
        for host in hosts
        if not host.queue and all(value in host.resources.get(key, ()) for key, value in wanted.items())
    ]


def _queue(name: str, told: Mapping[str, str], hosts: Sequence[Host], default: bool) -> Queue:
    nodes = [host.node for host in hosts]
    most = seconds(told.get("resources_max.walltime", ""))
    least = seconds(told.get("resources_min.walltime", ""))
    usual = seconds(told.get("resources_default.walltime", ""))
    numbers = {key: int(number) for key, number in _COUNT.findall(told.get("state_count", ""))}
    working = [host for host in hosts if host.node.available]
    idle = sum(1 for host in working if not host.jobs and not host.node.cpus_used)
    used = sum(1 for host in hosts if host.jobs or host.node.cpus_used)
    limit = minutes(most)
    return Queue(
        name=name,
        state=_STATES[told.get("enabled", "True") == "True", told.get("started", "True") == "True"],
        time_limit="UNLIMITED" if limit is None else limit,
        default=default,
        nodes_total=len(hosts),
        nodes_available=len(working),
        nodes_idle=idle,
        nodes_used=used,
        nodes_down=max(0, len(hosts) - idle - used),
        cpus_total=sum(node.cpus for node in nodes),
        cpus_idle=sum(node.cpus - (node.cpus_used or 0) for node in nodes if node.available),
        cpus_per_node=max((node.cpus for node in nodes), default=0),
        mem_per_node_mb=max((node.mem_mb for node in nodes), default=0),
        gpus_per_node=max((node.gpus for node in nodes), default=0),
        max_jobs_per_user=_user_limit(told),
        features=tuple(dict.fromkeys(feature for node in nodes for feature in node.features)),
        walltime_min=whole(least),
        walltime_max=whole(most),
        walltime_default=whole(usual),
        nodes_min=count(told.get("resources_min.nodect", "")),
        nodes_max=count(told.get("resources_max.nodect", "")),
        jobs_running=numbers.get("Running", 0) + numbers.get("Begun", 0) if numbers else None,
        jobs_pending=numbers.get("Queued", 0) + numbers.get("Held", 0) + numbers.get("Waiting", 0)
        if numbers
        else None,
        accounts=names(told.get("acl_groups", "")) if told.get("acl_group_enable") == "True" else (),
    )


def _user_limit(told: Mapping[str, str]) -> int | None:
    match = _USER_LIMIT.search(told.get("max_run", ""))
    return int(match[1]) if match else count(told.get("max_user_run", ""))


def _host(name: str, told: Mapping[str, str]) -> Host:
    states = names(told["state"].lower())
    resources = {
        key.removeprefix("resources_available."): names(value)
        for key, value in told.items()
        if key.startswith("resources_available.")
    }
    jobs = len({part.strip().rpartition("/")[0] or part.strip() for part in names(told.get("jobs", ""))})
    available = not _BROKEN.intersection(states)
    node = Node(
        name=name,
        state=",".join(states).upper(),
        available=available,
        partitions=(),
        cpus=count(told.get("resources_available.ncpus", told.get("np", told.get("pcpus", "")))) or 0,
        cpus_used=count(told.get("resources_assigned.ncpus", "")),
        mem_mb=size_mib(told.get("resources_available.mem", ""), "") or 0,
        mem_free_mb=None,
        gpus=count(told.get("resources_available.ngpus", told.get("gpus", ""))) or 0,
        features=names(told.get("properties", "")),
        reason="" if available else told.get("comment", told.get("note", "")),
    )
    return Host(node=node, queue=told.get("queue", ""), resources=resources, jobs=jobs)
