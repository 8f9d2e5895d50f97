"""Nodes and reservations, from ``sinfo`` and ``scontrol``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from attrs import evolve

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.records import Node, Reservation
from radical_edge_core.schedulers.tables import new_separator, read_pairs, read_table
from radical_edge_core.schedulers.values import count, epoch, names, present, size_mib

# Column -> sinfo's code, one line for each node and partition. The reason is what an administrator wrote.
NODE_COLUMNS = {
    "name": "%N", "reason": "%E", "partition": "%R", "state": "%T", "cpus": "%C", "memory": "%m", "free": "%e",
    "features": "%f", "gres": "%G", "load": "%O", "time": "%H", "user": "%u",
}  # fmt: skip
# What stands behind a state: not responding, powered down, powering up, and so on. Source: sinfo(1).
_MARKS = "*~#!%$@^+-"
_GPU = re.compile(r"gpu(?::[^:,()]+)?:(\d+)")

# The compact and the long words for states.
_LONG = {
    "alloc": "ALLOCATED", "comp": "COMPLETING", "drain": "DRAINED", "drng": "DRAINING", "failg": "FAILING",
    "futr": "FUTURE", "mix": "MIXED", "plnd": "PLANNED", "pow_dn": "POWERED_DOWN", "pow_up": "POWERING_UP",
    "resv": "RESERVED", "unk": "UNKNOWN", "npc": "PERFCTRS", "boot": "REBOOT",
}  # fmt: skip
_IDLE = frozenset({"IDLE", "PLANNED", "POWERED_DOWN", "POWERING_UP"})
_USED = frozenset({"ALLOCATED", "MIXED", "COMPLETING", "PERFCTRS"})
_DRAINING = frozenset({"DRAINING", "FAILING"})  # still with jobs, and takes no more


def ask_nodes(runner: Runner) -> tuple[Node, ...]:
    """Run ``sinfo`` node by node."""
    separator = new_separator()
    shape = separator.join(NODE_COLUMNS.values())
    return read_nodes(runner.run(["sinfo", "--noheader", "--Node", f"--format={shape}"]).stdout, separator)


def read_nodes(text: str, separator: str) -> tuple[Node, ...]:
    """Read what ``sinfo --Node`` printed in the shape of ``ask_nodes``; a node in two partitions is one."""
    found: dict[str, Node] = {}
    for row in read_table(text, tuple(NODE_COLUMNS), separator):
        known = found.get(row["name"])
        if known is None:
            found[row["name"]] = _node(row)
        elif row["partition"] not in known.partitions:
            found[row["name"]] = evolve(known, partitions=(*known.partitions, row["partition"]))
    return tuple(found.values())


def node_state(text: str) -> str:
    """Return a node's state in its long word and capitals, without the marks behind it."""
    word = text.strip().rstrip(_MARKS).lower()
    return _LONG.get(word, word.upper())


def is_idle(text: str) -> bool:
    """Say whether a node in this state has no job and takes one; powered down it is woken for it."""
    return node_state(text) in _IDLE and not text.strip().endswith("*")


def is_used(text: str) -> bool:
    """Say whether a node in this state has jobs."""
    return node_state(text) in _USED | _DRAINING


def is_available(text: str) -> bool:
    """Say whether a node in this state works and takes jobs, now or when its present ones end."""
    return node_state(text) in _IDLE | _USED and not text.strip().endswith("*")


def gpus(gres: str) -> int:
    """Count the GPUs in a list of generic resources: ``gpu:a100:2(S:0-1),shard:8``."""
    return sum(int(number) for number in _GPU.findall(gres))


def processors(text: str) -> tuple[int, int, int] | None:
    """Read ``allocated/idle/other/total`` as (allocated, idle, total)."""
    parts = [count(part) for part in text.split("/")]
    if len(parts) != 4 or parts[0] is None or parts[1] is None or parts[3] is None:
        return None
    return parts[0], parts[1], parts[3]


def ask_reservations(runner: Runner) -> tuple[Reservation, ...]:
    """Run ``scontrol`` for the reservations."""
    return read_reservations(
        runner.run(["scontrol", "--oneliner", "show", "reservation"]).stdout.splitlines()
    )


def read_reservations(lines: Iterable[str]) -> tuple[Reservation, ...]:
    """Read what ``scontrol -o show reservation`` printed."""
    return tuple(_reservation(read_pairs(line)) for line in lines if line.startswith("ReservationName="))


def _node(row: Mapping[str, str]) -> Node:
    used = processors(row["cpus"])
    reason = present(row["reason"])
    load = row["load"].strip()
    return Node(
        name=row["name"],
        state=node_state(row["state"]),
        available=is_available(row["state"]),
        partitions=(row["partition"],),
        cpus=used[2] if used else 0,
        cpus_used=used[0] if used else None,
        mem_mb=size_mib(row["memory"]) or 0,
        mem_free_mb=size_mib(row["free"]),
        gpus=gpus(row["gres"]),
        features=names(row["features"]),
        load=float(load) if re.fullmatch(r"\d+(\.\d+)?", load) else None,
        reason=reason,
        reason_user=present(row["user"]) if reason else "",
        reason_time=epoch(row["time"]) if reason else None,
    )


def _reservation(pairs: Mapping[str, str]) -> Reservation:
    return Reservation(
        name=pairs["ReservationName"],
        state=pairs.get("State", ""),
        start_time=epoch(pairs.get("StartTime", "")),
        end_time=epoch(pairs.get("EndTime", "")),
        nodes=count(pairs.get("NodeCnt", "")),
        node_list=present(pairs.get("Nodes", "")),
        partition=present(pairs.get("PartitionName", "")),
        users=names(pairs.get("Users", "")),
        accounts=names(pairs.get("Accounts", "")),
        flags=names(pairs.get("Flags", "")),
    )
