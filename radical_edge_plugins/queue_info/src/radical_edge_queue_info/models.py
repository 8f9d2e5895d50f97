"""
What travels: the scheduler's records, each list with the instant that it is true of.

The records themselves, and their units, are core's (``radical_edge_core.schedulers.records``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from radical_edge_core.schedulers.records import Allocation, Job, JobAllocation, Node, Queue, Reservation

Backend = Literal["slurm", "pbs", "lsf", "none"]


@frozen(kw_only=True)
class Available:
    """Whether there is a batch scheduler here."""

    available: bool


@frozen(kw_only=True)
class BackendName:
    """Which batch scheduler is here."""

    backend: Backend


@frozen(kw_only=True)
class OwnAllocation:
    """The batch job that the edge runs in; null outside of one."""

    allocation: JobAllocation | None


@frozen(kw_only=True)
class Answer:
    """
    What every list carries beside itself.

    Attributes:
        as_of: The instant that the list is true of (seconds since 1970): when the scheduler was asked.
        unknown_since: Set where the scheduler could not be asked since; what is listed may have changed.
        problem: Why it could not be asked.
    """

    as_of: float
    unknown_since: float | None = None
    problem: str = ""


@frozen(kw_only=True)
class QueueMap(Answer):
    """Queues by name."""

    queues: Mapping[str, Queue]


@frozen(kw_only=True)
class QueueList(Answer):
    """Queues, in the scheduler's order."""

    queues: tuple[Queue, ...]


@frozen(kw_only=True)
class JobList(Answer):
    """Jobs that are not over."""

    jobs: tuple[Job, ...]


@frozen(kw_only=True)
class AllocationList(Answer):
    """What accounts grant."""

    allocations: tuple[Allocation, ...]


@frozen(kw_only=True)
class NodeList(Answer):
    """Nodes."""

    nodes: tuple[Node, ...]


@frozen(kw_only=True)
class ReservationList(Answer):
    """Reservations that are or will be."""

    reservations: tuple[Reservation, ...]


@frozen(kw_only=True)
class Canceled:
    """A job whose end was asked for, or that had ended before."""

    job_id: str
    status: Literal["canceled"] = "canceled"
