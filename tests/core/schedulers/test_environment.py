"""What scheduler commands find in their environment."""

from __future__ import annotations

import pytest

from radical_edge_core.schedulers import scheduler_environment


def test_answers_are_english_in_utc_and_in_seconds() -> None:
    """Whatever the user's own settings are."""
    made = scheduler_environment(
        {"LC_ALL": "de_DE", "LANGUAGE": "de", "TZ": "Asia/Tokyo", "SLURM_TIME_FORMAT": "%d"}
    )
    assert made == {"LC_ALL": "C.UTF-8", "TZ": "UTC", "SLURM_TIME_FORMAT": "%s", "LSB_DISPLAY_YEAR": "Y"}


@pytest.mark.parametrize(
    "name",
    [
        "SQUEUE_FORMAT", "SQUEUE_USERS", "SACCT_FORMAT", "SINFO_FORMAT", "SINFO_PARTITION", "SBATCH_ACCOUNT",
        "SCANCEL_INTERACTIVE", "SLURM_CLUSTERS", "SLURM_JOB_ID", "SLURM_WORKING_CLUSTER", "LSB_BJOBS_FORMAT",
    ],
)  # fmt: skip
def test_what_shapes_the_output_or_names_a_job_is_gone(name: str) -> None:
    """The user's display settings, and the allocation that the edge runs in."""
    assert name not in scheduler_environment({name: "x"})


@pytest.mark.parametrize("name", ["SLURM_CONF", "SLURM_JWT", "PBS_SERVER", "LSF_ENVDIR", "PATH", "HOME"])
def test_what_finds_the_cluster_stays(name: str) -> None:
    """As the user has it."""
    assert scheduler_environment({name: "x"})[name] == "x"
