"""SLURM: what its commands are asked, and how their answers are read."""

from __future__ import annotations

from radical_edge_core.schedulers.slurm.scheduler import Slurm

__all__ = ["Slurm"]
