"""
Looking at a specification before it is submitted: the file system, the queue's limits, the accounts, and what the
scheduler itself says of it. Nothing is made, and nothing is submitted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from attrs import evolve

from radical_edge_core.errors import EdgeError, InvalidRequest
from radical_edge_core.plugin.threads import Workers
from radical_edge_core.schedulers import Scheduler, SchedulerUnavailable
from radical_edge_core.schedulers.command import Runner
from radical_edge_core.schedulers.errors import CommandFailed
from radical_edge_core.schedulers.records import Allocation, Queue
from radical_edge_psij.advice import AccountChoice, Choices, Problem, QueueChoice, Validation
from radical_edge_psij.checks import account_of, check_files, duration_of
from radical_edge_psij.executors.base import Executor
from radical_edge_psij.executors.batch import BatchExecutor
from radical_edge_psij.executors.options import custom_of, resources_of
from radical_edge_psij.executors.refusals import refusal
from radical_edge_psij.models import JobSpec

_ESTIMATE = re.compile(r"Job \d+ to start at (\S+) using .*")
_TEST_S = 20.0
_ATTRIBUTES = "$.job_spec.attributes"
_SBATCH: Mapping[str, str] = {
    "node_count": "--nodes", "process_count": "--ntasks", "processes_per_node": "--ntasks-per-node",
    "cpu_cores_per_process": "--cpus-per-task", "gpu_cores_per_process": "--gpus-per-task",
}  # fmt: skip


async def choices(name: str, executor: Executor) -> Choices:
    """Return what there is to choose from; through the host's collector, so that forms cost no calls."""
    if not isinstance(executor, BatchExecutor) or executor.problem():
        return Choices(executor=name, problem=executor.problem())
    scheduler = executor.scheduler
    try:
        queues = await scheduler.queues()
        granted = await scheduler.allocations()
    except SchedulerUnavailable as exc:
        return Choices(executor=name, problem=exc.detail)
    problem = queues.problem or granted.problem
    return Choices(
        executor=name,
        queues=tuple(
            map(_queue_choice, sorted(queues.value, key=lambda queue: (not queue.default, queue.name)))
        ),
        accounts=tuple(
            AccountChoice(
                name=each.account,
                label=f"{each.account} ({each.qos})" if each.qos else each.account,
                qos=tuple(filter(None, each.qos.split(","))),
            )
            for each in {each.account: each for each in granted.value}.values()
        ),
        as_of=queues.as_of,
        problem=problem.detail if problem else "",
    )


async def validate(spec: JobSpec, executor: Executor, workers: Workers) -> Validation:
    """Look at everything, and tell all of it at once."""
    problems: list[Problem] = []
    for check in (executor.check, _check_files):
        try:
            await workers.run(lambda check=check: check(spec))  # type: ignore[misc]
        except InvalidRequest as error:
            problems += [Problem(path=found["path"], message=found["message"]) for found in error.problems]
    if not isinstance(executor, BatchExecutor):
        return Validation(valid=not problems, problems=tuple(problems))
    unknown: list[str] = []
    scheduler = executor.scheduler
    try:
        queues = (await scheduler.queues()).value
        granted = (await scheduler.allocations()).value
        problems += against_limits(spec, queues, granted)
    except SchedulerUnavailable as exc:
        unknown.append(exc.detail)
    result = Validation(valid=not problems, problems=tuple(problems), unknown=tuple(unknown))
    if scheduler.name != "slurm" or problems:
        return result
    try:
        return await workers.run(lambda: _asked(result, spec, executor, scheduler))
    except SchedulerUnavailable as exc:
        return evolve(result, unknown=(*unknown, exc.detail))


def against_limits(
    spec: JobSpec, queues: tuple[Queue, ...], granted: tuple[Allocation, ...]
) -> Iterator[Problem]:
    """Yield what a queue or an account does not allow, as far as their limits are known."""
    attributes = spec.attributes
    wanted = attributes.queue_name if attributes else None
    queue = next((each for each in queues if (each.name == wanted if wanted else each.default)), None)
    account = account_of(attributes)
    accounts = sorted({each.account for each in granted})
    if wanted and queue is None and queues:
        names = ", ".join(each.name for each in queues)
        yield Problem(
            path=f"{_ATTRIBUTES}.queue_name", message=f"there is no queue {wanted!r}; there is {names}"
        )
    if account and accounts and account not in accounts:
        yield Problem(
            path=f"{_ATTRIBUTES}.account",
            message=f"{account!r} is not granted; granted are {', '.join(accounts)}",
        )
    if queue is None:
        return
    if queue.state in {"DRAIN", "INACTIVE"}:
        yield Problem(
            path=f"{_ATTRIBUTES}.queue_name", message=f"{queue.name} takes no jobs now ({queue.state})"
        )
    if account and queue.accounts and account not in queue.accounts:
        yield Problem(
            path=f"{_ATTRIBUTES}.account", message=f"{queue.name} is for {', '.join(queue.accounts)} only"
        )
    yield from _too_much(spec, queue)


def _too_much(spec: JobSpec, queue: Queue) -> Iterator[Problem]:
    duration, resources = duration_of(spec.attributes), resources_of(spec)
    nodes, memory = resources.get("node_count"), resources.get("memory")
    if duration and queue.walltime_max is not None and duration > queue.walltime_max:
        yield Problem(
            path=f"{_ATTRIBUTES}.duration",
            message=f"{duration:.0f} s are more than the {queue.walltime_max} s that {queue.name} allows",
        )
    most = min(filter(None, (queue.nodes_max, queue.nodes_total)), default=None)
    if isinstance(nodes, int) and most is not None and nodes > most:
        yield Problem(
            path="$.job_spec.resources.node_count",
            message=f"{nodes} nodes are more than the {most} that {queue.name} allows",
        )
    if isinstance(memory, int) and queue.mem_per_node_mb and memory > queue.mem_per_node_mb * 2**20:
        yield Problem(
            path="$.job_spec.resources.memory",
            message=f"more than the {queue.mem_per_node_mb} MiB that a node of {queue.name} has",
        )


def _check_files(spec: JobSpec) -> None:
    check_files(spec, make=False)


def _asked(result: Validation, spec: JobSpec, executor: BatchExecutor, scheduler: Scheduler) -> Validation:
    """Add what ``sbatch --test-only`` says; blocking."""
    said = _test(scheduler.collector.runner, [*executor.options(spec, "test"), *_as_options(spec, executor)])
    found = _ESTIMATE.search(said)
    if found is None:
        error: EdgeError | None = refusal("slurm", said)
        if error is None:
            return evolve(result, unknown=(*result.unknown, said))
        return evolve(
            result, valid=False, problems=(*result.problems, Problem(path="$.job_spec", message=said))
        )
    return evolve(result, start_estimate=_instant(found[1]), estimate=found[0])


def _test(runner: Runner, options: list[str]) -> str:
    try:
        return runner.run(
            ["sbatch", "--test-only", *options, "--wrap", "true"], deadline_s=_TEST_S
        ).stderr.strip()
    except CommandFailed as failure:
        if failure.data.get("return_code") is None:
            raise
        return str(failure.data.get("stderr", ""))


def _as_options(spec: JobSpec, executor: BatchExecutor) -> Iterator[str]:
    """Yield what PSI/J would write into the script."""
    asked = resources_of(spec)
    for name, option in _SBATCH.items():
        if name in asked:
            yield f"{option}={asked[name]}"
    if isinstance(memory := asked.get("memory"), int):
        yield f"--mem={-(-memory // 1024)}K"
    if asked.get("exclusive_node_use"):
        yield "--exclusive"
    custom = custom_of(executor.name, spec, executor.settings.defaults)
    if (duration := duration_of(spec.attributes)) and not {"time", "t"} & custom.keys():
        yield f"--time={max(1, -(-int(duration) // 60))}"


def _instant(text: str) -> float | None:
    if text.isdigit():
        return float(text)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _queue_choice(queue: Queue) -> QueueChoice:
    limits = []
    if queue.walltime_max is not None:
        limits.append(f"up to {queue.walltime_max // 60} min")
    if queue.nodes_max is not None:
        limits.append(f"{queue.nodes_max} nodes")
    if queue.state != "UP":
        limits.append(queue.state.lower())
    return QueueChoice(
        name=queue.name,
        label=f"{queue.name} ({', '.join(limits)})" if limits else queue.name,
        default=queue.default,
        state=queue.state,
        walltime_max=queue.walltime_max,
        nodes_max=queue.nodes_max,
    )
