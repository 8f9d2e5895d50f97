"""
The states of SLURM's jobs, and what they come to.

Source: "JOB STATE CODES" of squeue(1) and sacct(1), 22.05 to 25.05.
"""

from __future__ import annotations

from collections.abc import Mapping

from radical_edge_core.schedulers.records import Phase

_PHASES: Mapping[str, Phase] = {
    "PENDING": "pending",
    "CONFIGURING": "pending",  # its nodes are being booted
    "REQUEUED": "pending",
    "REQUEUE_FED": "pending",
    "REQUEUE_HOLD": "pending",
    "RESV_DEL_HOLD": "pending",
    "SPECIAL_EXIT": "pending",  # requeued, and held
    "RUNNING": "running",
    "COMPLETING": "running",
    "EXPEDITING": "pending",
    "POWER_UP_NODE": "pending",
    "RESIZING": "running",
    "SIGNALING": "running",
    "STAGE_OUT": "running",
    "UPDATE_DB": "running",
    "STOPPED": "suspended",
    "SUSPENDED": "suspended",
    "BOOT_FAIL": "over",
    "CANCELLED": "over",
    "COMPLETED": "over",
    "DEADLINE": "over",
    "FAILED": "over",
    "LAUNCH_FAILED": "over",
    "NODE_FAIL": "over",
    "OUT_OF_MEMORY": "over",
    "PREEMPTED": "over",
    "RECONFIG_FAIL": "over",
    "REVOKED": "over",  # another cluster of the federation has it
    "TIMEOUT": "over",
}


def read_state(text: str) -> tuple[str, Phase]:
    """Return a state's long word and its phase; accounting writes ``CANCELLED by 1001`` and cuts with a ``+``."""
    word = text.strip().split(" ")[0].rstrip("+").upper()
    if word in _PHASES:
        return word, _PHASES[word]
    if text.rstrip().endswith("+"):
        full = [name for name in _PHASES if name.startswith(word)]
        if len(full) == 1:
            return full[0], _PHASES[full[0]]
    return word or "UNKNOWN", "unknown"
