"""IBM Spectrum LSF, 10.1."""

from __future__ import annotations

from radical_edge_core.schedulers.lsf.scheduler import Lsf

__all__ = ["Lsf"]
