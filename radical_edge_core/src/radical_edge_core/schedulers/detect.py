"""Which batch scheduler a host has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import SchedulerUnavailable
from radical_edge_core.schedulers.records import SchedulerName

# Asked in this order: SLURM's wrappers for PBS bring a qstat and a pbsnodes of their own.
_PROGRAMS: tuple[tuple[SchedulerName, tuple[str, ...]], ...] = (
    ("slurm", ("sinfo", "squeue", "scontrol")),
    ("pbs", ("qstat", "pbsnodes")),
    ("lsf", ("bqueues", "bjobs")),
)
# Source: "FILES" of slurm.conf(5) and the page "Configless Slurm" of SLURM's documentation.
_SLURM_FILES = ("/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf", "/run/slurm/conf/slurm.conf")
_NO_CLUSTER = "could not establish a configuration source"
_PROBE_S = 10.0


def detect(runner: Runner, environ: Mapping[str, str]) -> SchedulerName | None:
    """
    Tell which scheduler's programs are here; blocking.

    SLURM's may be installed where there is no cluster; they then say so at once. A scheduler that is there and
    does not answer is there.
    """
    for name, programs in _PROGRAMS:
        if all(runner.find(program) for program in programs) and (
            name != "slurm" or _has_cluster(runner, environ)
        ):
            return name
    return None


def _has_cluster(runner: Runner, environ: Mapping[str, str]) -> bool:
    if environ.get("SLURM_CONF") or environ.get("SLURM_CONF_SERVER"):
        return True
    if any(Path(file).exists() for file in _SLURM_FILES):
        return True
    try:
        runner.run(["scontrol", "ping"], deadline_s=_PROBE_S)
    except SchedulerUnavailable as failure:
        return _NO_CLUSTER not in str(failure.data.get("stderr", "")).lower()
    return True
