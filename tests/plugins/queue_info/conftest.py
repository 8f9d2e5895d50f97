"""A host for the plugin, with schedulers that are not there."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from radical_edge_core.schedulers import Collector, CommandRunner, Schedulers
from radical_edge_core.schedulers.slurm.jobs import QUEUE_COLUMNS
from radical_edge_core.schedulers.slurm.nodes import NODE_COLUMNS
from radical_edge_core.schedulers.slurm.partitions import PARTITION_COLUMNS
from radical_edge_core.testing.schedulers import SEPARATOR, HandClock, StandIns

RECORDED = Path(__file__).parents[2] / "core/schedulers/recorded"
HOST = Path(__file__).with_name("host.py")
SPEC = importlib.util.spec_from_file_location("queue_info_test_host", HOST)
host_module = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(host_module)

# The columns of the recorded tables.
PARTITIONS = "%P|%a|%l|%D|%t|%N|%c|%m|%f|%G|%C|%L|%s|%g"
NODES = "%N|%P|%t|%c|%m|%e|%f|%G|%O|%C|%E|%H|%u"
JOBS = "%i|%A|%F|%K|%j|%u|%a|%P|%q|%t|%T|%r|%R|%M|%l|%L|%S|%e|%V|%D|%C|%m|%b|%f|%Q|%N|%B|%E|%Z|%o|%k"


def shaped(name: str, codes: str, wanted: dict[str, str]) -> str:
    """Read a recorded table of SLURM's with its columns in the order that the parsers ask for."""
    lines = []
    for line in (RECORDED / "slurm" / name).read_text("utf-8").splitlines():
        row = dict(zip(codes.split("|"), line.split("|"), strict=True))
        row.setdefault("%R", row.get("%P", "").removesuffix("*"))
        row.setdefault("%T", row.get("%t", ""))
        lines.append(SEPARATOR.join(row[code] for code in wanted.values()))
    return "\n".join(lines) + "\n"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def stand_ins(tmp_path: Path) -> StandIns:
    folder = tmp_path / "stand ins"
    folder.mkdir()
    return StandIns(folder)


@pytest.fixture
def busy_slurm(stand_ins: StandIns) -> StandIns:
    """A SLURM whose programs say what a busy cluster's said, and that shows everybody's jobs as the edge user's."""
    stand_ins.program("squeue", shaped("busy/squeue.parsable.txt", JOBS, QUEUE_COLUMNS))
    stand_ins.program("sinfo", shaped("busy/sinfo.parsable.txt", PARTITIONS, PARTITION_COLUMNS))
    stand_ins.program("scontrol", (RECORDED / "slurm/busy/scontrol.partition.oneline.txt").read_text("utf-8"))
    stand_ins.program("sacctmgr")
    stand_ins.program("sshare", "physics|root|1|0.5|node=600|node=60\n")
    stand_ins.program("sacct")
    stand_ins.program("scancel")
    return stand_ins


@pytest.fixture
def sinfo_nodes() -> str:
    """What ``sinfo --Node`` says of a degraded cluster."""
    return shaped("degraded/sinfo.nodes.txt", NODES, NODE_COLUMNS)


@pytest.fixture
def host(stand_ins: StandIns, clock: HandClock, tmp_path: Path) -> Callable[..., Any]:
    """Run the plugin with the stand-ins for its PATH and the hand clock; keywords are its settings."""

    @asynccontextmanager
    async def run(*, deadline_s: float = 20.0, slurm: bool = True, **config: object) -> AsyncIterator[Any]:
        path = os.pathsep.join(
            (str(stand_ins.folder), "/bin", "/usr/bin") if slurm else (str(stand_ins.folder),)
        )
        environ = {"PATH": path, **({"SLURM_CONF": "/there"} if slurm else {})}
        runner = CommandRunner(lambda: environ, deadline_s=deadline_s)
        collector = Collector(runner, monotonic=clock.monotonic, now=clock.now, pause=clock.turn)
        schedulers = Schedulers(lambda: environ, collector=collector)
        async with host_module.running(tmp_path, schedulers, config) as made:
            yield made

    return run


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail a test after which an attempt or a program still runs."""
    yield
    ends = time.monotonic() + 5
    while left := [
        each.name for each in threading.enumerate() if each.name.startswith(("scheduler", "unend"))
    ]:
        assert time.monotonic() < ends, left
        time.sleep(0.005)
