"""
The environment in which a scheduler's commands run: the user's, without what changes how they answer.

A line in somebody's ``.bashrc`` that makes ``squeue`` prettier must not make it unreadable here, and the
allocation that an edge runs in must not answer for the whole cluster.

Sources: "ENVIRONMENT VARIABLES" of sinfo(1), squeue(1), sacct(1), sshare(1), scontrol(1), scancel(1) and
sbatch(1); "Environment variables" of bjobs(1), bqueues(1) and bhosts(1) of IBM Spectrum LSF.
"""

from __future__ import annotations

from collections.abc import Mapping

# What finds and proves the way to a SLURM cluster; every other SLURM_* variable shapes output, names another
# cluster, or belongs to the job that the edge runs in.
_SLURM_KEPT = frozenset({
    "SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_SACK_KEY", "SLURM_SACK_SOCKET",
})  # fmt: skip
_DISPLAY = (
    "SQUEUE_", "SACCT_", "SINFO_", "SBATCH_", "SCONTROL_", "SSHARE_", "SPRIO_", "SCANCEL_", "SACCTMGR_",
    "SREPORT_", "LSB_BJOBS_", "LSB_BQUEUES_", "LSB_BHOSTS_", "LSB_BJOBSPENDREASON_",
)  # fmt: skip
_ALWAYS = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "SLURM_TIME_FORMAT": "%s",
    "LSB_DISPLAY_YEAR": "Y",
}


def scheduler_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment for a scheduler's command.

    Args:
        environ: The edge's own environment.

    Returns:
        A new one: English, UTC, SLURM's times as seconds since 1970, LSF's with the year; ``SLURM_CONF`` and
        what else finds the cluster is as the user has it.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name != "LANGUAGE"
        and not name.startswith(_DISPLAY)
        and (not name.startswith("SLURM_") or name in _SLURM_KEPT)
    }
    return kept | _ALWAYS
