"""Which kind of host the edge runs on, told by what batch schedulers put into the environment of a job."""

from __future__ import annotations

from collections.abc import Mapping

from radical_edge_sysinfo.models import HostRole

# Variable -> scheduler, asked in this order. Sources: sbatch(1), qsub(1) of OpenPBS, bsub(1) of IBM
# Spectrum LSF, flux-submit(1), qsub(1) of Cobalt, oarsub(1). A PBS or an LSF job may start Slurm steps, so
# the outer ones come last.
JOB_VARIABLES: tuple[tuple[str, str], ...] = (
    ("SLURM_JOB_ID", "slurm"),
    ("SLURM_JOBID", "slurm"),
    ("FLUX_JOB_ID", "flux"),
    ("PBS_JOBID", "pbs"),
    ("LSB_JOBID", "lsf"),
    ("COBALT_JOBID", "cobalt"),
    ("OAR_JOB_ID", "oar"),
)


def host_role(host: str, environment: Mapping[str, str]) -> HostRole:
    """
    Tell the role of this host.

    Args:
        host: Which process hosts the plugin, ``edge`` or ``bridge``; on the bridge the role is always
            ``bridge``.
        environment: The process's environment variables.
    """
    scheduler, job_id = _batch_job(environment)
    if host == "bridge":
        return HostRole(role="bridge", scheduler=scheduler, job_id=job_id)
    return HostRole(role="compute" if job_id else "login", scheduler=scheduler, job_id=job_id)


def _batch_job(environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    for variable, scheduler in JOB_VARIABLES:
        if job_id := environment.get(variable, "").strip():
            return scheduler, job_id
    # Grid Engine's variable is so plainly named that it counts only beside another one of its own.
    if environment.get("SGE_ROOT") and (job_id := environment.get("JOB_ID", "").strip()):
        return "sge", job_id
    return None, None
