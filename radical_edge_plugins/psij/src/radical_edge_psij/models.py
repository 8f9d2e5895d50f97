"""What travels: the job specification of PSI/J, and what is told of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NewType

import attrs
from attrs import frozen
from msgspec import Meta

ExecutorName = NewType("ExecutorName", str)
LOCAL = ExecutorName("local")
Count = Annotated[int, Meta(ge=1)]
Offset = Annotated[int, Meta(ge=0)]
Stream = Literal["stdout", "stderr"]


@frozen(kw_only=True)
class Resources:
    """
    What a job needs; only schedulers look at it.

    Attributes:
        node_count: Number of nodes.
        process_count: Number of processes in all.
        processes_per_node: Number of processes on each node.
        cpu_cores_per_process: Cores for each process.
        gpu_cores_per_process: GPUs for each process.
        exclusive_node_use: Whether nodes are shared with other jobs.
        memory: Memory of the whole job in bytes.
    """

    node_count: Count | None = None
    process_count: Count | None = None
    processes_per_node: Count | None = None
    cpu_cores_per_process: Count | None = None
    gpu_cores_per_process: Offset | None = None
    exclusive_node_use: bool = False
    memory: Count | None = None


@frozen(kw_only=True)
class JobAttributes:
    """
    Where and how long a job runs; only schedulers look at it.

    Keys with a dot (``slurm.constraint``) are taken for ``custom_attributes``.

    Attributes:
        duration: Seconds, as a number or as text.
        queue_name: The scheduler's queue or partition.
        account: Who is charged.
        project_name: Another name for ``account``.
        reservation_id: The scheduler's reservation.
        node_count: Number of nodes, as in ``resources``.
        custom_attributes: ``"<executor>.<option>": value``.
    """

    duration: float | str | None = None
    queue_name: str | None = None
    account: str | None = None
    project_name: str | None = None
    reservation_id: str | None = None
    node_count: Count | None = None
    custom_attributes: Mapping[str, str | int | float | bool] = attrs.field(factory=dict)


@frozen(kw_only=True)
class JobSpec:
    """
    What to run.

    Attributes:
        executable: A path, or a name to be found on the job's ``PATH``.
        arguments: Handed over as they are; no shell reads them.
        name: For people.
        directory: Where the job starts; must exist. Without it the home directory; relative paths are below
            it.
        mkdir: Make ``directory`` where it is missing.
        environment: Variables on top of the inherited ones.
        inherit_environment: Whether the user's environment is inherited; without it only what a login has
            at least.
        stdin_path: The file that the job reads; without it, nothing.
        stdout_path: Where output goes; without it, into the job's own folder. Output is served either way.
        stderr_path: The same for the other stream.
        resources: What the job needs.
        attributes: Where and how long it runs.
        custom_attributes: ``"<executor>.<option>": value``.
        launcher: ``single``: the program is started once. Start ``srun`` or ``mpirun`` from it where there
            are many.
    """

    executable: Annotated[str, Meta(min_length=1, title="Executable")]
    arguments: Annotated[tuple[str, ...], Meta(title="Arguments")] = ()
    name: Annotated[str, Meta(title="Name")] | None = None
    directory: Annotated[str, Meta(min_length=1, title="Directory")] | None = None
    mkdir: Annotated[bool, Meta(title="Make the directory")] = False
    environment: Annotated[Mapping[str, str | int], Meta(title="Environment")] = attrs.field(factory=dict)
    inherit_environment: bool = True
    stdin_path: Annotated[str, Meta(min_length=1, title="Standard input")] | None = None
    stdout_path: Annotated[str, Meta(min_length=1, title="Standard output")] | None = None
    stderr_path: Annotated[str, Meta(min_length=1, title="Standard error")] | None = None
    resources: Annotated[Resources, Meta(title="Resources")] | None = None
    attributes: Annotated[JobAttributes, Meta(title="Attributes")] | None = None
    custom_attributes: Mapping[str, str | int | float | bool] = attrs.field(factory=dict)
    launcher: Literal["single"] | None = None


@frozen(kw_only=True)
class Submitted:
    """
    A job that was taken; its states come as ``job_status`` events.

    Attributes:
        job_id: What every other operation calls it.
        native_id: What the executor calls it; for ``local`` the process id of PSI/J's launcher.
    """

    job_id: str
    native_id: str


@frozen(kw_only=True)
class SubmittedEdge:
    """A job that starts an edge of that name."""

    job_id: str
    native_id: str
    edge_name: str


@frozen(kw_only=True)
class Tunnel:
    """How the tunnel of an edge is that was started by a job; ``no_tunnel``: it needs none, or there is none."""

    edge_name: str
    status: Literal["pending", "active", "failed", "done", "no_tunnel"]
    port: int | None = None
    pid: int | None = None


@frozen(kw_only=True)
class JobEntry:
    """
    One job in a list.

    Attributes:
        submitted_at: Seconds since the epoch, as all times here.
        reason: Why it waits, in the scheduler's word.
        reason_text: The same for people.
        unknown_since: Set while the scheduler can't be asked: ``state`` was true then.
        exit_code: 128 + n where signal n ended it; null before the end and where nobody knows it.
    """

    job_id: str
    native_id: str | None
    name: str
    state: str
    message: str
    reason: str = ""
    reason_text: str = ""
    unknown_since: float | None = None
    exit_code: int | None
    executable: str
    arguments: tuple[str, ...]
    executor: str
    queue_name: str | None
    account: str | None
    node_count: int | None
    submitted_at: float
    started_at: float | None
    ended_at: float | None


@frozen(kw_only=True)
class JobList:
    """Some jobs, the newest first."""

    jobs: tuple[JobEntry, ...]


@frozen(kw_only=True)
class JobReport:
    """
    All that is known of one job, and its output from the offsets asked for.

    Attributes:
        time: When it came into its state.
        reason: Why it waits, in the scheduler's word.
        reason_text: The same for people.
        unknown_since: Set while the scheduler can't be asked: ``state`` was true then.
        stdout: Text from ``stdout_offset`` on, up to 1 MiB; what is no UTF-8 is replaced.
        stderr: The same for the other stream.
        stdout_offset: The next byte to ask for.
        stderr_offset: The same for the other stream.
        stdout_path: The file that the output is in.
        stderr_path: The same for the other stream.
    """

    job_id: str
    native_id: str | None
    name: str
    state: str
    message: str
    reason: str = ""
    reason_text: str = ""
    unknown_since: float | None = None
    exit_code: int | None
    time: float
    executable: str
    arguments: tuple[str, ...]
    executor: str
    directory: str
    queue_name: str | None
    account: str | None
    node_count: int | None
    duration: float | None
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    stdout: str
    stderr: str
    stdout_offset: int
    stderr_offset: int
    stdout_path: str
    stderr_path: str


@frozen(kw_only=True)
class Canceled:
    """A job whose end was asked for, or that had ended before; ``state`` is the one it is in now."""

    job_id: str
    status: Literal["canceled"] = "canceled"
    ok: bool = True
    state: str


@frozen(kw_only=True)
class Executor:
    """One way to run jobs; ``reason`` says why it can't be used here."""

    name: str
    available: bool
    reason: str = ""


@frozen(kw_only=True)
class ExecutorList:
    """The names that ``submit`` takes here, and all that are known."""

    executors: tuple[str, ...]
    details: tuple[Executor, ...]
