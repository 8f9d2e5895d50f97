"""What is wrong with a value, and where; gathered so that one bad field does not hide the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError
from cattrs.v import transform_error

JSON_NAMES: Final[Mapping[type, str]] = {dict: "object", list: "list", tuple: "list", type(None): "null"}

MAX_PROBLEMS: Final = 1000

Hook = Callable[[Any, Any], Any]
Steps = tuple[str | int, ...]


class Mismatch(ValueError):
    """One value that does not fit, with every reason: where below the value, and what was expected there."""

    def __init__(self, problems: Iterable[tuple[Steps, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(message for _, message in self.problems))


def wrong(expected: str, value: object) -> Mismatch:
    """Return the mismatch of a value that has another type than expected."""
    return Mismatch([((), f"expected {expected}, got {json_type(value)}")])


def json_type(value: object) -> str:
    """Name the type of a decoded value."""
    return JSON_NAMES.get(type(value), type(value).__name__)


def problems_of(error: Exception) -> tuple[tuple[Steps, str], ...]:
    """Return what an exception from a hook says: our own in full, a stranger's by its first text."""
    if isinstance(error, Mismatch):
        return error.problems
    if isinstance(error, StructureHandlerNotFoundError):
        raise error
    if isinstance(error, BaseValidationError):
        return tuple(((), line) for line in transform_error(error))
    text = error.args[0] if error.args and isinstance(error.args[0], str) else type(error).__name__
    return (((), text),)


class Collector:
    """Gathers the problems of the parts of one value, so that one bad field does not hide the next."""

    def __init__(self) -> None:
        self.found: list[tuple[Steps, str]] = []

    def run(self, step: str | int, hook: Hook, value: object, target: object) -> object:
        """Structure one part; what is wrong with it is noted below ``step``."""
        try:
            return hook(value, target)
        except RecursionError:
            raise
        except Exception as error:  # noqa: BLE001 - a validator may raise anything, and it all means "does not fit"
            self.found.extend(((step, *steps), message) for steps, message in problems_of(error))
            if len(self.found) >= MAX_PROBLEMS:
                self.done()  # a hostile body can be wrong a million times
            return None

    def note(self, step: str, message: str) -> None:
        """Add one problem of a field."""
        self.found.append(((step,), message))
        if len(self.found) >= MAX_PROBLEMS:
            self.done()

    def done(self) -> None:
        """Raise what was gathered, if anything was."""
        if self.found:
            raise Mismatch(self.found)
