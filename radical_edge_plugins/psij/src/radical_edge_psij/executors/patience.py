"""How long a scheduler waits between TERM and KILL: so much later may a job's last words come."""

from __future__ import annotations

import re

from radical_edge_core.schedulers import Query, Scheduler
from radical_edge_core.schedulers.command import Runner

DEFAULT_S = 30.0  # SLURM's, where it can't be asked
_KILL_WAIT = re.compile(r"^KillWait\s*=\s*(\d+)", re.MULTILINE)


class Patience:
    """
    Asks once in a while.

    Args:
        scheduler: Whom; only SLURM tells.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._query = Query[float](name="slurm kill wait", ask=_ask)

    def kill_wait_s(self) -> float:
        """Return the seconds; the default until they are known."""
        if self._scheduler.name != "slurm":
            return DEFAULT_S
        answer = self._scheduler.collector.poll(self._query, interval_s=3600.0)
        return DEFAULT_S if answer is None else answer.value


def _ask(runner: Runner) -> float:
    found = _KILL_WAIT.search(runner.run(["scontrol", "show", "config"]).stdout)
    return float(found[1]) if found else DEFAULT_S
