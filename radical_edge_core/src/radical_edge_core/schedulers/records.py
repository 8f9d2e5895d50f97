"""
What schedulers say, as records that are the same for all of them.

Instants are seconds since 1970; durations carry their unit in the name but where a contract that is older than
this says otherwise: ``time_limit`` is minutes, ``time_used`` seconds. ``None`` says that the scheduler does not
tell, or that there is no such limit.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

SchedulerName = Literal["slurm", "pbs", "lsf"]
Phase = Literal["pending", "running", "suspended", "over", "unknown"]


@frozen(kw_only=True)
class Queue:
    """
    A queue, or partition.

    Attributes:
        name: The scheduler's own.
        state: ``UP`` takes and starts jobs, ``DOWN`` takes and does not start, ``DRAIN`` starts and does not take,
            ``INACTIVE`` neither.
        time_limit: Minutes, or ``UNLIMITED``.
        default: Whether jobs go there that name none.
        nodes_total: All its nodes.
        nodes_available: Those that work and take jobs, whether or not they are in use.
        nodes_idle: Those with no job at all.
        nodes_used: Those with at least one job.
        nodes_down: The rest: down, drained, reserved.
        cpus_total: Of all its nodes.
        cpus_idle: Those that a job could have at once.
        cpus_per_node: Of its largest nodes.
        mem_per_node_mb: MiB, of its largest nodes.
        gpus_per_node: Of its nodes with the most.
        max_jobs_per_user: How many jobs of one user may run.
        features: What its nodes are labelled with.
        walltime_min: Seconds.
        walltime_max: Seconds; null where there is no limit.
        walltime_default: Seconds; for jobs that ask for nothing.
        nodes_min: That a job has to ask for.
        nodes_max: That a job may ask for; null where there is no limit.
        jobs_running: Of all users.
        jobs_pending: Of all users.
        accounts: Who may use it; empty: everybody.
    """

    name: str
    state: str
    time_limit: int | Literal["UNLIMITED"]
    default: bool
    nodes_total: int
    nodes_available: int
    nodes_idle: int
    nodes_used: int
    nodes_down: int
    cpus_total: int | None = None
    cpus_idle: int | None = None
    cpus_per_node: int
    mem_per_node_mb: int
    gpus_per_node: int
    max_jobs_per_user: int | None = None
    features: tuple[str, ...] = ()
    walltime_min: int | None = None
    walltime_max: int | None = None
    walltime_default: int | None = None
    nodes_min: int | None = None
    nodes_max: int | None = None
    jobs_running: int | None = None
    jobs_pending: int | None = None
    accounts: tuple[str, ...] = ()


@frozen(kw_only=True)
class Job:
    """
    A job, as its scheduler knows it.

    Attributes:
        job_id: What users call it: ``17``, a task of an array ``9_2``, a part of a heterogeneous job ``10+0``.
        raw_id: A number of its own for each task and part; else as ``job_id``.
        job_name: For people.
        user: Whose it is.
        partition: Its queue; several, separated by commas, where it may go to any of them.
        state: The scheduler's word for it, the long one.
        phase: The same in five words.
        nodes: How many it has, or asks for.
        cpus: The same.
        time_limit: Minutes; null where there is no limit.
        time_used: Seconds that it has been running.
        submit_time: When it was handed in.
        start_time: When it began, or is expected to.
        end_time: When it ended, or will at the latest.
        priority: Among those that wait; larger is earlier.
        account: Who is charged.
        node_list: Where it runs, as the scheduler writes it.
        qos: Its quality of service, where there is such a thing.
        reason: Why it waits or ended so, in the scheduler's word.
        reason_text: The same for people; empty where the word is not known here.
        comment: What its user noted on it.
        walltime: ``time_limit`` in seconds.
        exit_code: Of its script, where it is over and the scheduler tells.
        signal: What ended it, where it is over and the scheduler tells.
    """

    job_id: str
    raw_id: str
    job_name: str
    user: str
    partition: str
    state: str
    phase: Phase
    nodes: int
    cpus: int
    time_limit: int | None
    time_used: int
    submit_time: int | None
    start_time: int | None
    end_time: int | None = None
    priority: int
    account: str
    node_list: str
    qos: str = ""
    reason: str = ""
    reason_text: str = ""
    comment: str = ""
    walltime: int | None = None
    exit_code: int | None = None
    signal: int | None = None


@frozen(kw_only=True)
class Allocation:
    """
    What an account grants to a user.

    Attributes:
        account: The account, or project.
        user: The user.
        fairshare: Shares in the account, as granted.
        qos: The qualities of service that may be asked for, separated by commas.
        max_jobs: How many jobs may run.
        max_submit: How many may wait or run.
        max_wall: Minutes that one may take.
        grp_tres: What all jobs together may have, as the scheduler writes it: ``cpu=8,gres/gpu=2``.
        allocated_node_hours: The budget; the account's where the user has none of their own.
        used_node_hours: What is used of it.
        remaining_node_hours: What is left of it.
        partition: The only queue that this holds for; empty: all.
        default_qos: What jobs get that name none.
        fairshare_factor: 1 for who has used nothing, 0 for who has used far too much.
    """

    account: str
    user: str
    fairshare: int | None = None
    qos: str = ""
    max_jobs: int | None = None
    max_submit: int | None = None
    max_wall: int | None = None
    grp_tres: str | None = None
    allocated_node_hours: float | None = None
    used_node_hours: float | None = None
    remaining_node_hours: float | None = None
    partition: str = ""
    default_qos: str = ""
    fairshare_factor: float | None = None


@frozen(kw_only=True)
class Node:
    """
    A node.

    Attributes:
        name: The scheduler's own.
        state: The scheduler's word for it, in capitals: ``IDLE``, ``MIXED``, ``DRAINED``.
        available: Whether it works and takes jobs.
        partitions: The queues that it is in.
        cpus: All of them.
        cpus_used: Those that jobs have; null where the scheduler does not tell.
        mem_mb: MiB.
        mem_free_mb: MiB that nobody uses, as the node says.
        gpus: All of them.
        features: What it is labelled with.
        load: The node's load over one minute.
        reason: Why it takes no jobs, as an administrator or the scheduler noted it.
        reason_user: Who noted it.
        reason_time: When.
    """

    name: str
    state: str
    available: bool
    partitions: tuple[str, ...]
    cpus: int
    cpus_used: int | None
    mem_mb: int
    mem_free_mb: int | None
    gpus: int
    features: tuple[str, ...]
    load: float | None = None
    reason: str = ""
    reason_user: str = ""
    reason_time: int | None = None


@frozen(kw_only=True)
class Reservation:
    """
    Nodes that are set aside for a while.

    Attributes:
        name: What a job names to use it.
        state: ``ACTIVE``, or ``INACTIVE`` before and after.
        start_time: When it begins.
        end_time: When it ends.
        nodes: How many.
        node_list: Which, as the scheduler writes it.
        partition: The queue whose jobs may use it; empty: any.
        users: Who may use it; ``-name`` may not.
        accounts: Whose jobs may use it.
        flags: What else the scheduler says of it, such as ``MAINT``.
    """

    name: str
    state: str
    start_time: int | None
    end_time: int | None
    nodes: int | None
    node_list: str
    partition: str
    users: tuple[str, ...]
    accounts: tuple[str, ...]
    flags: tuple[str, ...]


@frozen(kw_only=True)
class JobAllocation:
    """
    The batch job that this process runs in.

    Attributes:
        job_id: The scheduler's id.
        partition: Its queue.
        n_nodes: How many nodes it has.
        nodelist: Which, as the scheduler writes it.
        cpus_per_node: On the node with the most.
        gpus_per_node: On this node, or evenly spread.
        account: Who is charged.
        job_name: For people.
        runtime: Seconds that it may take; null where there is no limit.
    """

    job_id: str
    partition: str
    n_nodes: int
    nodelist: str
    cpus_per_node: int
    gpus_per_node: int
    account: str
    job_name: str
    runtime: int | None
