"""
What goes wrong between an edge and its batch scheduler.

::

    Unavailable
     +- SchedulerUnavailable        scheduler_unavailable   503  yes
         +- CommandFailed           scheduler_command       503  yes
         |   +- CommandTimedOut     scheduler_timeout       503  yes
         +- OutputUnreadable        scheduler_output        503  yes
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Self

from radical_edge_core.errors import Unavailable

_TAIL_LINES = 5
_TAIL_CHARS = 500
_COMMAND_CHARS = 300


class SchedulerUnavailable(Unavailable):
    """The batch scheduler can't be asked now; nothing is known of what it would have said."""

    code = "scheduler_unavailable"

    def again(self) -> Self:
        """Return another exception that says the same, for one more caller to raise."""
        return type(self)(self.detail, **self.data)


class CommandFailed(SchedulerUnavailable):
    """A scheduler's command can't be started, or ended badly; ``command``, ``return_code``, ``stderr`` say how."""

    code = "scheduler_command"


class CommandTimedOut(CommandFailed):
    """A scheduler's command gave no answer by its deadline, and was killed with all that it had started."""

    code = "scheduler_timeout"


class OutputUnreadable(SchedulerUnavailable):
    """A scheduler's command ended well, and what it printed is not what this version can read."""

    code = "scheduler_output"


def command_text(argv: Sequence[str]) -> str:
    """Return a command as one would type it, for people; cut where it is very long."""
    text = shlex.join(argv)
    return text if len(text) <= _COMMAND_CHARS else f"{text[:_COMMAND_CHARS]}..."


def tail(text: str) -> str:
    """Return the last lines of what a command said."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-_TAIL_LINES:])[-_TAIL_CHARS:]
