"""
Partitions: their nodes from ``sinfo``, their rules from ``scontrol``, limits of users from ``sacctmgr``.

The nodes change all the time and are what everybody looks at; the rules hardly ever change, and are asked for
rarely. Where they can't be had, the nodes are told without them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field, frozen

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.records import Job, Queue
from radical_edge_core.schedulers.slurm.nodes import gpus, is_available, is_idle, is_used, processors
from radical_edge_core.schedulers.tables import new_separator, read_pairs, read_table
from radical_edge_core.schedulers.values import (
    count,
    limit,
    minutes,
    names,
    present,
    seconds,
    size_mib,
    whole,
)

# Column -> sinfo's code: one line for each partition, state and kind of node.
PARTITION_COLUMNS = {
    "name": "%R", "shown": "%P", "up": "%a", "limit": "%l", "default_time": "%L", "size": "%s", "nodes": "%D",
    "state": "%T", "cpus_per_node": "%c", "memory": "%m", "features": "%f", "gres": "%G", "cpus": "%C",
}  # fmt: skip
_STATES = {"up": "UP", "down": "DOWN", "drain": "DRAIN", "inact": "INACTIVE", "inactive": "INACTIVE"}


@frozen(kw_only=True)
class Rules:
    """What a partition's configuration says beside what ``sinfo`` shows."""

    qos: str
    accounts: tuple[str, ...]


def ask_partitions(runner: Runner) -> tuple[Queue, ...]:
    """Run ``sinfo`` partition by partition."""
    separator = new_separator()
    shape = separator.join(PARTITION_COLUMNS.values())
    return read_partitions(runner.run(["sinfo", "--noheader", f"--format={shape}"]).stdout, separator)


def ask_rules(runner: Runner) -> Mapping[str, Rules]:
    """Run ``scontrol`` for the partitions' configuration."""
    return read_rules(runner.run(["scontrol", "--oneliner", "show", "partition"]).stdout.splitlines())


def ask_user_limits(runner: Runner) -> Mapping[str, int]:
    """Run ``sacctmgr`` for how many jobs of one user may run, by quality of service."""
    output = runner.run(
        ["sacctmgr", "--noheader", "--parsable2", "show", "qos", "format=name,maxjobspu"]
    ).stdout
    cells = (line.split("|") for line in output.splitlines())
    return {cell[0]: number for cell in cells if len(cell) == 2 and (number := limit(cell[1])) is not None}


def read_rules(lines: Iterable[str]) -> Mapping[str, Rules]:
    """Read what ``scontrol -o show partition`` printed."""
    found = {}
    for line in lines:
        pairs = read_pairs(line)
        if "PartitionName" in pairs:
            accounts = pairs.get("AllowAccounts", "ALL")
            found[pairs["PartitionName"]] = Rules(
                qos=present(pairs.get("QoS", "")),
                accounts=() if accounts.upper() == "ALL" else names(accounts),
            )
    return found


def read_partitions(text: str, separator: str) -> tuple[Queue, ...]:
    """Read what ``sinfo`` printed in the shape of ``ask_partitions``."""
    sums: dict[str, _Sum] = {}
    for row in read_table(text, tuple(PARTITION_COLUMNS), separator):
        sums.setdefault(row["name"], _Sum(row)).add(row)
    return tuple(each.queue() for each in sums.values())


def count_jobs(jobs: Sequence[Job]) -> Mapping[tuple[str, str], int]:
    """Count jobs by (partition, phase); one that may go to several partitions waits in each."""
    return Counter((name, job.phase) for job in jobs for name in names(job.partition))


@define
class _Sum:
    """A partition while its lines are added up."""

    row: Mapping[str, str]
    total: int = 0
    available: int = 0
    idle: int = 0
    used: int = 0
    cpus_total: int = 0
    cpus_idle: int = 0
    cpus_per_node: int = 0
    memory_mib: int = 0
    gpus: int = 0
    features: dict[str, None] = field(factory=dict)

    def add(self, row: Mapping[str, str]) -> None:
        nodes, state = count(row["nodes"]) or 0, row["state"]
        self.total += nodes
        self.available += nodes if is_available(state) else 0
        self.idle += nodes if is_idle(state) else 0
        self.used += nodes if is_used(state) else 0
        if (cpus := processors(row["cpus"])) is not None:
            self.cpus_idle += cpus[1]
            self.cpus_total += cpus[2]
        self.cpus_per_node = max(self.cpus_per_node, count(row["cpus_per_node"]) or 0)
        self.memory_mib = max(self.memory_mib, size_mib(row["memory"]) or 0)
        self.gpus = max(self.gpus, gpus(row["gres"]))
        self.features |= dict.fromkeys(names(row["features"]))

    def queue(self) -> Queue:
        row = self.row
        wall, default = seconds(row["limit"]), seconds(row["default_time"])
        fewest, _, most = row["size"].partition("-")
        return Queue(
            name=row["name"],
            state=_STATES.get(row["up"].strip().lower(), row["up"].strip().upper()),
            time_limit=found if (found := minutes(wall)) is not None else "UNLIMITED",
            default=row["shown"].endswith("*") and not row["name"].endswith("*"),
            nodes_total=self.total,
            nodes_available=self.available,
            nodes_idle=self.idle,
            nodes_used=self.used,
            nodes_down=max(0, self.total - self.idle - self.used),
            cpus_total=self.cpus_total,
            cpus_idle=self.cpus_idle,
            cpus_per_node=self.cpus_per_node,
            mem_per_node_mb=self.memory_mib,
            gpus_per_node=self.gpus,
            features=tuple(self.features),
            walltime_max=whole(wall),
            walltime_default=whole(default),
            nodes_min=count(fewest),
            nodes_max=limit(most) if most else count(fewest),
        )
