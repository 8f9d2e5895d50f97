"""What travels before a job is submitted: what there is to choose from, and what is wrong with a specification."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class QueueChoice:
    """
    A queue that jobs may go to.

    Attributes:
        name: The scheduler's own.
        label: The same with its limits, for people.
        default: Whether jobs go there that name none.
        state: ``UP`` takes and starts jobs.
        walltime_max: Seconds; null where there is no limit.
        nodes_max: That a job may ask for; null where there is no limit.
    """

    name: str
    label: str
    default: bool
    state: str
    walltime_max: int | None
    nodes_max: int | None


@frozen(kw_only=True)
class AccountChoice:
    """
    An account that jobs may be charged to.

    Attributes:
        name: The scheduler's own.
        label: For people.
        qos: The qualities of service that may be asked for with it.
    """

    name: str
    label: str
    qos: tuple[str, ...]


@frozen(kw_only=True)
class Choices:
    """
    What a form offers for a scheduler; empty for an executor without one.

    Attributes:
        executor: Whose.
        queues: The default one first.
        accounts: Of the edge's user.
        as_of: The instant that this is true of (seconds since 1970); null where nothing was asked.
        problem: Why the scheduler could not be asked; what is listed may be old then, or missing.
    """

    executor: str
    queues: tuple[QueueChoice, ...] = ()
    accounts: tuple[AccountChoice, ...] = ()
    as_of: float | None = None
    problem: str = ""


@frozen(kw_only=True)
class Problem:
    """One thing that is wrong, and where in the request."""

    path: str
    message: str


@frozen(kw_only=True)
class Validation:
    """
    What came of looking at a specification; nothing was submitted.

    Attributes:
        valid: Whether nothing was found that would be refused or never start.
        problems: All that was.
        start_estimate: When the scheduler would start it (seconds since 1970), where it says so.
        estimate: The scheduler's own words about that.
        unknown: What could not be found out now, and why.
    """

    valid: bool
    problems: tuple[Problem, ...] = ()
    start_estimate: float | None = None
    estimate: str = ""
    unknown: tuple[str, ...] = ()
