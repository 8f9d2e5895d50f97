"""The environment of a job: the user's, without what belongs to the edge and its own allocation."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping

_FOREIGN = (
    "RADICAL_",
    "SLURM_", "SLURMD_", "SBATCH_", "SALLOC_", "SRUN_",
    "PBS_",
    "LSB_",
)  # fmt: skip
_PYTHON = frozenset({"PYTHONHOME", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "__PYVENV_LAUNCHER__"})
_LOGIN = frozenset({"HOME", "LOGNAME", "PATH", "SHELL", "USER"})


def clean_environment(
    environ: Mapping[str, str], *, inherit: bool = True, keep: Collection[str] = ()
) -> dict[str, str]:
    """
    Return what a job of this edge inherits.

    Gone are the edge's own settings, what a scheduler set for the allocation that the edge itself may run
    in, and the Python environment that the edge is installed in, on ``PATH`` too: a job must not find the
    edge's ``python`` before the user's.

    Args:
        environ: The edge's environment.
        inherit: ``False``: only what a login shell would have at least.
        keep: Names that stay although their prefix says otherwise, such as ``SLURM_CONF`` for a submitter.
    """
    cleaned = {
        name: value
        for name, value in environ.items()
        if name in keep or not (name.startswith(_FOREIGN) or name in _PYTHON)
    }
    if not inherit:
        cleaned = {name: value for name, value in cleaned.items() if name in _LOGIN or name in keep}
    if "PATH" in cleaned:
        own = _own_folders(environ)
        cleaned["PATH"] = os.pathsep.join(
            folder for folder in cleaned["PATH"].split(os.pathsep) if os.path.realpath(folder) not in own
        )
    return cleaned


def _own_folders(environ: Mapping[str, str]) -> set[str]:
    roots = [environ[name] for name in ("VIRTUAL_ENV",) if environ.get(name)]
    if sys.prefix != sys.base_prefix:
        roots.append(sys.prefix)
    return {os.path.realpath(os.path.join(root, "bin")) for root in roots}  # noqa: PTH118 - text in, text out
