"""PBS (OpenPBS, PBS Professional, and Torque as far as it prints the same)."""

from __future__ import annotations

from radical_edge_core.schedulers.pbs.scheduler import Pbs

__all__ = ["Pbs"]
