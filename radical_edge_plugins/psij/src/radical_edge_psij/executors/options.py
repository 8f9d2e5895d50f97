"""What the caller chose, as options of the scheduler's submit command: one word each, which nobody parses again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from radical_edge_core.errors import InvalidRequest
from radical_edge_psij.checks import account_of
from radical_edge_psij.models import JobSpec, Resources

KEY_FORM = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PREFIX = {"slurm": "slurm", "pbs": "pbs", "pbs_classic": "pbs", "lsf": "lsf"}
# What would take the job out of this plugin's hands: its output, its id, its place, its being submitted at all.
_OURS: Mapping[str, Mapping[str, str]] = {
    "slurm": {
        "array": "submit one job for each task",
        "chdir": "use directory", "D": "use directory", "a": "submit one job for each task",
        "output": "use stdout_path", "o": "use stdout_path", "error": "use stderr_path", "e": "use stderr_path",
        "input": "use stdin_path", "i": "use stdin_path", "export": "use environment",
        "export-file": "use environment", "wrap": "use executable", "wait": "the call would not return",
        "W": "the call would not return", "test-only": "use validate", "parsable": "the edge reads the answer",
        "quiet": "the edge reads the answer", "Q": "the edge reads the answer", "help": "", "usage": "", "h": "",
        "version": "", "V": "", "clusters": "jobs go to the edge's own cluster", "cluster": "", "M": "",
        "uid": "", "gid": "",
    },
    "pbs": {
        "N": "use name", "o": "use stdout_path", "e": "use stderr_path", "j": "use stdout_path", "J": "submit one job "
        "for each task", "t": "submit one job for each task", "I": "jobs here are not interactive", "X": "",
        "V": "use inherit_environment", "v": "use environment", "z": "the edge reads the answer", "d": "use directory",
        "w": "use directory", "W": "use pbs.l and the like", "C": "", "f": "", "k": "use stdout_path", "x": "",
    },
    "lsf": {
        "J": "use name", "Jd": "it holds the edge's key", "o": "use stdout_path", "oo": "use stdout_path",
        "e": "use stderr_path",
        "eo": "use stderr_path", "i": "use stdin_path", "is": "use stdin_path", "cwd": "use directory",
        "env": "use environment", "I": "jobs here are not interactive", "Ip": "", "Is": "", "K": "the call would not "
        "return", "Zs": "", "Z": "", "h": "", "V": "", "pack": "",
    },
}  # fmt: skip


def key_of(job_id: str) -> str:
    """Return the key of a job, by which the scheduler's job is found again: 15 characters, as old PBS takes no more."""
    return f"re.{job_id[:12]}"


def custom_of(executor: str, spec: JobSpec, defaults: Mapping[str, str]) -> dict[str, str | bool]:
    """
    Return the scheduler's own options that are asked for, without their prefix.

    Args:
        executor: Whose options.
        spec: The job's come from its attributes and from itself.
        defaults: The site's, under those.

    Raises:
        InvalidRequest: One can't be handed over; all such are named.
    """
    prefix = _PREFIX[executor]
    given = {
        **defaults,
        **(spec.attributes.custom_attributes if spec.attributes else {}),
        **spec.custom_attributes,
    }
    found: dict[str, str | bool] = {}
    problems = []
    for name, value in given.items():
        owner, _, key = name.partition(".")
        if owner.lower() != prefix:
            continue
        why = _problem(prefix, key, value)
        if why:
            problems.append({"path": f"$.job_spec.custom_attributes.{name}", "message": why})
        found[key] = value if isinstance(value, bool) else str(value)
    if problems:
        raise InvalidRequest(problems=problems)
    return found


def _problem(prefix: str, key: str, value: object) -> str:
    if not KEY_FORM.fullmatch(key):
        return f"{key!r} is no option of {prefix}"
    if key in _OURS[prefix]:
        return f"can't be chosen here; {_OURS[prefix][key]}".removesuffix("; ")
    if isinstance(value, str) and ("\n" in value or "\0" in value):
        return "can't hold a line end or a NUL character"
    return ""


def resources_of(spec: JobSpec) -> dict[str, object]:
    """
    Return what PSI/J's resource specification is made of; empty where nothing is asked for.

    PSI/J's memory is the whole job's, and becomes a limit for one node: it is divided by their number here.
    """
    asked = spec.resources or Resources()
    nodes = asked.node_count or (spec.attributes.node_count if spec.attributes else None)
    found: dict[str, object] = {
        "node_count": nodes,
        "process_count": asked.process_count,
        "processes_per_node": asked.processes_per_node,
        "cpu_cores_per_process": asked.cpu_cores_per_process,
        "gpu_cores_per_process": asked.gpu_cores_per_process or None,
        "memory": asked.memory,
    }
    found = {name: value for name, value in found.items() if value is not None}
    count, each = asked.process_count, asked.processes_per_node
    if count and each and (count % each or (nodes and nodes * each != count)):
        raise InvalidRequest(
            problems=[
                {
                    "path": "$.job_spec.resources",
                    "message": f"{count} processes are not {each} on each of {nodes or 'some'} nodes",
                }
            ]
        )
    if asked.memory is not None:
        many = nodes or (-(-count // each) if count and each else 1)
        found["memory"] = -(-asked.memory // many)
    if asked.exclusive_node_use:
        found["exclusive_node_use"] = True
    elif found:
        found["exclusive_node_use"] = False
    return found


def slurm_options(spec: JobSpec, key: str, custom: Mapping[str, str | bool]) -> Iterator[str]:
    """
    Yield the options of ``sbatch``.

    The key is in the comment and, where the user named no job, in the name; accounting often keeps only the name.
    """
    custom = dict(custom)
    name = str(custom.pop("job-name", custom.pop("J", spec.name or "")) or key)
    comment = str(custom.pop("comment", "") or "")
    yield f"--job-name={_one_line(name)}"
    yield f"--comment={comment} {key}" if comment else f"--comment={key}"
    attributes = spec.attributes
    if attributes is not None:
        for option, value in (
            ("partition", attributes.queue_name),
            ("account", account_of(attributes)),
            ("reservation", attributes.reservation_id),
        ):
            if value:
                yield f"--{option}={value}"
    for option, choice in custom.items():
        if choice is True:
            yield f"--{option}" if len(option) > 1 else f"-{option}"
        elif choice is not False:
            yield f"--{option}={choice}" if len(option) > 1 else f"-{option}{choice}"


def dashed_options(
    names: Mapping[str, str],
) -> Callable[[JobSpec, str, Mapping[str, str | bool]], Iterator[str]]:
    """
    Return what yields the options of a command whose options have one dash and a word after them.

    Args:
        names: Which option takes the key, the queue, the account and the reservation.
    """

    def options(spec: JobSpec, key: str, custom: Mapping[str, str | bool]) -> Iterator[str]:
        chosen: list[tuple[str, object]] = [(names["name"], key)]
        if spec.attributes is not None:
            chosen += [
                (names["queue"], spec.attributes.queue_name),
                (names["account"], account_of(spec.attributes)),
                (names["reservation"], spec.attributes.reservation_id),
            ]
        for option, value in (*chosen, *custom.items()):
            if value is True:
                yield f"-{option}"
            elif value:
                yield f"-{option}"
                yield str(value)

    return options


# PBS keeps no comment of its users: the key is the job's name.
pbs_options = dashed_options({"name": "N", "queue": "q", "account": "A", "reservation": "q"})
_lsf_options = dashed_options({"name": "Jd", "queue": "q", "account": "P", "reservation": "U"})


def lsf_options(spec: JobSpec, key: str, custom: Mapping[str, str | bool]) -> Iterator[str]:
    """Yield the options of ``bsub``: the key is the job's description, and its name where the user named no job."""
    yield "-J"
    yield _one_line(spec.name or "") or key
    yield from _lsf_options(spec, key, custom)


def _one_line(text: str) -> str:
    return " ".join(text.split())
