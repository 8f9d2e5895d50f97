"""The batch schedulers that jobs can be handed to, and how it is gone about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from radical_edge_core.schedulers.records import SchedulerName
from radical_edge_psij.executors.options import lsf_options, pbs_options, slurm_options
from radical_edge_psij.models import JobSpec

# What finds the way to the scheduler; the rest of its variables belongs to the edge's own allocation.
KEPT: Final = frozenset({
    "SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_SACK_KEY", "SLURM_SACK_SOCKET",
    "PBS_CONF_FILE", "PBS_EXEC", "PBS_HOME", "PBS_SERVER",
})  # fmt: skip
SLURM_FILES: Final = ("/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf", "/run/slurm/conf/slurm.conf")
Options = Callable[[JobSpec, str, Mapping[str, str | bool]], Iterator[str]]


@frozen(kw_only=True)
class Flavour:
    """
    What differs between schedulers.

    Attributes:
        executor: PSI/J's name, in lower case.
        scheduler: Its family.
        programs: What has to be on the path.
        options: Of its submit command.
        default_duration_s: What a job may take that says nothing; ``None``: the queue's default counts.
    """

    executor: str
    scheduler: SchedulerName
    programs: tuple[str, ...]
    options: Options
    default_duration_s: float | None = None


FLAVOURS: tuple[Flavour, ...] = (
    Flavour(executor="slurm", scheduler="slurm", programs=("sbatch", "squeue", "scancel"), options=slurm_options),
    Flavour(executor="pbs", scheduler="pbs", programs=("qsub", "qstat", "qdel"), options=pbs_options),
    Flavour(executor="pbs_classic", scheduler="pbs", programs=("qsub", "qstat", "qdel"), options=pbs_options),
    # PSI/J can't write an LSF script without a duration; this is the one that it takes where nothing is said.
    Flavour(
        executor="lsf", scheduler="lsf", programs=("bsub", "bjobs", "bkill"), options=lsf_options,
        default_duration_s=600.0,
    ),
)  # fmt: skip


@frozen(kw_only=True)
class BatchSettings:
    """
    How an executor goes about it.

    Attributes:
        root: Where the job folders are, on a file system that the nodes share.
        state_dir: Where locks are, on this host.
        interval_s: Between two looks at the queue.
        submit_s: How long a submission may take before it is given up, undecided.
        lock_s: How long to wait for an earlier submission of the same key.
        margin_s: How long a folder on a shared file system may lag behind.
        defaults: The site's own options, under those of the caller.
    """

    root: Path
    state_dir: Path
    interval_s: float = 10.0
    submit_s: float = 60.0
    lock_s: float = 30.0
    margin_s: float = 5.0
    defaults: Mapping[str, str]
