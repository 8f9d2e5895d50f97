"""
Queues and hosts, from ``bqueues -l``, ``bhosts``, ``lshosts`` and ``bmgroup``.

Source: "bqueues", "bhosts", "lshosts" and "bmgroup" in the LSF command reference, 10.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import define, evolve, field, frozen

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.records import Node, Queue
from radical_edge_core.schedulers.values import count, size_mib

_STATES = {
    ("open", "active"): "UP", ("open", "inact"): "DOWN",
    ("closed", "active"): "DRAIN", ("closed", "inact"): "INACTIVE",
}  # fmt: skip
_LIMIT = re.compile(r"\s*(\d+(?:\.\d+)?) min")
_WORKS = frozenset({"ok", "closed", "closed_full", "closed_busy", "closed_excl", "closed_cu_excl"})


@frozen(kw_only=True)
class Host:
    """What ``lshosts`` says of a host."""

    cpus: int
    mem_mb: int
    features: tuple[str, ...]


@define
class _Told:
    """A queue as ``bqueues -l`` tells it."""

    description: str = ""
    numbers: dict[str, str] = field(factory=dict)
    maximum_min: int | None = None
    default_min: int | None = None
    users: str = ""
    hosts: str = ""


def ask_queues(runner: Runner) -> tuple[tuple[Queue, tuple[str, ...]], ...]:
    """Run ``bqueues -l``; beside each queue, without its hosts, stand the names of hosts and groups."""
    return read_queues(runner.run(["bqueues", "-l"]).stdout)


def ask_hosts(runner: Runner) -> tuple[Node, ...]:
    """Run ``bhosts``."""
    return read_hosts(runner.run(["bhosts", "-w"]).stdout)


def ask_machines(runner: Runner) -> Mapping[str, Host]:
    """Run ``lshosts``."""
    return read_machines(runner.run(["lshosts", "-w"]).stdout)


def ask_groups(runner: Runner) -> Mapping[str, tuple[str, ...]]:
    """Run ``bmgroup`` for the groups of hosts."""
    lines = runner.run(["bmgroup", "-w", "-r"]).stdout.splitlines()[1:]
    return {words[0].rstrip("/"): tuple(words[1:]) for line in lines if len(words := line.split()) > 1}


def read_queues(text: str) -> tuple[tuple[Queue, tuple[str, ...]], ...]:
    """Read what ``bqueues -l`` printed."""
    found: dict[str, _Told] = {}
    told = _Told()
    part = awaited = ""
    head: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("QUEUE:"):
            told = found[stripped.partition(":")[2].strip()] = _Told()
            part = awaited = ""
        elif stripped.startswith("-- "):
            told.description = stripped.removeprefix("--").strip()
        elif stripped.startswith("PRIO "):
            head, awaited = stripped.split(), "numbers"
        elif awaited == "numbers" and stripped:
            told.numbers, awaited = dict(zip(head, stripped.split(), strict=False)), ""
        elif stripped in {"MAXIMUM LIMITS:", "DEFAULT LIMITS:", "SCHEDULING PARAMETERS"}:
            part, awaited = stripped, ""
        elif stripped.split()[:1] == ["RUNLIMIT"]:
            awaited = "limit"
        elif awaited == "limit":
            awaited = ""
            if match := _LIMIT.match(line):
                minutes = round(float(match[1]))
                if part == "DEFAULT LIMITS:":
                    told.default_min = minutes
                else:
                    told.maximum_min = minutes
        elif stripped.startswith("USERS:"):
            told.users = stripped.partition(":")[2].strip()
        elif stripped.startswith("HOSTS:"):
            told.hosts = stripped.partition(":")[2].strip()
    return tuple((_queue(name, each), tuple(each.hosts.split())) for name, each in found.items())


def read_hosts(text: str) -> tuple[Node, ...]:
    """Read what ``bhosts -w`` printed."""
    return tuple(
        Node(
            name=row["HOST_NAME"],
            state=row["STATUS"].upper(),
            available=row["STATUS"].lower() in _WORKS,
            partitions=(),
            cpus=count(row["MAX"]) or 0,
            cpus_used=count(row["NJOBS"]),
            mem_mb=0,
            mem_free_mb=None,
            gpus=0,
            features=(),
        )
        for row in _rows(text)
        if {"HOST_NAME", "STATUS", "MAX", "NJOBS"} <= row.keys()
    )


def read_machines(text: str) -> Mapping[str, Host]:
    """Read what ``lshosts -w`` printed."""
    found = {}
    for row in _rows(text):
        resources = row.get("RESOURCES", "").strip("()")
        found[row.get("HOST_NAME", "")] = Host(
            cpus=count(row.get("ncpus", "")) or 0,
            mem_mb=size_mib(row.get("maxmem", "")) or 0,
            features=tuple(name for name in resources.split() if name not in {"mg", "-"}),
        )
    return found


def join(
    queues: Sequence[tuple[Queue, tuple[str, ...]]],
    hosts: Sequence[Node],
    groups: Mapping[str, tuple[str, ...]],
) -> tuple[Queue, ...]:
    """Put the hosts into their queues."""
    return tuple(_with_hosts(queue, _members(named, hosts, groups)) for queue, named in queues)


def with_machines(hosts: Sequence[Node], machines: Mapping[str, Host]) -> tuple[Node, ...]:
    """Add what ``lshosts`` says."""
    return tuple(
        evolve(host, cpus=host.cpus or known.cpus, mem_mb=known.mem_mb, features=known.features)
        if (known := machines.get(host.name))
        else host
        for host in hosts
    )


def with_queues(
    hosts: Sequence[Node],
    queues: Sequence[tuple[Queue, tuple[str, ...]]],
    groups: Mapping[str, tuple[str, ...]],
) -> tuple[Node, ...]:
    """Add the queues that each host serves."""
    serving = {queue.name: {host.name for host in _members(named, hosts, groups)} for queue, named in queues}
    return tuple(
        evolve(host, partitions=tuple(name for name, where in serving.items() if host.name in where))
        for host in hosts
    )


def _members(
    named: Sequence[str], hosts: Sequence[Node], groups: Mapping[str, tuple[str, ...]]
) -> list[Node]:
    wanted: set[str] = set()
    unwanted: set[str] = set()
    for word in named:
        name = word.lstrip("~").partition("+")[0].rstrip("/")  # "+3" is a preference
        if name in {"all", "others", "none"}:
            wanted |= {host.name for host in hosts} if name == "all" and not word.startswith("~") else set()
        else:
            (unwanted if word.startswith("~") else wanted).update(groups.get(name, (name,)))
    return [host for host in hosts if host.name in wanted - unwanted]


def _with_hosts(queue: Queue, hosts: Sequence[Node]) -> Queue:
    used = sum(1 for host in hosts if host.cpus_used)
    idle = sum(1 for host in hosts if host.available and not host.cpus_used)
    return evolve(
        queue,
        nodes_total=len(hosts),
        nodes_available=sum(1 for host in hosts if host.available),
        nodes_idle=idle,
        nodes_used=used,
        nodes_down=max(0, len(hosts) - idle - used),
        cpus_total=sum(host.cpus for host in hosts),
        cpus_idle=sum(max(0, host.cpus - (host.cpus_used or 0)) for host in hosts if host.available),
        cpus_per_node=max((host.cpus for host in hosts), default=0),
        mem_per_node_mb=max((host.mem_mb for host in hosts), default=0),
        features=tuple(dict.fromkeys(feature for host in hosts for feature in host.features)),
    )


def _queue(name: str, told: _Told) -> Queue:
    opened, _, active = told.numbers.get("STATUS", "").lower().partition(":")
    most = told.maximum_min
    return Queue(
        name=name,
        state=_STATES.get((opened, active), told.numbers.get("STATUS", "").upper()),
        time_limit="UNLIMITED" if most is None else most,
        default="default queue" in told.description.lower(),
        nodes_total=0,
        nodes_available=0,
        nodes_idle=0,
        nodes_used=0,
        nodes_down=0,
        cpus_per_node=0,
        mem_per_node_mb=0,
        gpus_per_node=0,
        max_jobs_per_user=count(told.numbers.get("JL/U", "")),
        walltime_max=None if most is None else most * 60,
        walltime_default=None if told.default_min is None else told.default_min * 60,
        jobs_running=count(told.numbers.get("RUN", "")),
        jobs_pending=count(told.numbers.get("PEND", "")),
        accounts=(),
    )


def _rows(text: str) -> list[dict[str, str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    head = lines[0].split()
    return [dict(zip(head, line.split(None, len(head) - 1), strict=False)) for line in lines[1:]]
