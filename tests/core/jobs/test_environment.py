"""What a job inherits from the edge, and what not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from radical_edge_core.jobs.environment import clean_environment


def test_what_is_the_edges_own_is_gone() -> None:
    """Settings of the edge, of its allocation and of its Python don't reach a job; the rest does."""
    foreign = {
        "RADICAL_BRIDGE_TOKEN": "t", "RADICAL_EDGE_HOME": "x", "SLURM_JOB_ID": "1", "SLURM_CONF": "/etc/s",
        "SBATCH_ACCOUNT": "a", "SRUN_DEBUG": "3", "PBS_JOBID": "2", "PBS_NODEFILE": "n", "LSB_JOBID": "3",
        "PYTHONHOME": "p", "VIRTUAL_ENV": "/venv",
    }  # fmt: skip
    kept = {"HOME": "/h", "LANG": "C.UTF-8", "MODULEPATH": "/m", "SLURMISH": "x", "PYTHONPATH": "mine"}
    assert clean_environment({**foreign, **kept}) == kept
    assert clean_environment({**foreign, **kept}, keep={"SLURM_CONF"}) == {**kept, "SLURM_CONF": "/etc/s"}


def test_the_edges_python_is_not_on_the_path(tmp_path: Path) -> None:
    """Neither this interpreter's environment nor one that is active is found first; the order stays."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (tmp_path / "link").symlink_to(venv)
    path = [f"{tmp_path}/link/bin", "/usr/bin", f"{sys.prefix}/bin", "/bin", f"{venv}/bin/"]
    cleaned = clean_environment({"PATH": os.pathsep.join(path), "VIRTUAL_ENV": str(venv)})
    expected = (
        ["/usr/bin", "/bin"] if sys.prefix != sys.base_prefix else ["/usr/bin", f"{sys.prefix}/bin", "/bin"]
    )
    assert cleaned["PATH"].split(os.pathsep) == expected


def test_a_bare_environment_is_a_logins() -> None:
    """A job that inherits nothing still has what a login shell has."""
    environ = {"HOME": "/h", "USER": "u", "PATH": "/bin", "LANG": "C", "EDITOR": "vi"}
    assert clean_environment(environ, inherit=False) == {"HOME": "/h", "USER": "u", "PATH": "/bin"}
