"""What makes a job specification one that can be run: told as problems of single fields, all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from cattrs import Converter

from radical_edge_core.errors import InvalidRequest
from radical_edge_core.structure import Mismatch, problems_of, record_hook
from radical_edge_psij.models import ExecutorName, JobAttributes, JobSpec

Problem = tuple[tuple[str | int, ...], str]


def teach(converter: Converter, usable: Callable[[], Collection[str]]) -> None:
    """
    Add to a converter what the types alone do not say.

    Args:
        converter: The plugin's own.
        usable: The names of the executors that can be used here.
    """
    attributes = record_hook(JobAttributes, converter)
    spec = record_hook(JobSpec, converter)

    def as_executor(value: object, _: object) -> ExecutorName:
        names = sorted(usable())
        if value not in names:
            raise ValueError(f"there is no executor {value!r} here; there is {', '.join(names) or 'none'}")
        return ExecutorName(str(value))

    def as_attributes(value: Any, target: object) -> JobAttributes:
        if type(value) is not dict:
            return attributes(value, target)  # type: ignore[no-any-return] # raises: it is no object
        plain = {name: item for name, item in value.items() if "." not in name}
        dotted = {name: item for name, item in value.items() if "." in name}
        if dotted:
            custom = plain.get("custom_attributes", {})
            plain["custom_attributes"] = {**custom, **dotted} if isinstance(custom, dict) else custom
        return _joined(attributes, plain, target, _attribute_problems(plain))  # type: ignore[no-any-return]

    def as_spec(value: Any, target: object) -> JobSpec:
        problems = _spec_problems(value) if type(value) is dict else []
        return _joined(spec, value, target, problems)  # type: ignore[no-any-return]

    converter.register_structure_hook(ExecutorName, as_executor)
    converter.register_structure_hook(JobAttributes, as_attributes)
    converter.register_structure_hook(JobSpec, as_spec)


def _joined(hook: Callable[[Any, Any], Any], value: object, target: object, problems: list[Problem]) -> Any:
    """Run a hook; its problems and ours become one list."""
    made = None
    try:
        made = hook(value, target)
    except (ValueError, TypeError) as error:
        problems = [*problems_of(error), *problems]
    if problems:
        raise Mismatch(problems)
    return made


def _attribute_problems(given: Mapping[str, object]) -> list[Problem]:
    found: list[Problem] = []
    duration = given.get("duration")
    if isinstance(duration, str):
        try:
            duration = float(duration)
        except ValueError:
            found.append((("duration",), "expected a number of seconds"))
    if isinstance(duration, (int, float)) and not 0 < duration < float("inf"):
        found.append((("duration",), "must be more than 0 seconds"))
    if given.get("account") and given.get("project_name") not in {None, given.get("account")}:
        found.append((("project_name",), "is another name for account, and says something else"))
    return found + _custom_problems(given)


def _spec_problems(given: Mapping[str, Any]) -> list[Problem]:
    found: list[Problem] = [
        ((name,), "can't hold a NUL character")
        for name in ("executable", "directory", "stdin_path", "stdout_path", "stderr_path")
        if isinstance(given.get(name), str) and "\0" in given[name]
    ]
    arguments = given.get("arguments")
    for index, argument in enumerate(arguments if isinstance(arguments, (list, tuple)) else ()):
        if isinstance(argument, str) and "\0" in argument:
            found.append((("arguments", index), "can't hold a NUL character"))
    environment = given.get("environment")
    for name, value in environment.items() if isinstance(environment, dict) else ():
        if not name or "=" in name or "\0" in name:
            found.append((("environment", name), "is no name for a variable"))
        elif isinstance(value, str) and "\0" in value:
            found.append((("environment", name), "can't hold a NUL character"))
    return found + _custom_problems(given)


def _custom_problems(given: Mapping[str, object]) -> list[Problem]:
    custom = given.get("custom_attributes")
    return [
        (("custom_attributes", name), 'expected a key of the form "<executor>.<option>"')
        for name in (custom if isinstance(custom, dict) else ())
        if "." not in name.strip(".")
    ]


def duration_of(attributes: JobAttributes | None) -> float | None:
    """Return the duration in seconds."""
    return None if attributes is None or attributes.duration is None else float(attributes.duration)


def account_of(attributes: JobAttributes | None) -> str | None:
    """Return who is charged."""
    return None if attributes is None else attributes.account or attributes.project_name


def directory_of(spec: JobSpec) -> Path:
    """Return where the job starts: absolute, the home directory unless it says otherwise."""
    return Path.home() / Path(spec.directory or "~").expanduser()


def path_of(spec: JobSpec, text: str) -> Path:
    """Return a file that the job names: relative to its directory."""
    return directory_of(spec) / Path(text).expanduser()


def check_files(spec: JobSpec, *, make: bool = True) -> None:
    """
    Check what the file system has to say, and make the directory where that is wished; blocking.

    Args:
        spec: The job's.
        make: ``False``: only look.

    Raises:
        InvalidRequest: Something that must be there is not; all of it is named.
    """
    problems: dict[str, str] = {}
    directory = directory_of(spec)
    try:
        if spec.mkdir and make:
            directory.mkdir(parents=True, exist_ok=True)
        if spec.mkdir and not make and not directory.exists():
            pass
        elif not directory.is_dir():
            problems["directory"] = f"{directory} is no directory; make it, or set mkdir"
        elif not os.access(directory, os.X_OK):
            problems["directory"] = f"{directory} can't be entered"
    except OSError as exc:
        problems["directory"] = f"{directory}: {exc.strerror}"
    if spec.stdin_path is not None:
        source = path_of(spec, spec.stdin_path)
        if not os.access(source, os.R_OK) or source.is_dir():
            problems["stdin_path"] = f"{source} can't be read"
    for name in ("stdout_path", "stderr_path"):
        text = getattr(spec, name)
        if text is not None and (why := _unwritable(path_of(spec, text))):
            problems[name] = why
    if problems:
        raise InvalidRequest(
            problems=[{"path": f"$.job_spec.{name}", "message": why} for name, why in problems.items()]
        )


def _unwritable(path: Path) -> str:
    if path.is_dir():
        return f"{path} is a directory"
    if not path.parent.is_dir():
        return f"{path.parent} is no directory"
    target = path if path.exists() else path.parent
    return "" if os.access(target, os.W_OK) else f"{path} can't be written"
