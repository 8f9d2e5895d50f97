"""
Batch schedulers: their commands, asked sparingly, and their answers as records.

``Schedulers`` is what a host has one of; ``Scheduler`` is SLURM, PBS or LSF; its ``states`` looks jobs up by
their ids. Everything that is read goes through a ``Collector``: one command for each question and interval,
whatever the number of callers.
"""

from __future__ import annotations

from radical_edge_core.schedulers.backend import EVERYBODY, Scheduler
from radical_edge_core.schedulers.collector import Collector, Freshness, Query, Snapshot
from radical_edge_core.schedulers.command import CommandRunner
from radical_edge_core.schedulers.environment import scheduler_environment
from radical_edge_core.schedulers.errors import (
    CommandFailed,
    CommandTimedOut,
    OutputUnreadable,
    SchedulerUnavailable,
)
from radical_edge_core.schedulers.hub import Schedulers
from radical_edge_core.schedulers.records import Job, Phase
from radical_edge_core.schedulers.states import JobStates, Sightings

__all__ = [
    "EVERYBODY",
    "Collector",
    "CommandFailed",
    "CommandRunner",
    "CommandTimedOut",
    "Freshness",
    "Job",
    "JobStates",
    "OutputUnreadable",
    "Phase",
    "Query",
    "Scheduler",
    "SchedulerUnavailable",
    "Schedulers",
    "Sightings",
    "Snapshot",
    "scheduler_environment",
]
